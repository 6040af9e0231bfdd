//! Sign-in with an e-mail address and a password.

use std::sync::Arc;

use poem::web::cookie::CookieJar;
use shared::account::{SignIn, User};

use crate::accounts::event::Event;
use crate::accounts::pending_sign_in::PendingSignIn;
use crate::accounts::rate_limit::Attempt;
use crate::accounts::service::Accounts;
use crate::accounts::store::users::UserRow;
use crate::accounts::{account_mail, device, session};
use crate::http::client::Client;
use crate::http::problem::Problem;

/// The result of a sign-in with a correct password.
pub enum SignInOutcome {
    /// The session is created, and its cookies are set.
    SignedIn {
        /// The access token.
        token: String,
        /// The account.
        user: User,
    },
    /// A code is required. The cookie of the pending sign-in is set.
    NeedsCode,
}

/// Signs in. If the e-mail address is not verified, sends the verification mail again and fails with
/// [`Problem::EmailNotVerified`].
pub async fn sign_in(
    accounts: &Arc<Accounts>,
    jar: &CookieJar,
    client: Client,
    body: SignIn,
) -> Result<SignInOutcome, Problem> {
    let remember = body.remember_me.unwrap_or(true);
    let user = verify_credentials(accounts, jar, &client, &body.email, body.password).await?;
    if let Some(mailer) = accounts.mailer.as_ref().filter(|_| !user.email_verified) {
        Event::SignInRefused.log(&client, Some(&user.id));
        accounts.rate_limiter.mail(&client, "confirm", &body.email).await?;
        let mail = account_mail::verification_mail(Arc::clone(accounts), body.email, client.clone());
        mailer.enqueue(&client, mail)?;
        return Err(Problem::EmailNotVerified);
    }
    if user.two_factor_enabled {
        PendingSignIn::begin(accounts, jar, &user, remember).await?;
        return Ok(SignInOutcome::NeedsCode);
    }
    let (token, user) = session::begin(accounts, jar, client, user, remember).await?;
    Ok(SignInOutcome::SignedIn { token, user })
}

/// The account with that e-mail address, if `password` is correct. Takes the same time whether or not the account exists.
async fn verify_credentials(
    accounts: &Accounts,
    jar: &CookieJar,
    client: &Client,
    email: &str,
    password: String,
) -> Result<UserRow, Problem> {
    let user = accounts.db.user_by_email(email).await?;
    let user_id = user.as_ref().map(|user| &user.id);
    let device = device::known(&accounts.db, &accounts.cookies, jar, user_id).await?;
    let attempt = Attempt::SignIn { client, email, device };
    let permit = accounts.rate_limiter.attempt(attempt).await?;
    let is_right = accounts.is_password(permit, password, user.as_ref()).await?;
    match user {
        Some(user) if is_right => Ok(user),
        user => {
            record_failure(accounts, user, email.to_owned(), client.clone());
            Err(Problem::InvalidCredentials)
        }
    }
}

/// Records the failure in the background. Without an account, an event is stored, too: otherwise the time of the next write would
/// reveal that there is none.
fn record_failure(accounts: &Accounts, user: Option<UserRow>, email: String, client: Client) {
    let db = accounts.db.clone();
    tokio::spawn(async move {
        let event = Event::SignInFailed;
        let recorded = match user {
            Some(user) => db.record(user.id, event, client).await,
            None => db.record_without_account(email, event, client).await,
        };
        if let Err(error) = recorded {
            tracing::warn!(%error, "recording a failed sign-in failed");
        }
    });
}
