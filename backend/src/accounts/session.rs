//! Creating and renewing sessions: the database row, the cookies and the access token.

use poem::web::cookie::CookieJar;
use shared::account::User;

use crate::accounts::device::{self, Device};
use crate::accounts::identity::OwnSession;
use crate::accounts::refresh_token::RefreshToken;
use crate::accounts::service::Accounts;
use crate::accounts::store::proof::{Proof, Stale};
use crate::accounts::store::sessions::{NewSession, Replacement};
use crate::accounts::store::users::UserRow;
use crate::db::{Abort, now};
use crate::fault::Fault;
use crate::http::client::Client;
use crate::http::problem::Problem;

/// The cookies of a new session.
pub struct SessionCookies {
    refresh: RefreshToken,
    device: Device,
    remember: bool,
}

impl SessionCookies {
    /// Sets the cookies. Returns the access token and the account.
    pub fn set(self, accounts: &Accounts, jar: &CookieJar, user: UserRow) -> Result<(String, User), Fault> {
        self.device.set_cookie(&accounts.cookies, jar);
        renew(accounts, jar, &self.refresh, user, self.remember)
    }
}

/// A new session on `device` for the database, and its cookies.
pub fn new(client: Client, remember: bool, device: Device) -> Result<(NewSession, SessionCookies), Fault> {
    let refresh = RefreshToken::generate()?;
    let session = NewSession {
        id: refresh.session,
        refresh_hash: refresh.hash(),
        family_hash: refresh.family_hash(),
        remember,
        authenticated_at: now(),
        device: device.hash(),
        client,
    };
    let cookies = SessionCookies {
        refresh,
        device,
        remember,
    };
    Ok((session, cookies))
}

/// A new session, on a new device, that replaces all sessions of the user of `current`. [`Problem::Unauthenticated`] if
/// `current` has ended.
pub async fn replacement(
    accounts: &Accounts,
    client: Client,
    current: OwnSession,
) -> Result<(Replacement, SessionCookies), Problem> {
    let before = accounts.db.session(current.id).await?;
    let before = before.ok_or(Problem::Unauthenticated)?;
    let (session, cookies) = new(client, before.remember, Device::generate()?)?;
    let replaces = current.id;
    Ok((Replacement { replaces, session }, cookies))
}

/// Sets the refresh cookie of a renewed session. Returns a new access token and the account.
pub fn renew(
    accounts: &Accounts,
    jar: &CookieJar,
    refresh: &RefreshToken,
    user: UserRow,
    remember: bool,
) -> Result<(String, User), Fault> {
    let token = accounts.tokens.sign(&user.id, refresh.session, user.token_version)?;
    refresh.write(&accounts.cookies, jar, remember);
    Ok((token, user.into()))
}

/// The problem of a sign-in that was refused by the database: [`Problem::NoSession`] if its credentials are stale.
pub fn sign_in_refused(abort: Abort<Stale>) -> Problem {
    match abort {
        Abort::Refused(Stale) => Problem::NoSession,
        Abort::Failed(error) => error.into(),
    }
}

/// Creates a session for `user`, whose credentials were verified after it was read, and sets its cookies. Returns the access token and the account. [`Problem::NoSession`] if the
/// password or two-factor authentication was changed, or the account was deleted, since `user` was read.
pub async fn begin(
    accounts: &Accounts,
    jar: &CookieJar,
    client: Client,
    user: UserRow,
    remember: bool,
) -> Result<(String, User), Problem> {
    let device = device::for_sign_in(&accounts.db, &accounts.cookies, jar, &user.id).await?;
    let (session, cookies) = new(client, remember, device)?;
    let begun = accounts.db.start_session(Proof::of(&user), session).await;
    begun.map_err(sign_in_refused)?;
    Ok(cookies.set(accounts, jar, user)?)
}
