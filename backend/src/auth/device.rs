//! The device cookie: a browser in which a user has signed in is known to the account, so that guesses made elsewhere cannot
//! lock the user out. The cookie proves that and nothing else. A new password and each change of two-factor make all other
//! devices unknown.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use poem::web::cookie::CookieJar;
use sha2::{Digest, Sha256};

use super::random;
use super::session::Cookies;
use crate::App;
use crate::db::known_devices::{DeviceHash, LIFETIME};
use crate::problem::Problem;

/// The cookie with the token of the device.
const COOKIE: &str = "docket_device";

/// The token of a device: 256 random bits.
pub struct Device([u8; 32]);

/// A device that has signed in to the account in question. Only [`known`] makes one.
pub struct KnownDevice(Device);

impl Device {
    /// A new device.
    pub fn draw() -> Result<Self, Problem> {
        random().map(Self)
    }

    /// What the database keeps of it.
    pub fn hash(&self) -> DeviceHash {
        Sha256::digest(self.0).into()
    }

    /// Gives it to the browser.
    pub fn write(&self, cookies: &Cookies, jar: &CookieJar) {
        let value = BASE64_URL_SAFE_NO_PAD.encode(self.0);
        cookies.set(jar, COOKIE, &value, LIFETIME.to_std().ok());
    }

    fn read(cookies: &Cookies, jar: &CookieJar) -> Option<Self> {
        let cookie = cookies.get(jar, COOKIE)?;
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(cookie).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

impl KnownDevice {
    /// The device, apart from the account.
    pub fn device(&self) -> &Device {
        &self.0
    }
}

/// The browser's device, if it is known to the account. Without an account the database is asked all the same, so that the
/// time does not tell whether there is one.
pub async fn known(app: &App, jar: &CookieJar, user_id: Option<&str>) -> Result<Option<KnownDevice>, Problem> {
    let Some(device) = Device::read(&app.cookies, jar) else {
        return Ok(None);
    };
    let user_id = user_id.unwrap_or_default();
    let is_known = app.db.is_known_device(user_id, &device.hash()).await?;
    Ok(is_known.then_some(KnownDevice(device)))
}

/// The device on which a sign-in succeeds: the known one, or a new one. A token that was not known may be somebody else's.
pub async fn for_sign_in(app: &App, jar: &CookieJar, user_id: &str) -> Result<Device, Problem> {
    match known(app, jar, Some(user_id)).await? {
        Some(KnownDevice(device)) => Ok(device),
        None => Device::draw(),
    }
}
