//! The device cookie. A browser in which a user has signed in is a known device of the account and has rate limits of its own,
//! so that an attacker elsewhere cannot lock the user out. The cookie grants nothing else. A new password and each change of
//! two-factor authentication forget all other devices.

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

/// A device that has signed in to the account. Only [`known`] constructs it.
pub struct KnownDevice(Device);

impl Device {
    /// Generates the token of a new device.
    pub fn generate() -> Result<Self, Fault> {
        random().map(Self)
    }

    /// The hash of the token, as it is stored.
    pub fn hash(&self) -> DeviceHash {
        Sha256::digest(self.0).into()
    }

    /// Sets the cookie.
    pub fn set_cookie(&self, cookies: &Cookies, jar: &CookieJar) {
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
    /// The device.
    pub fn device(&self) -> &Device {
        &self.0
    }
}

/// The device of the request, if it is a known device of the account. The database is also queried if there is no account, so
/// that the response time does not reveal whether it exists.
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

/// The device for a successful sign-in: the known device, or a new one. An unknown token is not reused, because it may belong to
/// another user.
pub async fn for_sign_in(db: &Db, cookies: &Cookies, jar: &CookieJar, user_id: &UserId) -> Result<Device, Fault> {
    match known(db, cookies, jar, Some(user_id)).await? {
        Some(KnownDevice(device)) => Ok(device),
        None => Device::generate(),
    }
}
