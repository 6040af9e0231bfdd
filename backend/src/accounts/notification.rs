//! Which security events the owner of an account is told about by mail, and how often. Pure computation.

use shared::notifications::Notifications;

use crate::accounts::event::Event;
use crate::accounts::rate_limit_policy::{Counter, FAILURES, MAILS_ABOUT_EVENTS, Tally};
use crate::accounts::user_id::UserId;

/// A kind of mail about security events.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Notification {
    /// The password was changed.
    PasswordChanged,
    /// The password was reset with a link.
    PasswordReset,
    /// The e-mail address was changed.
    EmailChanged,
    /// Two-factor authentication was enabled.
    TwoFactorEnabled,
    /// Two-factor authentication was disabled.
    TwoFactorDisabled,
    /// The recovery codes were replaced.
    RecoveryCodesReplaced,
    /// A recovery code completed a sign-in.
    RecoveryCodeUsed,
    /// A session began on a device that the account does not know.
    NewDevice,
    /// Many wrong passwords.
    FailedSignIns,
    /// Many wrong two-factor codes, after the right password.
    WrongCodes,
    /// The account was deleted.
    AccountDeleted,
}

impl Notification {
    /// The mail about an event; none if the user is not told about it.
    pub fn of(event: Event) -> Option<Self> {
        match event {
            Event::PasswordChanged => Some(Self::PasswordChanged),
            Event::PasswordReset | Event::EmailChangeUndone => Some(Self::PasswordReset),
            Event::EmailChanged => Some(Self::EmailChanged),
            Event::TwoFactorEnabled => Some(Self::TwoFactorEnabled),
            Event::TwoFactorDisabled => Some(Self::TwoFactorDisabled),
            Event::RecoveryCodesReplaced => Some(Self::RecoveryCodesReplaced),
            Event::RecoveryCodeUsed => Some(Self::RecoveryCodeUsed),
            Event::SignedInOnNewDevice => Some(Self::NewDevice),
            Event::SignInFailed => Some(Self::FailedSignIns),
            Event::SignInCodeFailed | Event::CodeRefused => Some(Self::WrongCodes),
            Event::AccountDeleted => Some(Self::AccountDeleted),
            Event::SignedUp
            | Event::SignedIn
            | Event::SignInRefused
            | Event::PasswordRefused
            | Event::RateLimited
            | Event::SignedOut
            | Event::SessionRevoked
            | Event::OtherSessionsRevoked
            | Event::AllSessionsRevoked
            | Event::RefreshReused
            | Event::PasswordResetRequested
            | Event::EmailChangeRequested
            | Event::EmailVerified
            | Event::NameChanged
            | Event::NotificationsChanged
            | Event::DataExported
            | Event::ExternalTokenRefused
            | Event::SigningKeyLoaded => None,
        }
    }

    /// Whether the mail is sent with these settings.
    pub fn is_wanted(self, settings: &Notifications) -> bool {
        match self {
            Self::PasswordChanged
            | Self::PasswordReset
            | Self::EmailChanged
            | Self::TwoFactorEnabled
            | Self::TwoFactorDisabled
            | Self::RecoveryCodesReplaced
            | Self::WrongCodes => true,
            Self::RecoveryCodeUsed => settings.recovery_code_used,
            Self::NewDevice => settings.new_device,
            Self::FailedSignIns => settings.failed_sign_ins,
            Self::AccountDeleted => settings.account_deleted,
        }
    }

    /// Whether the mail is sent for a number of events, instead of for each.
    fn is_about_many(self) -> bool {
        matches!(self, Self::FailedSignIns | Self::WrongCodes)
    }

    /// The counter of the events that the mail is about, in the account of `user`.
    pub fn counter(self, user: &UserId) -> Counter {
        let policy = if self.is_about_many() {
            &FAILURES
        } else {
            &MAILS_ABOUT_EVENTS
        };
        Counter::of(policy, &[&format!("{self:?}"), user.as_str()])
    }

    /// The counter of the events of an e-mail address without an account, which has the SHA-256 `address`.
    pub fn counter_without_account(self, address: &[u8; 32]) -> Counter {
        Counter::of(&FAILURES, &[&format!("{self:?}"), &format!("{address:x?}")])
    }

    /// Whether the mail is due, once the event is counted and within the quota of the counter.
    pub fn is_due(self, tally: Tally) -> bool {
        !self.is_about_many() || tally.hits == FAILURES.quota
    }
}
