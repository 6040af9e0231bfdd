//! All operations, and the OpenAPI document that is generated from them.

use poem_openapi::OpenApiService;
use serde_json::Value;

use crate::accounts::routes::account::AccountApi;
use crate::accounts::routes::auth::AuthApi;
use crate::accounts::routes::capabilities::CapabilityApi;
use crate::accounts::routes::email_address::EmailAddressApi;
use crate::accounts::routes::keys::KeyApi;
use crate::accounts::routes::notifications::NotificationApi;
use crate::accounts::routes::password_reset::PasswordResetApi;
use crate::accounts::routes::sessions::SessionApi;
use crate::accounts::routes::two_factor::TwoFactorApi;
use crate::export::ExportApi;
use crate::http::document;
use crate::tasks::routes::TaskApi;

type Operations = (
    TaskApi,
    AuthApi,
    SessionApi,
    AccountApi,
    ExportApi,
    PasswordResetApi,
    EmailAddressApi,
    CapabilityApi,
    TwoFactorApi,
    NotificationApi,
    KeyApi,
);

/// The operations as an endpoint.
pub fn service() -> OpenApiService<Operations, ()> {
    OpenApiService::new(Operations::default(), "Docket", env!("CARGO_PKG_VERSION"))
        .description("Multi-user task list. Sign up or sign in, then send the token in `Authorization: Bearer`.")
}

/// The OpenAPI document.
pub fn document() -> Result<Value, serde_json::Error> {
    document::complete(&service().spec())
}
