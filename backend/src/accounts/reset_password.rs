//! Resetting the password with the token of a link.

use poem::web::cookie::CookieJar;

use crate::accounts::device::Device;
use crate::accounts::link;
use crate::accounts::service::Accounts;
use crate::accounts::store::email_links::LinkPurpose;
use crate::accounts::store::one_time_tokens::TokenHash;
use crate::http::client::Client;
use crate::http::problem::Problem;

/// Sets a new password and revokes all sessions. [`Problem::InvalidToken`] if the token is invalid.
pub async fn reset_password(
    accounts: &Accounts,
    jar: &CookieJar,
    token: &str,
    new_password: &str,
    client: Client,
) -> Result<(), Problem> {
    let hash = link::hash(token);
    let (name, email) = owner(accounts, &hash).await?.ok_or(Problem::InvalidToken)?;
    let password_hash = accounts
        .passwords
        .hash_new_password(&client, new_password, "newPassword", &name, &email)
        .await?;
    let device = Device::generate()?;
    let purpose = LinkPurpose::ResetPassword;
    let reset = accounts
        .db
        .reset_password(hash, purpose, password_hash, device.hash(), client);
    reset.await?.ok_or(Problem::InvalidToken)?;
    device.set_cookie(&accounts.cookies, jar);
    Ok(())
}

/// The name and the address of the account or the pending sign-up that a link resets. None if the link is invalid.
async fn owner(accounts: &Accounts, hash: &TokenHash) -> Result<Option<(String, String)>, Problem> {
    let db = &accounts.db;
    if let Some(user) = db.email_link_account(hash, LinkPurpose::ResetPassword).await? {
        return Ok(Some((user.name, user.email.unwrap_or_default())));
    }
    let Some(email) = db.reset_link_address(hash).await? else {
        return Ok(None);
    };
    let sign_up = db.latest_pending_sign_up(&email).await?;
    Ok(sign_up.map(|sign_up| (sign_up.name, sign_up.email)))
}
