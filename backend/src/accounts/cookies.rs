//! Setting and reading cookies. Scripts cannot read them, and other sites cannot send them.

use std::time::Duration;

use poem::web::cookie::{Cookie, CookieJar, SameSite};

/// The cookie with the refresh token.
pub const REFRESH_COOKIE: &str = "docket_refresh";
/// The cookie of a sign-in that waits for a code.
pub const TWO_FACTOR_COOKIE: &str = "docket_two_factor";
/// The cookie that makes a device known.
pub const DEVICE_COOKIE: &str = "docket_device";

/// Sets and reads cookies: `HttpOnly`, `SameSite=Strict`.
pub struct Cookies {
    /// Whether the server is reached by HTTPS: then cookies are `Secure` and have the prefix `__Host-`.
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

    /// The value that the browser sent.
    pub fn get(&self, jar: &CookieJar, name: &str) -> Option<String> {
        jar.get(&self.name(name)).map(|cookie| cookie.value_str().to_owned())
    }

    /// Sets a cookie for `lifetime`, or until the browser is closed.
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
