//! Operations that verify, change and restore the e-mail address.

use std::sync::Arc;

use poem::web::Data;
use poem::web::cookie::CookieJar;
use poem_openapi::{ApiResponse, OpenApi};
use shared::problem::FieldError;
use shared::profile::EmailChange;
use shared::recovery::{EmailVerification, EmailVerified, LinkRequest, LinkToken, PasswordReset};

use super::{DoneResponse, Tag, too_many};
use crate::accounts::extract::RecentMember;
use crate::accounts::service::Accounts;
use crate::accounts::store::email_address::ChangeEmailRefusal;
use crate::accounts::store::users::{EmailTaken, UserRow};
use crate::accounts::verify_email::verify_email;
use crate::accounts::{account_mail, change_email};
use crate::fault::Fault;
use crate::http::client::Client;
use crate::http::json::{JsonBody, RawJson};
use crate::http::operation_error::{OperationError, operation_errors};
use crate::http::problem::Problem;

/// The operations on the e-mail address.
#[derive(Default)]
pub struct EmailAddressApi;

#[derive(ApiResponse)]
enum VerifyEmailResponse {
    /// The address has been verified.
    #[oai(status = 200)]
    Ok(RawJson<EmailVerified>),
}

impl VerifyEmailResponse {
    fn of(user: UserRow) -> Result<Self, Fault> {
        let (status, user) = (true, user.into());
        Ok(Self::Ok(RawJson::of(&EmailVerified { status, user })?))
    }
}

operation_errors!(BetterAuth, SendVerificationErrors: too_many(), Problem::Busy);
operation_errors!(BetterAuth, VerifyEmailErrors: Problem::InvalidToken, Problem::EmailTaken("email"), too_many(), Problem::Busy);
operation_errors!(BetterAuth, ChangeEmailErrors: Problem::SessionNotFresh, Problem::EmailTaken("newEmail"), too_many(), Problem::Busy);
operation_errors!(BetterAuth, ConfirmEmailChangeErrors: Problem::InvalidToken, Problem::EmailTaken("email"));
operation_errors!(BetterAuth, UndoEmailChangeErrors: Problem::InvalidToken, Problem::EmailTaken("email"), Problem::Busy);

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Accounts")]
impl EmailAddressApi {
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
    ) -> Result<DoneResponse, OperationError<SendVerificationErrors>> {
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
    /// Requires the token of the link, and either the password of the sign-up or the account, or a new one. Creates the account
    /// of a sign-up. A new password for an existing account revokes all sessions and disables two-factor authentication.
    #[oai(path = "/verify-email", method = "post", operation_id = "verify_email")]
    async fn verify_email(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        jar: &CookieJar,
        body: JsonBody<EmailVerification>,
    ) -> Result<VerifyEmailResponse, OperationError<VerifyEmailErrors>> {
        let user = verify_email(&accounts, jar, client, body.valid()?).await?;
        Ok(VerifyEmailResponse::of(user)?)
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
                    account_mail::change_email_mails(
                        Arc::clone(&accounts),
                        (*member).clone(),
                        user,
                        new_email,
                        client.clone(),
                    ),
                )?;
            }
            None => accounts.db.change_email(member.proof(), new_email, client).await?,
        }
        Ok(DoneResponse::done()?)
    }

    /// Confirm a change of the e-mail address
    ///
    /// Completes the change with the token of the link. The link is void when the session that requested it ends. A mail to the
    /// previous address has a link that undoes the change for 7 days.
    #[oai(
        path = "/confirm-email-change",
        method = "post",
        operation_id = "confirm_email_change"
    )]
    async fn confirm_email_change(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        body: JsonBody<LinkToken>,
    ) -> Result<VerifyEmailResponse, OperationError<ConfirmEmailChangeErrors>> {
        let LinkToken { token } = body.valid()?;
        let user = change_email::confirm(&accounts, &token, client).await?;
        Ok(VerifyEmailResponse::of(user)?)
    }

    /// Undo a change of the e-mail address
    ///
    /// Restores the previous address, sets a new password and revokes all sessions. Disables two-factor authentication if it was
    /// enabled since the change.
    #[oai(path = "/undo-email-change", method = "post", operation_id = "undo_email_change")]
    async fn undo_email_change(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        jar: &CookieJar,
        body: JsonBody<PasswordReset>,
    ) -> Result<DoneResponse, OperationError<UndoEmailChangeErrors>> {
        let PasswordReset { token, new_password } = body.valid()?;
        change_email::undo(&accounts, jar, &token, &new_password, client).await?;
        Ok(DoneResponse::done()?)
    }
}

impl From<EmailTaken> for Problem {
    fn from(_: EmailTaken) -> Self {
        Self::EmailTaken("email")
    }
}

impl From<ChangeEmailRefusal> for Problem {
    fn from(refusal: ChangeEmailRefusal) -> Self {
        match refusal {
            ChangeEmailRefusal::EmailTaken => Self::EmailTaken("newEmail"),
            ChangeEmailRefusal::Stale => Self::Unauthenticated,
        }
    }
}
