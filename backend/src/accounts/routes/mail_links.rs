//! Operations that send a link by mail or accept one: password reset, verification and change of the e-mail address.

use std::sync::Arc;

use poem::web::Data;
use poem::web::cookie::CookieJar;
use poem_openapi::param::Query;
use poem_openapi::{ApiResponse, OpenApi};
use shared::problem::FieldError;
use shared::profile::EmailChange;
use shared::recovery::{EmailVerified, LinkRequest, LinkRequested, PasswordReset};

use super::{DoneResponse, Tag, too_many};
use crate::accounts::device::Device;
use crate::accounts::extract::RecentMember;
use crate::accounts::mail::Mail;
use crate::accounts::service::Accounts;
use crate::accounts::store::one_time_tokens::Purpose;
use crate::accounts::store::users::EmailTaken;
use crate::accounts::{account_mail, link};
use crate::db::Abort;
use crate::http::client::Client;
use crate::http::json::{JsonBody, RawJson};
use crate::http::operation_error::{OperationError, operation_errors};
use crate::http::problem::Problem;

const LINK_REQUESTED: &str =
    "If there is an account with this address, a mail with a link has been sent. Check the spam folder, too.";

/// The operations on passwords and e-mail addresses.
#[derive(Default)]
pub struct MailLinkApi;

#[derive(ApiResponse)]
enum LinkRequestedResponse {
    /// The response is the same for every address.
    #[oai(status = 200)]
    Ok(RawJson<LinkRequested>),
}

#[derive(ApiResponse)]
enum VerifyEmailResponse {
    /// The address has been verified.
    #[oai(status = 200)]
    Ok(RawJson<EmailVerified>),
}

operation_errors!(BetterAuth, LinkErrors: too_many(), Problem::Busy);
operation_errors!(BetterAuth, ResetPasswordErrors: Problem::InvalidToken, Problem::Busy);
operation_errors!(BetterAuth, VerifyEmailErrors: Problem::InvalidToken, Problem::EmailTaken("email"));
operation_errors!(BetterAuth, ChangeEmailErrors: Problem::SessionNotFresh, Problem::EmailTaken("newEmail"), too_many(), Problem::Busy);

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Accounts")]
impl MailLinkApi {
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
    /// Revokes all sessions, and verifies the address that the link was sent to.
    #[oai(path = "/reset-password", method = "post", operation_id = "reset_password")]
    async fn reset_password(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        jar: &CookieJar,
        body: JsonBody<PasswordReset>,
    ) -> Result<DoneResponse, OperationError<ResetPasswordErrors>> {
        let PasswordReset { token, new_password } = body.valid()?;
        let hash = link::hash(&token);
        let owner = accounts.db.token_owner(&hash, Purpose::ResetPassword).await?;
        let owner = owner.ok_or(Problem::InvalidToken)?;
        let email = owner.email.as_deref().unwrap_or_default();
        let password = accounts
            .passwords
            .check_new_password(&client, &new_password, "newPassword", &owner.name, email)
            .await?;
        let password_hash = accounts.passwords.hash(password).await?;
        let device = Device::generate()?;
        let reset = accounts
            .db
            .reset_password(hash, password_hash, device.hash(), client.clone());
        let user = reset.await?.ok_or(Problem::InvalidToken)?;
        device.set_cookie(&accounts.cookies, jar);
        if let Some((mailer, email)) = accounts.mailer.as_ref().zip(user.email) {
            mailer.enqueue_or_drop(&client, Mail::password_was_reset(email, &accounts.public_url));
        }
        Ok(DoneResponse::done()?)
    }

    /// Send the verification mail again
    #[oai(
        path = "/send-verification-email",
        method = "post",
        operation_id = "send_verification_email"
    )]
    async fn send_verification_email(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        body: JsonBody<LinkRequest>,
    ) -> Result<DoneResponse, OperationError<LinkErrors>> {
        let LinkRequest { email, .. } = body.valid()?;
        if let Some(mailer) = &accounts.mailer {
            accounts.rate_limiter.mail(&client, "confirm", &email).await?;
            mailer.enqueue(
                &client,
                account_mail::verification_mail(Arc::clone(&accounts), email, client.clone()),
            )?;
        }
        Ok(DoneResponse::done()?)
    }

    /// Verify an e-mail address
    ///
    /// Verifies the address of the account, or completes a change of the address.
    #[oai(path = "/verify-email", method = "get", operation_id = "verify_email")]
    async fn verify_email(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        /// The `token` of the link.
        token: Query<String>,
    ) -> Result<VerifyEmailResponse, OperationError<VerifyEmailErrors>> {
        let user = accounts.db.verify_email(link::hash(&token), client).await?;
        let user = user.ok_or(Problem::InvalidToken)?.into();
        Ok(VerifyEmailResponse::Ok(RawJson::of(&EmailVerified {
            status: true,
            user,
        })?))
    }

    /// Change the e-mail address
    ///
    /// If the server sends mail, the address changes when the link in the mail to the new address is opened; otherwise
    /// immediately.
    #[oai(path = "/change-email", method = "post", operation_id = "change_email")]
    async fn change_email(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        member: RecentMember,
        body: JsonBody<EmailChange>,
    ) -> Result<DoneResponse, OperationError<ChangeEmailErrors>> {
        let EmailChange { new_email, .. } = body.valid()?;
        let user = accounts.db.user(&member.user).await?;
        let user = user.ok_or(Problem::Unauthenticated)?;
        if user.email.as_deref() == Some(new_email.as_str()) {
            let detail = "This is already your e-mail address.";
            return Err(Problem::Invalid(vec![FieldError::of("newEmail", detail)]).into());
        }
        match &accounts.mailer {
            Some(mailer) => {
                accounts.rate_limiter.mail(&client, "change", &new_email).await?;
                mailer.enqueue(
                    &client,
                    account_mail::change_email_mails(Arc::clone(&accounts), user, new_email, client.clone()),
                )?;
            }
            None => match accounts.db.change_email(member.user.clone(), new_email, client).await {
                Err(Abort::Refused(EmailTaken)) => return Err(Problem::EmailTaken("newEmail").into()),
                changed => changed?,
            },
        }
        Ok(DoneResponse::done()?)
    }
}

impl From<EmailTaken> for Problem {
    fn from(_: EmailTaken) -> Self {
        Self::EmailTaken("email")
    }
}
