//! The texts of mails.

const SIGNATURE: &str = "This mail was sent by Docket. Nobody reads answers to it.";

/// A mail. Its text contains nothing that another person could have chosen, apart from a checked address.
pub struct Letter {
    /// The address of the recipient.
    pub to: String,
    /// The subject.
    pub subject: &'static str,
    /// The text, with the signature.
    pub text: String,
}

impl Letter {
    /// To somebody who signed up, or whose address is not confirmed yet.
    pub fn confirm_address(to: String, link: &str) -> Self {
        let text = format!(
            "Welcome to Docket. Please confirm that this is your e-mail address:\n\n{link}\n\n\
             The link works once, for 24 hours.\n\n\
             If you have no account at Docket, somebody mistyped an address. Ignore this mail and nothing will happen."
        );
        Self::new(to, "Confirm your e-mail address", text)
    }

    /// To somebody whose address was entered for a new account, or as the new address of another one.
    pub fn address_in_use(to: String, public_url: &str) -> Self {
        let text = format!(
            "Somebody, perhaps you, wanted to use this e-mail address for an account at Docket. It belongs to one \
             already:\n\n{public_url}/login\n\n\
             If it was you, sign in there, or choose \"Forgot your password?\".\n\n\
             If it was not you, there is nothing to do: the account is as it was."
        );
        Self::new(to, "You have an account already", text)
    }

    /// To somebody who forgot the password.
    pub fn reset_password(to: String, link: &str) -> Self {
        let text = format!(
            "Somebody, perhaps you, asked for a new password for your account. Choose it here:\n\n{link}\n\n\
             The link works once, for 1 hour. A new password signs you out on every device.\n\n\
             If it was not you, ignore this mail: your password stays as it is."
        );
        Self::new(to, "Choose a new password", text)
    }

    /// To somebody whose password was just set with a link.
    pub fn password_was_reset(to: String, public_url: &str) -> Self {
        let text = format!(
            "Your account has a new password, and every device was signed out.\n\n\
             If it was not you, somebody else can read your mail or got hold of a link. Secure your mailbox first, then \
             choose another password here:\n\n{public_url}/forgot-password"
        );
        Self::new(to, "Your password was changed", text)
    }

    /// To the address that somebody wants to have from now on.
    pub fn confirm_new_address(to: String, link: &str) -> Self {
        let text = format!(
            "Somebody, perhaps you, wants to use this e-mail address for an account at Docket. Confirm it here:\n\n\
             {link}\n\n\
             The link works once, for 24 hours. Until then the account keeps its old address.\n\n\
             If it was not you, ignore this mail and nothing will happen."
        );
        Self::new(to, "Confirm your new e-mail address", text)
    }

    /// To the address that somebody has until now.
    pub fn address_will_change(to: String, new_address: &str, public_url: &str) -> Self {
        let text = format!(
            "Somebody, perhaps you, asked to change the e-mail address of your account to {new_address}. It changes when \
             the link in the mail to that address is opened, within 24 hours.\n\n\
             If it was not you, somebody else is signed in as you. Choose another password, which signs everybody out \
             and makes that link worthless:\n\n{public_url}/settings"
        );
        Self::new(to, "Your e-mail address is about to change", text)
    }

    fn new(to: String, subject: &'static str, text: String) -> Self {
        let text = format!("{text}\n\n-- \n{SIGNATURE}\n");
        Self { to, subject, text }
    }
}
