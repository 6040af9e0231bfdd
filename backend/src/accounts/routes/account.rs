//! What people do with their own account.

use std::sync::Arc;

use poem::web::Data;
use poem::web::cookie::CookieJar;
use poem_openapi::{ApiResponse, OpenApi};
use shared::account::Renewed;
use shared::profile::{AccountDeleted, PasswordChange, PasswordProof, ProfileChange};

use super::{Changed, Tag};
use crate::accounts::cookies::REFRESH_COOKIE;
use crate::accounts::extract::Member;
use crate::accounts::service::Accounts;
use crate::accounts::sign_in;
use crate::accounts::store::password::Stale;
use crate::http::client::Client;
use crate::http::json::{JsonBody, RawJson};
use crate::http::problem::Problem;

/// The operations.
#[derive(Default)]
pub struct AccountApi;

#[derive(ApiResponse)]
enum WithToken {
    /// The password is changed, and a new session has begun: its token, which a cookie renews.
    #[oai(status = 200)]
    Ok(RawJson<Renewed>),
}

#[derive(ApiResponse)]
enum Gone {
    /// The account and everything that belonged to it are deleted.
    #[oai(status = 200)]
    Ok(RawJson<AccountDeleted>),
}

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Accounts")]
impl AccountApi {
    /// Change the profile
    #[oai(path = "/update-user", method = "post", operation_id = "update_user")]
    async fn update(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        member: Member,
        body: JsonBody<ProfileChange>,
    ) -> Result<Changed, Problem> {
        if let Some(name) = body.valid()?.name {
            accounts.db.rename_user(member.user.clone(), name, client).await?;
        }
        Changed::done()
    }

    /// Prove the password again
    ///
    /// For 15 minutes the session may then do what an old one may not.
    #[oai(path = "/verify-password", method = "post", operation_id = "verify_password")]
    async fn verify_password(
        &self,
        accounts: Data<&Arc<Accounts>>,
        member: Member,
        body: JsonBody<PasswordProof>,
    ) -> Result<Changed, Problem> {
        let PasswordProof { password } = body.valid()?;
        accounts.verify_password(&member, password, "password").await?;
        accounts.db.authenticate_session(member.session.id).await?;
        Changed::done()
    }

    /// Change the password
    ///
    /// Every session and every access token ends, and a new session begins in this browser.
    #[oai(path = "/change-password", method = "post", operation_id = "change_password")]
    async fn change_password(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        jar: &CookieJar,
        member: Member,
        body: JsonBody<PasswordChange>,
    ) -> Result<WithToken, Problem> {
        let PasswordChange {
            current_password,
            new_password,
            ..
        } = body.valid()?;
        let user = accounts
            .verify_password(&member, current_password, "currentPassword")
            .await?;
        let email = user.email.as_deref().unwrap_or_default();
        let password = accounts
            .passwords
            .admit(&new_password, "newPassword", &user.name, email)
            .await?;
        let password_hash = accounts.passwords.hash(password).await?;
        let (replacement, cookies) = sign_in::replacement(&accounts, client, member.session).await?;
        let changed = accounts.db.change_password(user, password_hash, replacement).await;
        let user = changed?;
        let (token, user) = cookies.set(&accounts, jar, user)?;
        Ok(WithToken::Ok(RawJson::of(&Renewed { token, user })?))
    }

    /// Delete the account
    ///
    /// With all of its tasks, sessions and history. It cannot be undone.
    #[oai(path = "/delete-user", method = "post", operation_id = "delete_user")]
    async fn delete(
        &self,
        accounts: Data<&Arc<Accounts>>,
        jar: &CookieJar,
        member: Member,
        body: JsonBody<PasswordProof>,
    ) -> Result<Gone, Problem> {
        let PasswordProof { password } = body.valid()?;
        accounts.verify_password(&member, password, "password").await?;
        accounts.db.delete_user(member.user.clone()).await?;
        accounts.cookies.clear(jar, REFRESH_COOKIE);
        Ok(Gone::Ok(RawJson::of(&AccountDeleted {
            success: true,
            message: "User deleted".to_owned(),
        })?))
    }
}

impl From<Stale> for Problem {
    fn from(_: Stale) -> Self {
        Self::Unauthenticated
    }
}
