//! Verifying an e-mail address with the token of a link. The link alone confirms nothing: whoever opens it also enters the password
//! of that sign-up or account, or chooses a new one. Otherwise the owner of the address could confirm an account whose password
//! somebody else has chosen.

use poem::web::cookie::CookieJar;
use shared::problem::FieldError;
use shared::recovery::{EmailVerification, VerificationPassword};

use crate::accounts::device::Device;
use crate::accounts::link;
use crate::accounts::passwords::Verification;
use crate::accounts::rate_limit::Attempt;
use crate::accounts::service::Accounts;
use crate::accounts::store::email_links::LinkPurpose;
use crate::accounts::store::proof::Proof;
use crate::accounts::store::sign_up::NewUser;
use crate::accounts::store::users::UserRow;
use crate::http::client::Client;
use crate::http::problem::Problem;

/// What a link verifies.
enum Target {
    /// The address of an account.
    Account(Box<UserRow>),
    /// The address of a pending sign-up.
    SignUp(NewUser),
}

impl Target {
    /// [`Problem::InvalidToken`] if the link is invalid.
    async fn find(accounts: &Accounts, hash: &[u8; 32]) -> Result<Self, Problem> {
        if let Some(user) = accounts.db.email_link_account(hash, LinkPurpose::VerifyEmail).await? {
            return Ok(Self::Account(Box::new(user)));
        }
        let sign_up = accounts.db.pending_sign_up(hash).await?;
        Ok(Self::SignUp(sign_up.ok_or(Problem::InvalidToken)?))
    }

    fn name(&self) -> &str {
        match self {
            Self::Account(user) => &user.name,
            Self::SignUp(sign_up) => &sign_up.name,
        }
    }

    fn email(&self) -> &str {
        match self {
            Self::Account(user) => user.email.as_deref().unwrap_or_default(),
            Self::SignUp(sign_up) => &sign_up.email,
        }
    }

    fn password_hash(&self) -> Option<String> {
        match self {
            Self::Account(user) => user.password_hash.clone(),
            Self::SignUp(sign_up) => Some(sign_up.password_hash.clone()),
        }
    }
}

/// Verifies the address. A new password revokes all sessions of the account. [`Problem::InvalidToken`] if the link is invalid,
/// [`Problem::Invalid`] if the password is not that of the sign-up or the account.
pub async fn verify_email(
    accounts: &Accounts,
    jar: &CookieJar,
    client: Client,
    body: EmailVerification,
) -> Result<UserRow, Problem> {
    let EmailVerification { token, .. } = &body;
    let hash = link::hash(token);
    let target = Target::find(accounts, &hash).await?;
    let new_password_hash = match body.chosen_password() {
        VerificationPassword::Existing(password) => {
            verify_password(accounts, &client, &target, password).await?;
            None
        }
        VerificationPassword::New(password) => {
            let (name, email) = (target.name(), target.email());
            let passwords = &accounts.passwords;
            Some(
                passwords
                    .hash_new_password(&client, password, "newPassword", name, email)
                    .await?,
            )
        }
    };
    let verified = match (target, new_password_hash) {
        (Target::SignUp(_), new_password_hash) => accounts.db.confirm_sign_up(hash, new_password_hash, client).await?,
        (Target::Account(user), None) => accounts.db.verify_email(Proof::of(&user), hash, client).await?,
        (Target::Account(_), Some(password_hash)) => {
            let device = Device::generate()?;
            let purpose = LinkPurpose::VerifyEmail;
            let reset = accounts
                .db
                .reset_password(hash, purpose, password_hash, device.hash(), client);
            let user = reset.await?;
            device.set_cookie(&accounts.cookies, jar);
            user
        }
    };
    verified.ok_or(Problem::InvalidToken)
}

async fn verify_password(accounts: &Accounts, client: &Client, target: &Target, password: &str) -> Result<(), Problem> {
    let email = target.email();
    let device = None;
    let attempt = Attempt::SignIn { client, email, device };
    let permit = accounts.rate_limiter.attempt(attempt).await?;
    let stored = target.password_hash();
    match accounts.passwords.verify(permit, password.to_owned(), stored).await? {
        Verification::Valid { .. } => Ok(()),
        Verification::Invalid => {
            let detail = "This is not the password that was chosen at the sign-up. Try again, or set a new one.";
            Err(Problem::Invalid(vec![FieldError::of("password", detail)]))
        }
    }
}
