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
use crate::App;
use crate::auth::device::Device;
use crate::auth::mail::Letter;
use crate::auth::{Fresh, link};
use crate::client::Client;
use crate::db::DbError;
use crate::db::audit::Event;
use crate::db::one_time_tokens::Purpose;
use crate::db::users::{NewUser, UserRow};
use crate::json::{JsonBody, RawJson};
use crate::problem::Problem;

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
    async fn capabilities(&self, app: Data<&Arc<App>>) -> Result<Able, Problem> {
        Ok(Able::Ok(RawJson::of(&Capabilities {
            mail: app.mailer.is_some(),
            password_min_length: app.passwords.min_length(),
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
        app: Data<&Arc<App>>,
        client: Client,
        body: JsonBody<LinkRequest>,
    ) -> Result<Requested, Problem> {
        let LinkRequest { email, .. } = body.valid()?;
        if let Some(mailer) = &app.mailer {
            app.throttle.mail(&client, "reset", &email).await?;
            mailer.post(&client, reset_letter(Arc::clone(&app), email, client.clone()))?;
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
        app: Data<&Arc<App>>,
        client: Client,
        jar: &CookieJar,
        body: JsonBody<PasswordReset>,
    ) -> Result<Changed, Problem> {
        let PasswordReset { token, new_password } = body.valid()?;
        let hash = link::hash(&token);
        let owner = app.db.token_owner(&hash, Purpose::ResetPassword).await?;
        let owner = owner.ok_or(Problem::InvalidToken)?;
        let email = owner.email.as_deref().unwrap_or_default();
        let password = app
            .passwords
            .admit(&new_password, "newPassword", &owner.name, email)
            .await?;
        let password_hash = app.passwords.hash(password).await?;
        let device = Device::draw()?;
        let reset = app
            .db
            .reset_password(hash, password_hash, device.hash(), client.clone());
        let user = reset.await?.ok_or(Problem::InvalidToken)?;
        device.write(&app.cookies, jar);
        if let Some((mailer, email)) = app.mailer.as_ref().zip(user.email) {
            mailer.notify(&client, Letter::password_was_reset(email, &app.public_url));
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
        app: Data<&Arc<App>>,
        client: Client,
        body: JsonBody<LinkRequest>,
    ) -> Result<Changed, Problem> {
        let LinkRequest { email, .. } = body.valid()?;
        if let Some(mailer) = &app.mailer {
            app.throttle.mail(&client, "confirm", &email).await?;
            mailer.post(&client, verification_letter(Arc::clone(&app), email, client.clone()))?;
        }
        Changed::done()
    }

    /// Confirm an address with a link
    ///
    /// The address of the account, or the one that it changes to.
    #[oai(path = "/verify-email", method = "get", operation_id = "verify_email")]
    async fn verify_email(
        &self,
        app: Data<&Arc<App>>,
        client: Client,
        /// The `token` of the link.
        token: Query<String>,
    ) -> Result<Verified, Problem> {
        let user = app.db.confirm_email(link::hash(&token), client).await?;
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
        app: Data<&Arc<App>>,
        client: Client,
        member: Fresh,
        body: JsonBody<EmailChange>,
    ) -> Result<Changed, Problem> {
        let EmailChange { new_email, .. } = body.valid()?;
        let user = app.db.user(member.user.as_str()).await?;
        let user = user.ok_or(Problem::Unauthenticated)?;
        if user.email.as_deref() == Some(new_email.as_str()) {
            let detail = "This is your e-mail address already.";
            return Err(Problem::Invalid(vec![FieldError::of("newEmail", detail)]));
        }
        match &app.mailer {
            Some(mailer) => {
                app.throttle.mail(&client, "change", &new_email).await?;
                mailer.post(
                    &client,
                    change_letter(Arc::clone(&app), user, new_email, client.clone()),
                )?;
            }
            None => match app.db.change_email(member.user.clone(), new_email, client).await {
                Err(DbError::EmailTaken) => return Err(Problem::EmailTaken("newEmail")),
                changed => changed?,
            },
        }
        Changed::done()
    }
}

/// A mail with a new link, which replaces the one of before.
async fn with_link(
    app: &App,
    user: &UserRow,
    to: String,
    purpose: Purpose,
    event: Option<Event>,
    client: Client,
    letter: fn(String, &str) -> Letter,
) -> Result<Letter, Problem> {
    let (link, token) = link::draw(&app.public_url, purpose, Some(to.clone()))?;
    app.db.issue_token(user.id.clone(), token, event, client).await?;
    Ok(letter(to, &link))
}

async fn reset_letter(app: Arc<App>, email: String, client: Client) -> Result<Option<Letter>, Problem> {
    let Some(user) = app.db.user_by_email(&email).await? else {
        return Ok(None);
    };
    let event = Some(Event::PasswordResetRequested);
    let letter = Letter::reset_password;
    let letter = with_link(&app, &user, email, Purpose::ResetPassword, event, client, letter).await?;
    Ok(Some(letter))
}

/// The mail with which a person confirms the address of the account; none if that is done or there is no account.
pub async fn verification_letter(app: Arc<App>, email: String, client: Client) -> Result<Option<Letter>, Problem> {
    let Some(user) = app.db.user_by_email(&email).await?.filter(|user| !user.email_verified) else {
        return Ok(None);
    };
    let letter = Letter::confirm_address;
    let letter = with_link(&app, &user, email, Purpose::VerifyEmail, None, client, letter).await?;
    Ok(Some(letter))
}

/// Makes an account, if its address is free. The mail says which of the two it was; only the owner of the address reads it.
pub async fn sign_up_letter(app: Arc<App>, user: NewUser, client: Client) -> Result<Option<Letter>, Problem> {
    let email = user.email.clone();
    match app.db.create_user(user, None, client.clone()).await {
        Ok(_) => verification_letter(app, email, client).await,
        Err(DbError::EmailTaken) => Ok(Some(Letter::address_in_use(email, &app.public_url))),
        Err(error) => Err(error.into()),
    }
}

/// The mail to the new address. Whether that one is free is not told to whoever asks for it, but to its owner.
async fn change_letter(
    app: Arc<App>,
    user: UserRow,
    new_email: String,
    client: Client,
) -> Result<Option<Letter>, Problem> {
    if let Some((mailer, email)) = app.mailer.as_ref().zip(user.email.clone()) {
        mailer.notify(&client, Letter::address_will_change(email, &new_email, &app.public_url));
    }
    let event = Event::EmailChangeRequested;
    let letter = if app.db.user_by_email(&new_email).await?.is_some() {
        app.db.record(user.id, event, client).await?;
        Letter::address_in_use(new_email, &app.public_url)
    } else {
        let letter = Letter::confirm_new_address;
        with_link(
            &app,
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
