//! Getting back into an account, and proving an address. What depends on whether there is an account happens after the
//! answer, so that neither its words nor its time tell.

use std::sync::Arc;

use poem::web::Data;
use poem::web::cookie::CookieJar;
use poem_openapi::param::Query;
use poem_openapi::{ApiResponse, OpenApi};
use shared::problem::FieldError;
use shared::profile::{Capabilities, EmailChange};
use shared::recovery::{EmailVerified, LinkRequest, LinkRequested, PasswordReset};

use super::{Changed, Tag};
use crate::accounts::device::Device;
use crate::accounts::extract::RecentMember;
use crate::accounts::link;
use crate::accounts::mail::Letter;
use crate::accounts::service::Accounts;
use crate::accounts::store::audit::Event;
use crate::accounts::store::one_time_tokens::Purpose;
use crate::accounts::store::sign_up::NewUser;
use crate::accounts::store::users::{EmailTaken, UserRow};
use crate::db::Abort;
use crate::fault::Fault;
use crate::http::client::Client;
use crate::http::json::{JsonBody, RawJson};
use crate::http::problem::Problem;

const LINK_REQUESTED: &str =
    "If there is an account with this address, a mail with a link is on its way. Look into the spam folder, too.";

/// The operations.
#[derive(Default)]
pub struct RecoveryApi;

#[derive(ApiResponse)]
enum Able {
    /// What this server can do.
    #[oai(status = 200)]
    Ok(RawJson<Capabilities>),
}

#[derive(ApiResponse)]
enum Requested {
    /// The same for every address.
    #[oai(status = 200)]
    Ok(RawJson<LinkRequested>),
}

#[derive(ApiResponse)]
enum Verified {
    /// The address is known to reach the person.
    #[oai(status = 200)]
    Ok(RawJson<EmailVerified>),
}

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Accounts")]
impl RecoveryApi {
    /// Say what this server can do
    #[oai(path = "/capabilities", method = "get", operation_id = "get_capabilities")]
    async fn capabilities(&self, accounts: Data<&Arc<Accounts>>) -> Result<Able, Problem> {
        Ok(Able::Ok(RawJson::of(&Capabilities {
            mail: accounts.mailer.is_some(),
            password_min_length: accounts.passwords.min_length(),
        })?))
    }

    /// Ask for a new password
    ///
    /// If there is such an account and the server sends mail, a link goes to the address. It works once, for an hour.
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
    ) -> Result<Requested, Problem> {
        let LinkRequest { email, .. } = body.valid()?;
        if let Some(mailer) = &accounts.mailer {
            accounts.rate_limiter.mail(&client, "reset", &email).await?;
            mailer.post(&client, reset_letter(Arc::clone(&accounts), email, client.clone()))?;
        }
        Ok(Requested::Ok(RawJson::of(&LinkRequested {
            status: true,
            message: LINK_REQUESTED.to_owned(),
        })?))
    }

    /// Set a new password with a link
    ///
    /// Ends every session, and proves the address that the link was sent to.
    #[oai(path = "/reset-password", method = "post", operation_id = "reset_password")]
    async fn reset_password(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        jar: &CookieJar,
        body: JsonBody<PasswordReset>,
    ) -> Result<Changed, Problem> {
        let PasswordReset { token, new_password } = body.valid()?;
        let hash = link::hash(&token);
        let owner = accounts.db.token_owner(&hash, Purpose::ResetPassword).await?;
        let owner = owner.ok_or(Problem::InvalidToken)?;
        let email = owner.email.as_deref().unwrap_or_default();
        let password = accounts
            .passwords
            .admit(&new_password, "newPassword", &owner.name, email)
            .await?;
        let password_hash = accounts.passwords.hash(password).await?;
        let device = Device::generate()?;
        let reset = accounts
            .db
            .reset_password(hash, password_hash, device.hash(), client.clone());
        let user = reset.await?.ok_or(Problem::InvalidToken)?;
        device.write(&accounts.cookies, jar);
        if let Some((mailer, email)) = accounts.mailer.as_ref().zip(user.email) {
            mailer.notify(&client, Letter::password_was_reset(email, &accounts.public_url));
        }
        Changed::done()
    }

    /// Ask for another link that confirms the address
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
    ) -> Result<Changed, Problem> {
        let LinkRequest { email, .. } = body.valid()?;
        if let Some(mailer) = &accounts.mailer {
            accounts.rate_limiter.mail(&client, "confirm", &email).await?;
            mailer.post(
                &client,
                verification_letter(Arc::clone(&accounts), email, client.clone()),
            )?;
        }
        Changed::done()
    }

    /// Confirm an address with a link
    ///
    /// The address of the account, or the one that it changes to.
    #[oai(path = "/verify-email", method = "get", operation_id = "verify_email")]
    async fn verify_email(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        /// The `token` of the link.
        token: Query<String>,
    ) -> Result<Verified, Problem> {
        let user = accounts.db.confirm_email(link::hash(&token), client).await?;
        let user = user.ok_or(Problem::InvalidToken)?.into();
        Ok(Verified::Ok(RawJson::of(&EmailVerified { status: true, user })?))
    }

    /// Change the e-mail address
    ///
    /// When the server sends mail, the address changes as soon as the link in the mail to the new one is opened; otherwise at
    /// once.
    #[oai(path = "/change-email", method = "post", operation_id = "change_email")]
    async fn change_email(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        member: RecentMember,
        body: JsonBody<EmailChange>,
    ) -> Result<Changed, Problem> {
        let EmailChange { new_email, .. } = body.valid()?;
        let user = accounts.db.user(&member.user).await?;
        let user = user.ok_or(Problem::Unauthenticated)?;
        if user.email.as_deref() == Some(new_email.as_str()) {
            let detail = "This is your e-mail address already.";
            return Err(Problem::Invalid(vec![FieldError::of("newEmail", detail)]));
        }
        match &accounts.mailer {
            Some(mailer) => {
                accounts.rate_limiter.mail(&client, "change", &new_email).await?;
                mailer.post(
                    &client,
                    change_letter(Arc::clone(&accounts), user, new_email, client.clone()),
                )?;
            }
            None => match accounts.db.change_email(member.user.clone(), new_email, client).await {
                Err(Abort::Refused(EmailTaken)) => return Err(Problem::EmailTaken("newEmail")),
                changed => changed?,
            },
        }
        Changed::done()
    }
}

