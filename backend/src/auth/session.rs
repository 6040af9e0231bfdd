//! Sessions as a browser holds them: a refresh token in a cookie that scripts cannot read, and the access token it renews.
//!
//! Each renewal draws a new refresh token. The database keeps it sealed with the one before, so that the same token
//! presented twice, by two tabs at once or because an answer was lost, leads to the same successor; from the database
//! alone nobody can read one.

use std::time::Duration;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use poem::web::cookie::{Cookie, CookieJar, SameSite};
use sha2::{Digest, Sha256};
use shared::account::User;
use uuid::Uuid;

use super::device::{self, Device};
use super::{OwnSession, random};
use crate::App;
use crate::client::Client;
use crate::db::sessions::{IDLE, NewSession, RefreshHash, Replacement};
use crate::db::users::UserRow;
use crate::db::{DbError, now};
use crate::problem::Problem;

/// The cookie with the refresh token.
pub const REFRESH_COOKIE: &str = "docket_refresh";

/// The cookies of this server: out of reach of scripts and of other sites.
pub struct Cookies {
    /// People come by https, so a cookie is sent by nothing else and belongs to this host alone.
    pub secure: bool,
}

impl Cookies {
    fn name(&self, name: &str) -> String {
        if self.secure {
            format!("__Host-{name}")
        } else {
            name.to_owned()
        }
    }

    fn build(&self, name: &str, value: &str) -> Cookie {
        let mut cookie = Cookie::new_with_str(self.name(name), value);
        cookie.set_http_only(true);
        cookie.set_same_site(SameSite::Strict);
        cookie.set_secure(self.secure);
        cookie.set_path(if self.secure { "/" } else { "/api/auth" });
        cookie
    }

    /// What the browser sent.
    pub fn get(&self, jar: &CookieJar, name: &str) -> Option<String> {
        jar.get(&self.name(name)).map(|cookie| cookie.value_str().to_owned())
    }

    /// Gives the browser a cookie, for `lifetime` or until it is closed.
    pub fn set(&self, jar: &CookieJar, name: &str, value: &str, lifetime: Option<Duration>) {
        let mut cookie = self.build(name, value);
        if let Some(lifetime) = lifetime {
            cookie.set_max_age(lifetime);
        }
        jar.add(cookie);
    }

    /// Takes a cookie from the browser.
    pub fn clear(&self, jar: &CookieJar, name: &str) {
        self.set(jar, name, "", Some(Duration::ZERO));
    }
}

/// A refresh token: the session it renews, what all of its session's tokens have in common, and 256 random bits of its own.
pub struct RefreshToken {
    /// The session.
    pub session: Uuid,
    family: [u8; 16],
    secret: [u8; 32],
}

impl RefreshToken {
    /// The first token of a new session.
    pub fn draw() -> Result<Self, Problem> {
        Ok(Self {
            session: Uuid::now_v7(),
            family: random()?,
            secret: random()?,
        })
    }

    /// A token to replace this one.
    pub fn successor(&self) -> Result<Self, Problem> {
        let secret = random()?;
        Ok(Self { secret, ..*self })
    }

    /// Parses the value of a cookie; none if it is malformed.
    pub fn parse(cookie: &str) -> Option<Self> {
        let mut parts = cookie.splitn(3, '.');
        let session = parts.next()?.parse().ok()?;
        let mut bytes = || BASE64_URL_SAFE_NO_PAD.decode(parts.next()?).ok();
        Some(Self {
            session,
            family: bytes()?.try_into().ok()?,
            secret: bytes()?.try_into().ok()?,
        })
    }

