//! Settings of the mails about security events: wire types. The JSON is camelCase.

use serde::{Deserialize, Serialize};

use crate::problem::FieldError;
use crate::rules::Check;

/// Which mails about security events the user receives. Mails about a new password, a new e-mail address and changes of
/// two-factor authentication are always sent.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(rename_all = "camelCase"))]
#[serde(rename_all = "camelCase")]
pub struct Notifications {
    /// A sign-in on a device that the account does not know.
    pub new_device: bool,
    /// Ten failed sign-ins within a day; at most one mail a day.
    pub failed_sign_ins: bool,
    /// A sign-in with a recovery code.
    pub recovery_code_used: bool,
    /// The deletion of the account.
    pub account_deleted: bool,
}

/// The body of a change of these settings. Absent members are not changed.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(
    feature = "openapi",
    oai(deny_unknown_fields, rename_all = "camelCase", skip_serializing_if_is_none)
)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NotificationsChange {
    /// As in `Notifications`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_device: Option<bool>,
    /// As in `Notifications`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_sign_ins: Option<bool>,
    /// As in `Notifications`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_code_used: Option<bool>,
    /// As in `Notifications`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_deleted: Option<bool>,
}

impl Check for NotificationsChange {
    fn check(self) -> Result<Self, Vec<FieldError>> {
        Ok(self)
    }
}
