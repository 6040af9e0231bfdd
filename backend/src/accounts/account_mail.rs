//! Creates mails with links. Everything that depends on whether an account exists runs here, in the background, so that neither
//! the content nor the time of the response reveals it. Nor does the work itself, which could be noticed by later requests: it
//! writes the same rows in both cases.

use std::sync::Arc;

use shared::pages::{CONFIRM_EMAIL_CHANGE, RESET_PASSWORD, VERIFY_EMAIL};

use crate::accounts::event::Event;
use crate::accounts::identity::Membership;
use crate::accounts::link::Link;
use crate::accounts::mail::Mail;
use crate::accounts::service::Accounts;
use crate::accounts::store::email_links::{LinkPurpose, NewEmailLink};
use crate::accounts::store::proof::Stale;
use crate::accounts::store::sign_up::NewUser;
use crate::accounts::store::users::UserRow;
use crate::db::Abort;
use crate::fault::Fault;
use crate::http::client::Client;

/// The mail with a password reset link. None if the address has neither an account nor a pending sign-up.
pub async fn reset_mail(accounts: Arc<Accounts>, email: String, client: Client) -> Result<Option<Mail>, Fault> {
    let Link { url, hash } = Link::generate(&accounts.public_url, RESET_PASSWORD)?;
    let link = NewEmailLink {
        hash,
        purpose: LinkPurpose::ResetPassword,
        email: email.clone(),
        sent_by_mail: true,
    };
    let event = Some(Event::PasswordResetRequested);
    let status = accounts.db.issue_email_link(link, event, client).await?;
    let is_used = status.account.is_some() || status.has_pending_sign_up;
    Ok(is_used.then(|| Mail::reset_password(email, &url)))
}

/// The mail with a link that verifies the address. None if it is already verified, or has neither an account nor a pending
/// sign-up.
pub async fn verification_mail(accounts: Arc<Accounts>, email: String, client: Client) -> Result<Option<Mail>, Fault> {
    let Link { url, hash } = Link::generate(&accounts.public_url, VERIFY_EMAIL)?;
    let link = NewEmailLink {
        hash,
        purpose: LinkPurpose::VerifyEmail,
        email: email.clone(),
        sent_by_mail: true,
    };
    let status = accounts.db.issue_email_link(link, None, client).await?;
    let is_unverified = match &status.account {
        Some(user) => !user.email_verified,
        None => status.has_pending_sign_up,
    };
    Ok(is_unverified.then(|| Mail::verify_address(email, &url)))
}

/// Stores a sign-up until its link is used. The mail tells the owner of the address whether it has an account already.
pub async fn sign_up_mail(accounts: Arc<Accounts>, user: NewUser) -> Result<Option<Mail>, Fault> {
    let email = user.email.clone();
    let Link { url, hash } = Link::generate(&accounts.public_url, VERIFY_EMAIL)?;
    let is_taken = accounts.db.store_pending_sign_up(user, hash).await?;
    Ok(Some(if is_taken {
        Mail::address_in_use(email, &accounts.public_url)
    } else {
        Mail::verify_address(email, &url)
    }))
}

/// Sends a mail to the current address, and returns the mail to the new address, which says whether the new address already has
/// an account. None if the session or the credentials of `member` have been revoked meanwhile.
pub async fn change_email_mails(
    accounts: Arc<Accounts>,
    member: Membership,
    user: UserRow,
    new_email: String,
    client: Client,
) -> Result<Option<Mail>, Fault> {
    let Link { url, hash } = Link::generate(&accounts.public_url, CONFIRM_EMAIL_CHANGE)?;
    let (proof, session) = (member.proof(), member.session.id);
    let request = accounts
        .db
        .request_email_change(proof, session, hash, new_email.clone(), client.clone());
    match request.await {
        Ok(()) => {}
        Err(Abort::Refused(Stale)) => return Ok(None),
        Err(Abort::Failed(error)) => return Err(error.into()),
    }
    if let Some((mailer, email)) = accounts.mailer.as_ref().zip(user.email) {
        mailer.enqueue_or_drop(
            &client,
            Mail::address_will_change(email, &new_email, &accounts.public_url),
        );
    }
    let is_taken = accounts.db.user_by_email(&new_email).await?.is_some();
    Ok(Some(if is_taken {
        Mail::address_in_use(new_email, &accounts.public_url)
    } else {
        Mail::verify_new_address(new_email, &url)
    }))
}
