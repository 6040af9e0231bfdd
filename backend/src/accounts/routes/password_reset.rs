//! Operations that reset a forgotten password.

use std::sync::Arc;

use poem::web::Data;
use poem::web::cookie::CookieJar;
use poem_openapi::{ApiResponse, OpenApi};
use shared::recovery::{LinkRequest, LinkRequested, PasswordReset};

use super::{DoneResponse, Tag, too_many};
use crate::accounts::account_mail;
use crate::accounts::reset_password::reset_password;
use crate::accounts::service::Accounts;
use crate::http::client::Client;
use crate::http::json::{JsonBody, RawJson};
use crate::http::operation_error::{OperationError, operation_errors};
use crate::http::problem::Problem;

const LINK_REQUESTED: &str =
    "If there is an account with this address, a mail with a link has been sent. Check the spam folder, too.";

/// The operations on forgotten passwords.
#[derive(Default)]
pub struct PasswordResetApi;

#[derive(ApiResponse)]
enum LinkRequestedResponse {
    /// The response is the same for every address.
    #[oai(status = 200)]
    Ok(RawJson<LinkRequested>),
}

operation_errors!(BetterAuth, LinkErrors: too_many(), Problem::Busy);
operation_errors!(BetterAuth, ResetPasswordErrors: Problem::InvalidToken, Problem::Busy);

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Accounts")]
impl PasswordResetApi {
    /// Request a password reset
    ///
    /// Sends a link to the address, if the account exists and the server sends mail. The link is valid once, for one hour.
    #[oai(
        path = "/request-password-reset",
        method = "post",
        operation_id = "request_password_reset"
    )]
    async fn request_password_reset(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        body: JsonBody<LinkRequest>,
    ) -> Result<LinkRequestedResponse, OperationError<LinkErrors>> {
        let LinkRequest { email, .. } = body.valid()?;
        if let Some(mailer) = &accounts.mailer {
            accounts.rate_limiter.mail(&client, "reset", &email).await?;
            mailer.enqueue(
                &client,
                account_mail::reset_mail(Arc::clone(&accounts), email, client.clone()),
            )?;
        }
        Ok(LinkRequestedResponse::Ok(RawJson::of(&LinkRequested {
            status: true,
            message: LINK_REQUESTED.to_owned(),
        })?))
    }

    /// Reset the password
    ///
    /// Revokes all sessions, and verifies the address that the link was sent to. If the address had never been verified, also
    /// disables two-factor authentication.
    #[oai(path = "/reset-password", method = "post", operation_id = "reset_password")]
    async fn reset_password(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        jar: &CookieJar,
        body: JsonBody<PasswordReset>,
    ) -> Result<DoneResponse, OperationError<ResetPasswordErrors>> {
        let PasswordReset { token, new_password } = body.valid()?;
        reset_password(&accounts, jar, &token, &new_password, client).await?;
        Ok(DoneResponse::done()?)
    }
}
