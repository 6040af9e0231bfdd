//! The paths of the pages of the web client. The server answers 200 at these paths and 404 at any other.

/// The pages of the main program, which the first visit loads. A test compares them with the client's routes.
pub const MAIN: [&str; 4] = ["/", "/login", "/signup", "/tasks"];

/// Account settings.
pub const SETTINGS: &str = "/settings";
/// Requests a password reset link.
pub const FORGOT_PASSWORD: &str = "/forgot-password";
/// Sets a new password with the token of a link.
pub const RESET_PASSWORD: &str = "/reset-password";
/// Verifies an e-mail address with the token of a link.
pub const VERIFY_EMAIL: &str = "/verify-email";
/// Completes a change of the e-mail address with the token of a link.
pub const CONFIRM_EMAIL_CHANGE: &str = "/confirm-email-change";
/// Undoes a change of the e-mail address with the token of a link.
pub const UNDO_EMAIL_CHANGE: &str = "/undo-email-change";

/// The pages of the account program, a separate WebAssembly module.
pub const ACCOUNT: [&str; 6] = [
    SETTINGS,
    FORGOT_PASSWORD,
    RESET_PASSWORD,
    VERIFY_EMAIL,
    CONFIRM_EMAIL_CHANGE,
    UNDO_EMAIL_CHANGE,
];

/// Whether `path` is one of `pages`. One trailing slash is ignored, as in the client's router.
pub fn has(pages: &[&str], path: &str) -> bool {
    pages.iter().any(|page| without_slash(page) == without_slash(path))
}

/// `path` without one trailing slash.
pub fn without_slash(path: &str) -> &str {
    path.strip_suffix('/').unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::{ACCOUNT, MAIN, has};

    #[test]
    fn a_page_is_found_with_or_without_a_trailing_slash() {
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
