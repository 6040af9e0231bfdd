//! E-mail templates.

use shared::device_name::device_name;

use crate::accounts::notification::Notification;
use crate::accounts::store::notifications::Notice;

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

    /// Sent when a security event has been committed.
    pub fn about(notice: &Notice, public_url: &str) -> Self {
        let Notice {
            notification,
            email,
            at,
            client,
            undo_link,
        } = notice;
        let when = at.format("%Y-%m-%d %H:%M UTC");
        let device = device_name(client.user_agent.as_deref());
        let address = client.address_text().unwrap_or_else(|| "unknown".to_owned());
        let undo_link = undo_link.as_deref().unwrap_or(public_url);
        let what = occurrence(*notification);
        let advice = advice(*notification)
            .replace("{url}", public_url)
            .replace("{undo}", undo_link);
        let text = format!("{what}\n\nWhen: {when}\nDevice: {device}\nNetwork address: {address}\n\n{advice}");
        Self::new(email.clone(), subject(*notification), text)
    }

    fn new(to: String, subject: &'static str, text: String) -> Self {
        let text = format!("{text}\n\n-- \n{SIGNATURE}\n");
        Self { to, subject, text }
    }
}

/// The subject of a mail about a security event.
fn subject(notification: Notification) -> &'static str {
    match notification {
        Notification::PasswordChanged | Notification::PasswordReset => "Your password was changed",
        Notification::EmailChanged => "Your e-mail address was changed",
        Notification::TwoFactorEnabled => "Two-factor was turned on",
        Notification::TwoFactorDisabled => "Two-factor was turned off",
        Notification::RecoveryCodesReplaced => "Your recovery codes were replaced",
        Notification::RecoveryCodeUsed => "A recovery code was used",
        Notification::NewDevice => "Sign-in on a new device",
        Notification::FailedSignIns => "Failed sign-ins to your account",
        Notification::WrongCodes => "Somebody knows your password",
        Notification::AccountDeleted => "Your account was deleted",
    }
}

/// What happened.
fn occurrence(notification: Notification) -> &'static str {
    match notification {
        Notification::PasswordChanged => "The password of your account was changed, and every device was signed out.",
        Notification::PasswordReset => {
            "The password of your account was changed with a link from a mail, and every device was signed out."
        }
        Notification::EmailChanged => {
            "The e-mail address of your account was changed to another one. This is the last mail to this address."
        }
        Notification::TwoFactorEnabled => {
            "Two-factor was turned on for your account, and every device was signed out. From now on, each sign-in needs a \
             code."
        }
        Notification::TwoFactorDisabled => {
            "Two-factor was turned off for your account. From now on, the password alone is enough to sign in."
        }
        Notification::RecoveryCodesReplaced => {
            "New recovery codes were created for your account. Your earlier codes no longer work."
        }
        Notification::RecoveryCodeUsed => {
            "Somebody signed in to your account with your password and one of your recovery codes. The code does not work a \
             second time."
        }
        Notification::NewDevice => {
            "Somebody signed in to your account on a device or in a browser that it was not used on before."
        }
        Notification::FailedSignIns => {
            "Somebody tried to sign in to your account with a wrong password, ten times within a day. This is the last attempt:"
        }
        Notification::WrongCodes => {
            "Somebody entered the right password of your account, and ten wrong two-factor codes within a day. This is the \
             last attempt:"
        }
        Notification::AccountDeleted => "Your account was deleted with all of its data. This cannot be undone.",
    }
}

/// What to do if it was not the user. `{url}` is the public URL of the client, `{undo}` the link that undoes the change.
fn advice(notification: Notification) -> &'static str {
    match notification {
        Notification::PasswordChanged => {
            "If it was not you, somebody else knows your password. Choose a new one here, which signs out every device:\n\n\
             {url}/forgot-password"
        }
        Notification::PasswordReset => {
            "If it was not you, somebody else can read your mail. Secure your mailbox first, then choose a new password \
             here:\n\n{url}/forgot-password"
        }
        Notification::EmailChanged => {
            "If it was not you, somebody else can use your account. Take it back within 7 days: this link restores this address, \
             lets you choose a new password and signs out every device:\n\n{undo}"
        }
        Notification::TwoFactorEnabled => {
            "If it was not you, somebody else knows your password. Choose a new one here, then ask the operator of this server \
             to turn two-factor off:\n\n{url}/forgot-password"
        }
        Notification::TwoFactorDisabled => {
            "If it was not you, somebody else knows your password. Choose a new one here, which signs out every device, then \
             turn two-factor on again in the settings:\n\n{url}/forgot-password"
        }
        Notification::RecoveryCodesReplaced => {
            "If it was not you, somebody else knows your password. Choose a new one here, which signs out every device, then \
             create new codes in the settings:\n\n{url}/forgot-password"
        }
        Notification::RecoveryCodeUsed => {
            "If it was not you, choose a new password here, which signs out every device, then create new codes in the \
             settings:\n\n{url}/forgot-password\n\n\
             You can turn these mails off here:\n\n{url}/settings"
        }
        Notification::NewDevice => {
            "If it was not you, choose a new password here, which signs out every device:\n\n{url}/forgot-password\n\n\
             You can turn these mails off here:\n\n{url}/settings"
        }
        Notification::FailedSignIns => {
            "If it was not you, your account is safe as long as nobody can guess your password. If it is short, or you use it \
             elsewhere, choose another one here:\n\n{url}/forgot-password\n\n\
             You can turn these mails off here, and two-factor on:\n\n{url}/settings"
        }
        Notification::WrongCodes => {
            "If it was not you, somebody else knows your password. Choose a new one now, here and wherever else you use \
             it:\n\n{url}/forgot-password"
        }
        Notification::AccountDeleted => {
            "If it was not you, somebody else knows your password. Change it wherever else you use it."
        }
    }
}
