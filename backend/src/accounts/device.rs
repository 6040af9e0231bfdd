//! The device cookie. A browser in which a user has signed in is known to the account, so that guesses made elsewhere cannot
//! lock the user out. The cookie proves nothing else. A new password and each change of two-factor make all other devices
//! unknown.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use poem::web::cookie::CookieJar;
use sha2::{Digest, Sha256};

use crate::accounts::cookies::{Cookies, DEVICE_COOKIE};
use crate::accounts::random::random;
use crate::accounts::store::known_devices::{DeviceHash, LIFETIME};
use crate::accounts::user_id::UserId;
use crate::db::Db;
use crate::fault::Fault;

/// The token of a device: 256 random bits.
pub struct Device([u8; 32]);

/// A device that has signed in to the account in question. Only [`known`] makes one.
pub struct KnownDevice(Device);

impl Device {
    /// A new device.
    pub fn generate() -> Result<Self, Fault> {
        random().map(Self)
    }

    /// Its hash, as it is stored.
    pub fn hash(&self) -> DeviceHash {
        Sha256::digest(self.0).into()
    }

    /// Sets the cookie.
    pub fn write(&self, cookies: &Cookies, jar: &CookieJar) {
        let value = BASE64_URL_SAFE_NO_PAD.encode(self.0);
        cookies.set(jar, DEVICE_COOKIE, &value, LIFETIME.to_std().ok());
    }

    fn read(cookies: &Cookies, jar: &CookieJar) -> Option<Self> {
        let cookie = cookies.get(jar, DEVICE_COOKIE)?;
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

/// The device of the browser, if it is known to the account. Without an account the database is queried all the same, so that
/// the time does not tell whether there is one.
pub async fn known(
    db: &Db,
    cookies: &Cookies,
    jar: &CookieJar,
    user_id: Option<&UserId>,
) -> Result<Option<KnownDevice>, Fault> {
    let Some(device) = Device::read(cookies, jar) else {
        return Ok(None);
    };
    let is_known = db.is_known_device(user_id, &device.hash()).await?;
    Ok(is_known.then_some(KnownDevice(device)))
}

/// The device on which a sign-in succeeds: the known one, or a new one. A token that is not known may be someone else's.
pub async fn for_sign_in(db: &Db, cookies: &Cookies, jar: &CookieJar, user_id: &UserId) -> Result<Device, Fault> {
    match known(db, cookies, jar, Some(user_id)).await? {
        Some(KnownDevice(device)) => Ok(device),
        None => Device::generate(),
    }
}
