//! The security event log: events with stable names. Those of the history of an account are
//! written by `store::audit`, together with their row.

use crate::accounts::user_id::UserId;
use crate::http::client::Client;

/// The target of the lines.
const TARGET: &str = "docket::security";

/// An event. `specs/operations/logging.md` says when each occurs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Event {
    SignedUp,
    SignedIn,
    SignedInOnNewDevice,
    SignInFailed,
    SignInCodeFailed,
    SignInRefused,
    PasswordRefused,
    RateLimited,
    SignedOut,
    SessionRevoked,
    OtherSessionsRevoked,
    AllSessionsRevoked,
    RefreshReused,
    PasswordChanged,
    PasswordResetRequested,
    PasswordReset,
    EmailChangeRequested,
    EmailChanged,
    EmailChangeUndone,
    EmailVerified,
    NameChanged,
    NotificationsChanged,
    TwoFactorEnabled,
    TwoFactorDisabled,
    RecoveryCodesReplaced,
    RecoveryCodeUsed,
    CodeRefused,
    DataExported,
    AccountDeleted,
    ExternalTokenRefused,
    SigningKeyLoaded,
}

impl Event {
    /// The stable name, in the log, in the database and in responses.
    pub fn name(self) -> &'static str {
        match self {
            Self::SignedUp => "signed_up",
            Self::SignedIn | Self::SignedInOnNewDevice => "signed_in",
            Self::SignInFailed | Self::SignInCodeFailed => "sign_in_failed",
            Self::SignInRefused => "sign_in_refused",
            Self::PasswordRefused => "password_refused",
            Self::RateLimited => "rate_limited",
            Self::SignedOut => "signed_out",
            Self::SessionRevoked => "session_revoked",
            Self::OtherSessionsRevoked => "other_sessions_revoked",
            Self::AllSessionsRevoked => "all_sessions_revoked",
            Self::RefreshReused => "refresh_reused",
            Self::PasswordChanged => "password_changed",
            Self::PasswordResetRequested => "password_reset_requested",
            Self::PasswordReset => "password_reset",
            Self::EmailChangeRequested => "email_change_requested",
            Self::EmailChanged => "email_changed",
            Self::EmailChangeUndone => "email_change_undone",
            Self::EmailVerified => "email_verified",
            Self::NameChanged => "name_changed",
            Self::NotificationsChanged => "notifications_changed",
            Self::TwoFactorEnabled => "two_factor_enabled",
            Self::TwoFactorDisabled => "two_factor_disabled",
            Self::RecoveryCodesReplaced => "recovery_codes_replaced",
            Self::RecoveryCodeUsed => "recovery_code_used",
            Self::CodeRefused => "code_refused",
            Self::DataExported => "data_exported",
            Self::AccountDeleted => "account_deleted",
            Self::ExternalTokenRefused => "external_token_refused",
            Self::SigningKeyLoaded => "signing_key_loaded",
        }
    }

    /// Whether it concerns the security of the account. The history keeps other events apart, and for a shorter time.
    pub fn is_security(self) -> bool {
        !matches!(self, Self::NameChanged)
    }

    /// Whether it may be an attack.
    fn is_suspicious(self) -> bool {
        matches!(
            self,
            Self::SignInFailed
                | Self::SignInCodeFailed
                | Self::SignInRefused
                | Self::PasswordRefused
                | Self::CodeRefused
                | Self::RateLimited
                | Self::RefreshReused
        )
    }

    /// Logs that it happened by a request of `client`, to the account of `user`; without one, to that of the verified user, if
    /// there is one.
    pub fn log(self, client: &Client, user: Option<&UserId>) {
        self.write(Some(client), user, None);
    }

    /// As [`Event::log`], with a reason. It must not contain a secret or an e-mail address.
    pub fn log_with_reason(self, client: &Client, user: Option<&UserId>, reason: &str) {
        self.write(Some(client), user, Some(reason));
    }

    /// Logs that it happened without a request.
    pub fn log_without_request(self, reason: &str) {
        self.write(None, None, Some(reason));
    }

    fn write(self, client: Option<&Client>, user: Option<&UserId>, reason: Option<&str>) {
        let name = self.name();
        // The address follows the event for the patterns of fail2ban. What a client can influence is recorded as a string, which is
        // escaped.
        let address = client.and_then(|client| client.address).map(tracing::field::display);
        let request_id = client.map(|client| tracing::field::display(&client.request_id));
        let user_id = user.map(UserId::as_str).or_else(|| client?.user_id());
        macro_rules! write {
            ($level:ident) => {
                tracing::$level!(target: TARGET, event = %name, address, request_id, user_id, reason)
            };
        }
        if self.is_suspicious() {
            write!(warn);
        } else {
            write!(info);
        }
    }
}
