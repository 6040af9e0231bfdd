//! Completing and undoing a change of the e-mail address with the token of a link.

use poem::web::cookie::CookieJar;
use shared::pages::UNDO_EMAIL_CHANGE;

use crate::accounts::device::Device;
use crate::accounts::link::{self, Link};
use crate::accounts::service::Accounts;
use crate::accounts::store::users::UserRow;
use crate::http::client::Client;
use crate::http::problem::Problem;

/// Sets the new address. The mail to the previous one has a link that undoes the change, if the previous address was verified.
/// [`Problem::InvalidToken`] if the token is invalid.
pub async fn confirm(accounts: &Accounts, token: &str, client: Client) -> Result<UserRow, Problem> {
    let undo = Link::generate(&accounts.public_url, UNDO_EMAIL_CHANGE)?;
    let hash = link::hash(token);
    let changed = accounts
        .db
        .confirm_email_change(hash, undo.hash, undo.url, client)
        .await?;
    changed.ok_or(Problem::InvalidToken)
}

/// Restores the previous address, sets a new password and revokes all sessions. [`Problem::InvalidToken`] if the token is
/// invalid.
pub async fn undo(
    accounts: &Accounts,
    jar: &CookieJar,
    token: &str,
    new_password: &str,
    client: Client,
) -> Result<(), Problem> {
    let hash = link::hash(token);
    let owner = accounts.db.undo_token_owner(&hash).await?;
    let (name, email) = owner.ok_or(Problem::InvalidToken)?;
    let password_hash = accounts
        .passwords
        .hash_new_password(&client, new_password, "newPassword", &name, &email)
        .await?;
    let device = Device::generate()?;
    let undone = accounts
        .db
        .undo_email_change(hash, password_hash, device.hash(), client);
    undone.await?.ok_or(Problem::InvalidToken)?;
    device.set_cookie(&accounts.cookies, jar);
    Ok(())
}
