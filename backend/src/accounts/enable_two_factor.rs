//! Enabling two-factor authentication.

use poem::web::cookie::CookieJar;
use shared::account::Renewed;

use crate::accounts::identity::Membership;
use crate::accounts::service::Accounts;
use crate::accounts::store::two_factor::TurnOnRefusal;
use crate::accounts::{pending_sign_in, session};
use crate::db::Abort;
use crate::http::client::Client;
use crate::http::problem::Problem;

/// Enables two-factor authentication for `member` with a code of the app. Revokes all sessions and creates a new one in this
/// browser.
pub async fn turn_on(
    accounts: &Accounts,
    jar: &CookieJar,
    member: Membership,
    code: &str,
    client: Client,
) -> Result<Renewed, Problem> {
    let proof = member.proof();
    let Membership { user, session: current } = member;
    let two_factor = accounts.db.two_factor(&user).await?.ok_or(Problem::Unauthenticated)?;
    if two_factor.enabled {
        return Err(Problem::TwoFactorOn);
    }
    let secret = two_factor.secret.ok_or(Problem::TwoFactorOff)?;
    let permit = pending_sign_in::attempt(accounts, jar, &user, &client).await?;
    let code = accounts
        .totp_keys
        .verify_code(&accounts.db, &user, secret, code)
        .await?;
    let (mut replacement, cookies) = session::replacement(accounts, client, current).await?;
    // The code does not count as a verification of the password.
    replacement.session.authenticated_at = current.authenticated_at;
    let turned_on = accounts.db.turn_two_factor_on(proof, code, replacement).await;
    let user = turned_on.map_err(|abort| match abort {
        Abort::Refused(TurnOnRefusal::SetUpChanged) => Problem::InvalidCode,
        Abort::Refused(TurnOnRefusal::SessionEnded) => Problem::Unauthenticated,
        Abort::Failed(error) => error.into(),
    })?;
    permit.succeeded().await?;
    let (token, user) = cookies.set(accounts, jar, user)?;
    Ok(Renewed { token, user })
}