    /// Gives it to the browser, which keeps it when it is closed if `remember`.
    pub fn write(&self, cookies: &Cookies, jar: &CookieJar, remember: bool) {
        let [family, secret] = [&self.family[..], &self.secret].map(|bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes));
        let value = format!("{}.{family}.{secret}", self.session);
        let lifetime = remember.then(|| IDLE.to_std().unwrap_or_default());
        cookies.set(jar, REFRESH_COOKIE, &value, lifetime);
    }

    /// What the database keeps of it.
    pub fn hash(&self) -> RefreshHash {
        Sha256::digest(self.secret).into()
    }

    /// What the database keeps of its family. Whoever knows the family has had one of its tokens.
    pub fn family_hash(&self) -> RefreshHash {
        Sha256::digest(self.family).into()
    }

    /// `successor`, readable only with this token.
    pub fn seal(&self, successor: &Self) -> [u8; 32] {
        self.mask(successor.secret)
    }

    /// The successor that [`RefreshToken::seal`] sealed. None if it is not of that length.
    pub fn unseal(&self, sealed: &[u8]) -> Option<Self> {
        let secret = self.mask(sealed.try_into().ok()?);
        Some(Self { secret, ..*self })
    }

    /// A token seals one successor in its life, so its hash serves as a pad that is used once.
    fn mask(&self, mut bytes: [u8; 32]) -> [u8; 32] {
        let pad = Sha256::new()
            .chain_update("docket successor of a refresh token")
            .chain_update(self.secret)
            .finalize();
        for (byte, pad) in bytes.iter_mut().zip(pad) {
            *byte ^= pad;
        }
        bytes
    }
}

/// What a browser gets when a session begins.
pub struct Handover {
    refresh: RefreshToken,
    device: Device,
    remember: bool,
}

impl Handover {
    /// Sets the cookies of the session. Returns the access token and the account.
    pub fn complete(self, app: &App, jar: &CookieJar, user: UserRow) -> Result<(String, User), Problem> {
        self.device.write(&app.cookies, jar);
        renew(app, jar, &self.refresh, user, self.remember)
    }
}

/// A session that is to begin on `device` once the password was proved, and what its browser gets then.
pub fn draw(client: Client, remember: bool, device: Device) -> Result<(NewSession, Handover), Problem> {
    let refresh = RefreshToken::draw()?;
    let session = NewSession {
        id: refresh.session,
        refresh_hash: refresh.hash(),
        family_hash: refresh.family_hash(),
        remember,
        authenticated_at: now(),
        device: device.hash(),
        client,
    };
    let handover = Handover {
        refresh,
        device,
        remember,
    };
    Ok((session, handover))
}

/// A session that is to take the place of all sessions of the user of `asking`, on a device of its own.
/// [`Problem::Unauthenticated`] if that session has ended.
pub async fn draw_replacement(
    app: &App,
    client: Client,
    asking: OwnSession,
) -> Result<(Replacement, Handover), Problem> {
    let before = app.db.session(asking.id).await?.ok_or(Problem::Unauthenticated)?;
    let (session, handover) = draw(client, before.remember, Device::draw()?)?;
    let replaces = asking.id;
    Ok((Replacement { replaces, session }, handover))
}

/// Gives the browser the refresh token of a session that goes on. The answer is a new access token and the account.
pub fn renew(
    app: &App,
    jar: &CookieJar,
    refresh: &RefreshToken,
    user: UserRow,
    remember: bool,
) -> Result<(String, User), Problem> {
    let token = app.tokens.sign(&user.id, refresh.session, user.token_version)?;
    refresh.write(&app.cookies, jar, remember);
    Ok((token, user.into()))
}

/// Signs in: begins a session for `user` and hands it over. The answer is the access token and the account.
pub async fn open(
    app: &App,
    jar: &CookieJar,
    client: Client,
    user: UserRow,
    remember: bool,
) -> Result<(String, User), Problem> {
    let device = device::for_sign_in(app, jar, &user.id).await?;
    let (session, handover) = draw(client, remember, device)?;
    let started = app.db.start_session(user.clone(), session).await;
    started.map_err(|error| match error {
        DbError::NotFound => Problem::NoSession,
        other => other.into(),
    })?;
    handover.complete(app, jar, user)
}
