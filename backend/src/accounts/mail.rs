//! E-mail templates.

const SIGNATURE: &str = "This mail was sent by Docket. Replies to it are not read.";

/// A mail. Its text contains no input of other people except a validated e-mail address.
pub struct Mail {
    /// The address of the recipient.
    pub to: String,
    /// The subject.
    pub subject: &'static str,
    /// The text, including the signature.
    pub text: String,
}

impl Mail {
    /// Sent after a sign-up, and to unverified addresses.
    pub fn verify_address(to: String, link: &str) -> Self {
        let text = format!(
            "Welcome to Docket. Please confirm that this is your e-mail address:\n\n{link}\n\n\
             The link works once, for 24 hours. The page asks for the password that you chose; if you did not choose one, set a \
             new one there.\n\n\
             If you did not sign up for Docket, somebody mistyped an address: ignore this mail."
        );
        Self::new(to, "Confirm your e-mail address", text)
    }

    /// Sent when the address of an account was entered for a new account, or as the new address of another account.
    pub fn address_in_use(to: String, public_url: &str) -> Self {
        let text = format!(
            "Somebody, perhaps you, tried to use this e-mail address for an account at Docket. There is already an account \
             with this address:\n\n{public_url}/login\n\n\
             If it was you, sign in there, or choose \"Forgot your password?\".\n\n\
             If it was not you, ignore this mail: your account has not been changed."
        );
        Self::new(to, "You have an account already", text)
    }

    /// Sent when a password reset is requested.
    pub fn reset_password(to: String, link: &str) -> Self {
        let text = format!(
            "Somebody, perhaps you, requested a password reset for your account. Choose a new password here:\n\n{link}\n\n\
             The link works once, for 1 hour. A new password signs you out on every device.\n\n\
             If it was not you, ignore this mail: your password is not changed."
        );
        Self::new(to, "Choose a new password", text)
    }

    /// Sent after a password reset.
    pub fn password_was_reset(to: String, public_url: &str) -> Self {
        let text = format!(
            "The password of your account was changed, and every device was signed out.\n\n\
             If it was not you, somebody else can read your mail. Secure your mailbox first, then choose a new password \
             here:\n\n{public_url}/forgot-password"
        );
        Self::new(to, "Your password was changed", text)
    }

    /// Sent to the new address when an address change is requested.
    pub fn verify_new_address(to: String, link: &str) -> Self {
        let text = format!(
            "Somebody, perhaps you, wants to use this e-mail address for an account at Docket. Confirm it here:\n\n\
             {link}\n\n\
             The link works once, for 24 hours, as long as you stay signed in where you asked for it. Until then the account \
             keeps its old address.\n\n\
             If it was not you, ignore this mail."
        );
        Self::new(to, "Confirm your new e-mail address", text)
    }

    /// Sent to the current address when an address change is requested.
    pub fn address_will_change(to: String, new_address: &str, public_url: &str) -> Self {
        let text = format!(
            "Somebody, perhaps you, asked to change the e-mail address of your account to {new_address}. It changes when \
             the link in the mail to that address is opened, within 24 hours.\n\n\
             If it was not you, somebody else is signed in to your account. Change your password, which signs out every \
             device and cancels the change:\n\n{public_url}/settings"
        );
        Self::new(to, "Your e-mail address is about to change", text)
    }

    /// Sent to the previous address when the address was changed. Without a link `undo`, nothing proved that the previous address
    /// belongs to the user.
    pub fn address_was_changed(to: String, undo: Option<&str>, public_url: &str) -> Self {
        let advice = match undo {
            Some(undo) => format!(
                "If it was not you, take your account back within 7 days. This link restores this address, lets you choose a \
                 new password and signs out every device:\n\n{undo}"
            ),
            None => format!(
                "If it was not you, change your password, which signs out every device:\n\n{public_url}/settings"
            ),
        };
        let text = format!(
            "The e-mail address of your account was changed; this address no longer belongs to it.\n\n{advice}"
        );
        Self::new(to, "Your e-mail address was changed", text)
    }

    fn new(to: String, subject: &'static str, text: String) -> Self {
        let text = format!("{text}\n\n-- \n{SIGNATURE}\n");
        Self { to, subject, text }
    }
}
