//! Sign-up with an e-mail address and a password.

use std::sync::Arc;

use poem::web::cookie::CookieJar;
use shared::account::{SignUp, SignedUp, User};
use uuid::Uuid;

use crate::accounts::device::Device;
use crate::accounts::service::Accounts;
use crate::accounts::store::sign_up::NewUser;
use crate::accounts::user_id::UserId;
use crate::accounts::{account_mail, session};
use crate::http::client::Client;
use crate::http::problem::Problem;

/// Creates an account and its first session. With a mailer, the response does not reveal whether the address has an account: a
/// mail explains the next step, and the account is created when its link is used.
pub async fn sign_up(
    accounts: &Arc<Accounts>,
    jar: &CookieJar,
    client: Client,
    body: SignUp,
) -> Result<SignedUp, Problem> {
    accounts.rate_limiter.sign_up(&client).await?;
    let SignUp {
        name,
        email,
        password,
        remember_me,
        ..
    } = body;
    let password_hash = accounts
        .passwords
        .hash_new_password(&client, &password, "password", &name, &email)
        .await?;
    let user = NewUser {
        id: UserId::new(Uuid::now_v7().to_string()),
        name,
        email,
        password_hash,
    };
    if let Some(mailer) = &accounts.mailer {
        accounts.rate_limiter.mail(&client, "sign-up", &user.email).await?;
        let unverified = SignedUp {
            token: None,
            user: User::from(&user),
        };
        mailer.enqueue(&client, account_mail::sign_up_mail(Arc::clone(accounts), user))?;
        return Ok(unverified);
    }
    let remember = remember_me.unwrap_or(true);
    let (session, cookies) = session::new(client.clone(), remember, Device::generate()?)?;
    let user = accounts.db.create_user(user, session, client).await?;
    let (token, user) = cookies.set(accounts, jar, user)?;
    Ok(SignedUp {
        token: Some(token),
        user,
    })
}
