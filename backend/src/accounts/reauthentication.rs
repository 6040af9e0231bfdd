//! Changes of an account that require the password again and, while two-factor authentication is enabled, a code.

use poem::web::cookie::CookieJar;
use shared::two_factor::PasswordAndCode;

use crate::accounts::event::Event;
use crate::accounts::identity::Membership;
use crate::accounts::pending_sign_in;
use crate::accounts::recovery_codes::recovery_code_hash;
use crate::accounts::service::Accounts;
use crate::accounts::store::two_factor::{Code, FullProof, FullProofRefusal};
use crate::accounts::totp::is_app_code;
use crate::accounts::user_id::UserId;
use crate::http::client::Client;
use crate::http::problem::Problem;

/// Verifies the password and the code of a member, and makes a change that consumes the code. An attempt to enter a code counts
/// like one of a sign-in. [`Problem::TwoFactorCodeRequired`] if the code is missing.
pub async fn authorize<T>(
    accounts: &Accounts,
    jar: &CookieJar,
    client: &Client,
    member: &Membership,
    body: PasswordAndCode,
    change: impl AsyncFnOnce(FullProof) -> Result<T, Problem>,
) -> Result<T, Problem> {
    let PasswordAndCode { password, code } = body;
    let (user, proof) = accounts.verify_password(client, member, password, "password").await?;
    if !user.two_factor_enabled {
        return change(FullProof::without_code(proof)).await;
    }
    let code = code.ok_or(Problem::TwoFactorCodeRequired)?;
    let permit = pending_sign_in::attempt(accounts, jar, &user.id, client).await?;
    let changed = match usable(accounts, &user.id, &code).await {
        Ok(code) => change(FullProof::with_code(proof, code)).await,
        Err(problem) => Err(problem),
    };
    match &changed {
        Ok(_) => permit.succeeded().await?,
        Err(Problem::InvalidCode) => accounts.db.record(user.id, Event::CodeRefused, client.clone()).await?,
        Err(_) => {}
    }
    changed
}

/// Verifies a normalised code of the app, or hashes a recovery code. [`Problem::InvalidCode`] if a code of the app is wrong.
/// The change consumes the result, and verifies a recovery code by that.
async fn usable(accounts: &Accounts, user: &UserId, code: &str) -> Result<Code, Problem> {
    if !is_app_code(code) {
        return Ok(Code::Recovery(recovery_code_hash(code)));
    }
    let two_factor = accounts.db.two_factor(user).await?.ok_or(Problem::Unauthenticated)?;
    let secret = two_factor.secret.ok_or(Problem::TwoFactorOff)?;
    let code = accounts.totp_keys.verify_code(&accounts.db, user, secret, code).await?;
    Ok(Code::App(code.step))
}

impl From<FullProofRefusal> for Problem {
    fn from(refusal: FullProofRefusal) -> Self {
        match refusal {
            FullProofRefusal::Stale => Self::Unauthenticated,
            FullProofRefusal::InvalidCode => Self::InvalidCode,
        }
    }
}
