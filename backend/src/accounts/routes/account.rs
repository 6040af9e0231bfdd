//! Operations on the user's own account.

use std::sync::Arc;

use poem::web::Data;
use poem::web::cookie::CookieJar;
use poem_openapi::{ApiResponse, OpenApi};
use shared::account::Renewed;
use shared::profile::{AccountDeleted, AccountDeletion, PasswordChange, PasswordProof, ProfileChange};
use shared::rules::Check;
use shared::two_factor::PasswordAndCode;

use super::{DoneResponse, Tag, too_many};
use crate::accounts::cookies::REFRESH_COOKIE;
use crate::accounts::extract::{AnyUser, Member};
use crate::accounts::reauthentication::authorize;
use crate::accounts::service::Accounts;
use crate::accounts::session;
use crate::accounts::store::proof::{Proof, Stale};
use crate::accounts::store::two_factor::FullProof;
use crate::http::client::Client;
use crate::http::json::{JsonBody, RawJson};
use crate::http::operation_error::{OperationError, operation_errors};
use crate::http::problem::Problem;

/// The operations on the account.
#[derive(Default)]
pub struct AccountApi;

#[derive(ApiResponse)]
enum ChangePasswordResponse {
    /// The password has been changed. The access token of the new session, whose refresh token is set as a cookie.
    #[oai(status = 200)]
    Ok(RawJson<Renewed>),
}

#[derive(ApiResponse)]
enum DeleteUserResponse {
    /// The account and all of its data have been deleted.
    #[oai(status = 200)]
    Ok(RawJson<AccountDeleted>),
}

operation_errors!(BetterAuth, VerifyPasswordErrors: Problem::WrongPassword("password"), too_many(), Problem::Busy);
operation_errors!(BetterAuth, ChangePasswordErrors: Problem::WrongPassword("currentPassword"), too_many(), Problem::Busy);
operation_errors!(BetterAuth, DeleteUserErrors: Problem::SessionNotFresh, Problem::WrongPassword("password"), Problem::TwoFactorCodeRequired, Problem::InvalidCode, too_many(), Problem::Busy);

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Accounts")]
impl AccountApi {
    /// Update the profile
    #[oai(path = "/update-user", method = "post", operation_id = "update_user")]
    async fn update(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        member: Member,
        body: JsonBody<ProfileChange>,
    ) -> Result<DoneResponse, Problem> {
        if let Some(name) = body.valid()?.name {
            accounts.db.rename_user(member.user.clone(), name, client).await?;
        }
        Ok(DoneResponse::done()?)
    }

    /// Verify the password again
    ///
    /// Sensitive operations require that the password was verified in the session within the last 15 minutes.
    #[oai(path = "/verify-password", method = "post", operation_id = "verify_password")]
    async fn verify_password(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        member: Member,
        body: JsonBody<PasswordProof>,
    ) -> Result<DoneResponse, OperationError<VerifyPasswordErrors>> {
        let PasswordProof { password } = body.valid()?;
        let (_, proof) = accounts.verify_password(&client, &member, password, "password").await?;
        accounts.db.authenticate_session(proof, member.session.id).await?;
        Ok(DoneResponse::done()?)
    }

    /// Change the password
    ///
    /// Revokes all sessions and access tokens, and creates a new session in this browser.
    #[oai(path = "/change-password", method = "post", operation_id = "change_password")]
    async fn change_password(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        jar: &CookieJar,
        member: Member,
        body: JsonBody<PasswordChange>,
    ) -> Result<ChangePasswordResponse, OperationError<ChangePasswordErrors>> {
        let PasswordChange {
            current_password,
            new_password,
            ..
        } = body.valid()?;
        let (user, proof) = accounts
            .verify_password(&client, &member, current_password, "currentPassword")
            .await?;
        let email = user.email.as_deref().unwrap_or_default();
        let password_hash = accounts
            .passwords
            .hash_new_password(&client, &new_password, "newPassword", &user.name, email)
            .await?;
        let (replacement, cookies) = session::replacement(&accounts, client, member.session).await?;
        let changed = accounts.db.change_password(proof, password_hash, replacement).await;
        let user = changed?;
        let (token, user) = cookies.set(&accounts, jar, user)?;
        Ok(ChangePasswordResponse::Ok(RawJson::of(&Renewed { token, user })?))
    }

    /// Delete the account
    ///
    /// Deletes the account with all of its tasks, sessions and audit events. This cannot be undone. Requires the password, and a
    /// code while two-factor authentication is enabled. A user of the external issuer has no password, and needs a token that was
    /// issued within the last 15 minutes instead.
    #[oai(path = "/delete-user", method = "post", operation_id = "delete_user")]
    async fn delete(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        jar: &CookieJar,
        user: AnyUser,
        body: JsonBody<AccountDeletion>,
    ) -> Result<DeleteUserResponse, OperationError<DeleteUserErrors>> {
        let AccountDeletion { password, code } = body.valid()?;
        let delete = async |proof| Ok(accounts.db.delete_user(proof, client.clone()).await?);
        match user.clone().membership() {
            Some(member) => {
                let password = password.unwrap_or_default();
                let proof = PasswordAndCode { password, code };
                let proof = proof.check().map_err(Problem::Invalid)?;
                authorize(&accounts, jar, &client, &member, proof, delete).await?;
            }
            None => {
                let row = accounts.db.user(&user.user).await?.ok_or(Problem::Unauthenticated)?;
                user.require_recent_authentication()?;
                delete(FullProof::without_code(Proof::of(&row))).await?;
            }
        }
        accounts.cookies.clear(jar, REFRESH_COOKIE);
        Ok(DeleteUserResponse::Ok(RawJson::of(&AccountDeleted {
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
