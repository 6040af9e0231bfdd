//! The pages of the web client. The client shows a page at each of these paths; the server answers 200 there and 404 at
//! any other path.

/// The pages of the program that a first visit loads. A test compares them with the client's routes.
pub const MAIN: [&str; 4] = ["/", "/login", "/signup", "/tasks"];

/// The settings.
pub const SETTINGS: &str = "/settings";
/// Asks for a link to a new password.
pub const FORGOT_PASSWORD: &str = "/forgot-password";
/// Sets a new password with the token of a link.
pub const RESET_PASSWORD: &str = "/reset-password";
/// Confirms an address with the token of a link.
pub const VERIFY_EMAIL: &str = "/verify-email";

/// The pages of the account, which are a program of their own.
pub const ACCOUNT: [&str; 4] = [SETTINGS, FORGOT_PASSWORD, RESET_PASSWORD, VERIFY_EMAIL];

/// Whether `path` is one of `pages`. One slash at its end does not count, as in the client's router.
pub fn has(pages: &[&str], path: &str) -> bool {
    pages.iter().any(|page| without_slash(page) == without_slash(path))
}

/// `path` without one slash at its end.
pub fn without_slash(path: &str) -> &str {
    path.strip_suffix('/').unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::{ACCOUNT, MAIN, has};

    #[test]
    fn a_page_is_known_by_its_path_with_or_without_a_slash() {
        for path in ["/", "/tasks", "/tasks/"] {
            assert!(has(&MAIN, path), "{path}");
        }
        for path in ["/settings", "/settings/"] {
            assert!(has(&ACCOUNT, path) && !has(&MAIN, path), "{path}");
        }
        for path in ["//", "/tasks//", "/task", "/tasks/1", "//example.com/tasks"] {
            assert!(!has(&MAIN, path) && !has(&ACCOUNT, path), "{path}");
        }
    }
}
