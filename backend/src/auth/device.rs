//! The device cookie: a browser that has signed in to an account is known there, so that guesses from elsewhere cannot lock
//! its owner out. It proves that and nothing else.

use std::time::Duration;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use hmac::{Hmac, Mac};
use poem::web::cookie::CookieJar;
use sha2::Sha256;
use uuid::Uuid;

use super::session::Cookies;
use crate::config::Secrets;
use crate::problem::Problem;

/// The cookie: the device's id and the seal of the id and the account, with a dot between.
const COOKIE: &str = "docket_device";
const LIFETIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A device that has signed in to the account in question. Only [`Devices::known`] makes one.
pub struct KnownDevice(pub(super) Uuid);

/// Seals device ids with the signing secrets.
pub struct Devices(Vec<Hmac<Sha256>>);

impl Devices {
    /// The newest secret seals, all of them are recognised.
    pub fn new(secrets: &Secrets) -> Result<Self, Problem> {
        let seals = secrets.all().map(|version| {
            let mut seal = Hmac::new_from_slice(version.secret.expose().as_bytes())
                .map_err(|error| Problem::internal("a secret cannot be used", error))?;
            // Nothing else that the secret signs begins like this.
            seal.update(b"docket known device\0");
            Ok(seal)
        });
        Ok(Self(seals.collect::<Result<_, Problem>>()?))
    }

    /// Makes the browser known to the account.
    pub fn remember(&self, cookies: &Cookies, jar: &CookieJar, user_id: &str) {
        let known = self.known(cookies, jar, user_id);
        let KnownDevice(device) = known.unwrap_or_else(|| KnownDevice(Uuid::new_v4()));
        if let Some(seal) = self.0.first() {
            let seal = sealing(seal, device, user_id).finalize().into_bytes();
            let value = format!("{device}.{}", BASE64_URL_SAFE_NO_PAD.encode(seal));
            cookies.set(jar, COOKIE, &value, Some(LIFETIME));
        }
    }

    /// The browser's device, if it is known to the account.
    pub fn known(&self, cookies: &Cookies, jar: &CookieJar, user_id: &str) -> Option<KnownDevice> {
        let cookie = cookies.get(jar, COOKIE)?;
        let (device, seal) = cookie.split_once('.')?;
        let device = device.parse().ok()?;
        let presented = BASE64_URL_SAFE_NO_PAD.decode(seal).ok()?;
        let fits = |seal| sealing(seal, device, user_id).verify_slice(&presented).is_ok();
        self.0.iter().any(fits).then_some(KnownDevice(device))
    }
}

fn sealing(seal: &Hmac<Sha256>, device: Uuid, user_id: &str) -> Hmac<Sha256> {
    seal.clone().chain_update(device).chain_update(user_id)
}
