//! Setting and reading cookies, all of which are `HttpOnly` and `SameSite=Strict`.

use std::time::Duration;

use poem::web::cookie::{Cookie, CookieJar, SameSite};

/// The cookie with the refresh token.
pub const REFRESH_COOKIE: &str = "docket_refresh";
/// The cookie of a pending sign-in, which requires a code.
pub const TWO_FACTOR_COOKIE: &str = "docket_two_factor";
/// The cookie that identifies a known device.
pub const DEVICE_COOKIE: &str = "docket_device";

/// Sets and reads cookies.
pub struct Cookies {
    /// Whether the public URL is HTTPS. Then cookies are `Secure` and have the prefix `__Host-`.
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

    /// The value of a cookie in the request.
    pub fn get(&self, jar: &CookieJar, name: &str) -> Option<String> {
        jar.get(&self.name(name)).map(|cookie| cookie.value_str().to_owned())
    }

    /// Sets a cookie with `Max-Age`, or a session cookie if there is no `lifetime`.
    pub fn set(&self, jar: &CookieJar, name: &str, value: &str, lifetime: Option<Duration>) {
        let mut cookie = self.build(name, value);
        if let Some(lifetime) = lifetime {
            cookie.set_max_age(lifetime);
        }
        jar.add(cookie);
    }

    /// Deletes a cookie.
    pub fn clear(&self, jar: &CookieJar, name: &str) {
        self.set(jar, name, "", Some(Duration::ZERO));
    }
}
