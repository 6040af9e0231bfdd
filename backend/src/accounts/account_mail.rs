//! Creates mails to users. Everything that depends on whether an account exists runs here, in the background, so that neither
//! the content nor the time of the response reveals it.

use std::sync::Arc;

use crate::accounts::event::Event;
use crate::accounts::link;
use crate::accounts::mail::Mail;
use crate::accounts::service::Accounts;
use crate::accounts::store::one_time_tokens::Purpose;
use crate::accounts::store::sign_up::NewUser;
use crate::accounts::store::users::{EmailTaken, UserRow};
use crate::db::Abort;
use crate::fault::Fault;
use crate::http::client::Client;

/// A mail with a new link, which replaces the previous one.
async fn with_link(
    accounts: &Accounts,
    user: &UserRow,
    to: String,
    purpose: Purpose,
    event: Option<Event>,
    client: Client,
    mail: fn(String, &str) -> Mail,
) -> Result<Mail, Fault> {
    let (link, token) = link::generate(&accounts.public_url, purpose, Some(to.clone()))?;
    accounts.db.issue_token(user.id.clone(), token, event, client).await?;
    Ok(mail(to, &link))
}

/// The mail with a password reset link; none if there is no such account.
pub async fn reset_mail(accounts: Arc<Accounts>, email: String, client: Client) -> Result<Option<Mail>, Fault> {
    let Some(user) = accounts.db.user_by_email(&email).await? else {
        return Ok(None);
    };
    let event = Some(Event::PasswordResetRequested);
    let mail = Mail::reset_password;
    let mail = with_link(&accounts, &user, email, Purpose::ResetPassword, event, client, mail).await?;
    Ok(Some(mail))
}

/// The mail with a link that verifies the address; none if it is already verified or there is no such account.
pub async fn verification_mail(accounts: Arc<Accounts>, email: String, client: Client) -> Result<Option<Mail>, Fault> {
    let Some(user) = accounts
        .db
        .user_by_email(&email)
        .await?
        .filter(|user| !user.email_verified)
    else {
        return Ok(None);
    };
    let mail = Mail::verify_address;
    let mail = with_link(&accounts, &user, email, Purpose::VerifyEmail, None, client, mail).await?;
    Ok(Some(mail))
}

/// Creates an account, unless the address has one. The mail tells the owner of the address which of both happened.
pub async fn sign_up_mail(accounts: Arc<Accounts>, user: NewUser, client: Client) -> Result<Option<Mail>, Fault> {
    let email = user.email.clone();
    match accounts.db.create_user(user, None, client.clone()).await {
        Ok(_) => verification_mail(accounts, email, client).await,
        Err(Abort::Refused(EmailTaken)) => Ok(Some(Mail::address_in_use(email, &accounts.public_url))),
        Err(Abort::Failed(error)) => Err(error.into()),
    }
}

/// Sends a mail to the current address, and returns the mail to the new address, which says whether the new address already has
/// an account.
pub async fn change_email_mails(
    accounts: Arc<Accounts>,
    user: UserRow,
    new_email: String,
    client: Client,
) -> Result<Option<Mail>, Fault> {
    if let Some((mailer, email)) = accounts.mailer.as_ref().zip(user.email.clone()) {
        mailer.enqueue_or_drop(
            &client,
            Mail::address_will_change(email, &new_email, &accounts.public_url),
        );
    }
    let event = Event::EmailChangeRequested;
    let mail = if accounts.db.user_by_email(&new_email).await?.is_some() {
        accounts.db.record(user.id, event, client).await?;
        Mail::address_in_use(new_email, &accounts.public_url)
    } else {
        let mail = Mail::verify_new_address;
        with_link(
            &accounts,
            &user,
            new_email,
            Purpose::ChangeEmail,
            Some(event),
            client,
            mail,
        )
        .await?
    };
    Ok(Some(mail))
}