/// A mail with a new link, which replaces the one of before.
async fn with_link(
    accounts: &Accounts,
    user: &UserRow,
    to: String,
    purpose: Purpose,
    event: Option<Event>,
    client: Client,
    letter: fn(String, &str) -> Letter,
) -> Result<Letter, Fault> {
    let (link, token) = link::generate(&accounts.public_url, purpose, Some(to.clone()))?;
    accounts.db.issue_token(user.id.clone(), token, event, client).await?;
    Ok(letter(to, &link))
}

async fn reset_letter(accounts: Arc<Accounts>, email: String, client: Client) -> Result<Option<Letter>, Fault> {
    let Some(user) = accounts.db.user_by_email(&email).await? else {
        return Ok(None);
    };
    let event = Some(Event::PasswordResetRequested);
    let letter = Letter::reset_password;
    let letter = with_link(&accounts, &user, email, Purpose::ResetPassword, event, client, letter).await?;
    Ok(Some(letter))
}

/// The mail with which a person confirms the address of the account; none if that is done or there is no account.
pub async fn verification_letter(
    accounts: Arc<Accounts>,
    email: String,
    client: Client,
) -> Result<Option<Letter>, Fault> {
    let Some(user) = accounts
        .db
        .user_by_email(&email)
        .await?
        .filter(|user| !user.email_verified)
    else {
        return Ok(None);
    };
    let letter = Letter::confirm_address;
    let letter = with_link(&accounts, &user, email, Purpose::VerifyEmail, None, client, letter).await?;
    Ok(Some(letter))
}

/// Makes an account, if its address is free. The mail says which of the two it was; only the owner of the address reads it.
pub async fn sign_up_letter(accounts: Arc<Accounts>, user: NewUser, client: Client) -> Result<Option<Letter>, Fault> {
    let email = user.email.clone();
    match accounts.db.create_user(user, None, client.clone()).await {
        Ok(_) => verification_letter(accounts, email, client).await,
        Err(Abort::Refused(EmailTaken)) => Ok(Some(Letter::address_in_use(email, &accounts.public_url))),
        Err(Abort::Failed(error)) => Err(error.into()),
    }
}

/// The mail to the new address. Whether that one is free is not told to whoever asks for it, but to its owner.
async fn change_letter(
    accounts: Arc<Accounts>,
    user: UserRow,
    new_email: String,
    client: Client,
) -> Result<Option<Letter>, Fault> {
    if let Some((mailer, email)) = accounts.mailer.as_ref().zip(user.email.clone()) {
        mailer.notify(
            &client,
            Letter::address_will_change(email, &new_email, &accounts.public_url),
        );
    }
    let event = Event::EmailChangeRequested;
    let letter = if accounts.db.user_by_email(&new_email).await?.is_some() {
        accounts.db.record(user.id, event, client).await?;
        Letter::address_in_use(new_email, &accounts.public_url)
    } else {
        let letter = Letter::confirm_new_address;
        with_link(
            &accounts,
            &user,
            new_email,
            Purpose::ChangeEmail,
            Some(event),
            client,
            letter,
        )
        .await?
    };
    Ok(Some(letter))
}

impl From<EmailTaken> for Problem {
    fn from(_: EmailTaken) -> Self {
        Self::EmailTaken("email")
    }
}
