//! Writing the mails about an account. What depends on whether there is an account happens here, after the response was sent,
//! so that neither its content nor its time tells.

use std::sync::Arc;

use crate::accounts::event::Event;
use crate::accounts::letter::Letter;
use crate::accounts::link;
use crate::accounts::service::Accounts;
use crate::accounts::store::one_time_tokens::Purpose;
use crate::accounts::store::sign_up::NewUser;
use crate::accounts::store::users::{EmailTaken, UserRow};
use crate::db::Abort;
use crate::fault::Fault;
use crate::http::client::Client;

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

pub async fn reset_letter(accounts: Arc<Accounts>, email: String, client: Client) -> Result<Option<Letter>, Fault> {
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
pub async fn change_letter(
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
