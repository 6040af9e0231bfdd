//! The words of an event of the history, and whether it may be the act of an intruder.

/// The text of an event. An event that this version of the client does not know is shown by its code.
pub fn text(event: &str) -> String {
    let text = match event {
        "signed_up" => "Account created",
        "signed_in" => "Signed in",
        "sign_in_failed" => "Sign-in failed: wrong password or code",
        "signed_out" => "Signed out",
        "session_revoked" => "One device was signed out",
        "other_sessions_revoked" => "All other devices were signed out",
        "all_sessions_revoked" => "All devices were signed out",
        "refresh_reused" => "A copy of a session was used; its device was signed out",
        "password_changed" => "Password changed",
        "password_reset_requested" => "Link to reset the password requested",
        "password_reset" => "Password changed with a link",
        "email_change_requested" => "New e-mail address entered",
        "email_changed" => "E-mail address changed",
        "email_change_undone" => "Change of the e-mail address undone",
        "email_verified" => "E-mail address confirmed",
        "name_changed" => "Name changed",
        "notifications_changed" => "Settings of e-mails changed",
        "two_factor_enabled" => "Two-factor turned on",
        "two_factor_disabled" => "Two-factor turned off",
        "recovery_codes_replaced" => "Recovery codes replaced",
        "recovery_code_used" => "Signed in with a recovery code",
        "code_refused" => "Wrong two-factor code, after the right password",
        "data_exported" => "All data downloaded",
        other => return other.replace('_', " "),
    };
    text.to_owned()
}

/// Whether an intruder may have done it, or tried to. The others are harmless, or the mailbox of the owner decides about them.
pub fn may_be_an_attack(event: &str) -> bool {
    !matches!(
        event,
        "signed_up" | "signed_out" | "password_reset_requested" | "email_verified" | "name_changed"
    )
}

#[cfg(test)]
mod tests {
    use super::{may_be_an_attack, text};

    #[test]
    fn an_unknown_event_is_shown_by_its_code_and_may_be_an_attack() {
        assert_eq!(text("session_revoked"), "One device was signed out");
        assert_eq!(text("something_newer"), "something newer");
        assert!(may_be_an_attack("something_newer"));
        assert!(!may_be_an_attack("signed_out"));
    }
}
