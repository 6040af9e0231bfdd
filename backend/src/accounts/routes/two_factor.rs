//! Two-factor authentication: setup, and completing a sign-in with a code of the app or a recovery code.

use std::sync::Arc;

use poem::web::Data;
use poem::web::cookie::CookieJar;
use poem_openapi::{ApiResponse, OpenApi};
use shared::account::Renewed;
use shared::profile::PasswordProof;
use shared::two_factor::{CodeProof, PasswordAndCode, RecoveryCodes as NewCodes, TwoFactorSetup};

use super::{DoneResponse, Tag, too_many};
use crate::accounts::device::Device;
use crate::accounts::extract::Member;
use crate::accounts::extract::{FromCookie, OptionalBearer, TwoFactor};
use crate::accounts::identity::Identity;
use crate::accounts::pending_sign_in::{Code, PendingSignIn};
use crate::accounts::reauthentication::authorize;
use crate::accounts::recovery_codes::RecoveryCodes;
use crate::accounts::service::Accounts;
use crate::accounts::store::two_factor::TwoFactorRefusal;
use crate::accounts::{enable_two_factor, totp};
use crate::http::client::Client;
use crate::http::json::{JsonBody, RawJson};
use crate::http::operation_error::{OperationError, operation_errors};
use crate::http::problem::Problem;

/// The operations on two-factor authentication.
#[derive(Default)]
pub struct TwoFactorApi;

#[derive(ApiResponse)]
enum EnableResponse {
    /// The setup of the app and the recovery codes. They are not shown again.
    #[oai(status = 200)]
    Ok(RawJson<TwoFactorSetup>),
}

#[derive(ApiResponse)]
enum VerifyResponse {
    /// The account and its access token. The refresh token is set as a cookie.
    #[oai(status = 200)]
    Ok(RawJson<Renewed>),
}

#[derive(ApiResponse)]
enum RecoveryCodesResponse {
    /// The new recovery codes. They are not shown again.
    #[oai(status = 200)]
    Ok(RawJson<NewCodes>),
}

operation_errors!(BetterAuth, EnableErrors: Problem::WrongPassword("password"), too_many(), Problem::Busy, Problem::TwoFactorOn);
operation_errors!(BetterAuth, VerifyTotpErrors: Problem::Unauthenticated, Problem::TwoFactorOn, Problem::TwoFactorOff, Problem::InvalidCode, Problem::AppCodeUnavailable, too_many());
operation_errors!(BetterAuth, VerifyBackupCodeErrors: Problem::InvalidCode, too_many());
operation_errors!(BetterAuth, TwoFactorOffErrors: Problem::WrongPassword("password"), Problem::TwoFactorCodeRequired, Problem::InvalidCode, too_many(), Problem::Busy, Problem::TwoFactorOff);

#[OpenApi(prefix_path = "/api/auth/two-factor", tag = "Tag::Accounts")]
impl TwoFactorApi {
    /// Set up two-factor authentication
    ///
    /// It is enabled when `verify_totp` receives a code of the app. Until then, setup can be repeated and replaces the previous
    /// one.
    #[oai(path = "/enable", method = "post", operation_id = "enable_two_factor")]
    async fn enable(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        member: Member,
        body: JsonBody<PasswordProof>,
    ) -> Result<EnableResponse, OperationError<EnableErrors>> {
        let PasswordProof { password } = body.valid()?;
        let (user, proof) = accounts.verify_password(&client, &member, password, "password").await?;
        let secret = totp::generate_secret()?;
        let sealed = accounts.totp_keys.seal(&member.user, &secret)?;
        let codes = RecoveryCodes::generate()?;
        let (totp_uri, qr_code) = totp::setup(&secret, user.email.as_deref().unwrap_or_default())?;
        accounts.db.set_up_two_factor(proof, sealed, codes.hashes).await?;
        Ok(EnableResponse::Ok(RawJson::of(&TwoFactorSetup {
            totp_uri,
            qr_code,
            backup_codes: codes.shown,
        })?))
    }

    /// Verify a code of the app
    ///
    /// With an access token, enables two-factor authentication, revokes all sessions and creates a new one in this browser. With
    /// the cookie of a pending sign-in, completes the sign-in.
    #[oai(path = "/verify-totp", method = "post", operation_id = "verify_totp")]
    async fn verify_totp(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        jar: &CookieJar,
        bearer: OptionalBearer,
        cookie: FromCookie<TwoFactor>,
        body: JsonBody<CodeProof>,
    ) -> Result<VerifyResponse, OperationError<VerifyTotpErrors>> {
        let OptionalBearer(identity) = bearer;
        let renewed = match identity.and_then(Identity::membership) {
            Some(member) => {
                let CodeProof { code, .. } = body.valid()?;
                enable_two_factor::turn_on(&accounts, jar, member, &code, client).await?
            }
            None => {
                let pending = PendingSignIn::find(&accounts, cookie.value()?).await?;
                let CodeProof { code, .. } = body.valid()?;
                pending.complete(&accounts, jar, Code::App(&code), client).await?
            }
        };
        Ok(VerifyResponse::Ok(RawJson::of(&renewed)?))
    }

    /// Verify a recovery code
    ///
    /// Completes the pending sign-in of the cookie. Each recovery code is valid once.
    #[oai(path = "/verify-backup-code", method = "post", operation_id = "verify_backup_code")]
    async fn verify_backup_code(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        jar: &CookieJar,
        cookie: FromCookie<TwoFactor>,
        body: JsonBody<CodeProof>,
    ) -> Result<VerifyResponse, OperationError<VerifyBackupCodeErrors>> {
        let pending = PendingSignIn::find(&accounts, cookie.value()?).await?;
        let CodeProof { code, .. } = body.valid()?;
        let renewed = pending.complete(&accounts, jar, Code::Recovery(&code), client).await?;
        Ok(VerifyResponse::Ok(RawJson::of(&renewed)?))
    }

    /// Disable two-factor authentication
    ///
    /// Requires the password and a code. Deletes the secret of the app and the recovery codes. This browser becomes the only known
    /// device.
    #[oai(path = "/disable", method = "post", operation_id = "disable_two_factor")]
    async fn disable(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        jar: &CookieJar,
        member: Member,
        body: JsonBody<PasswordAndCode>,
    ) -> Result<DoneResponse, OperationError<TwoFactorOffErrors>> {
        let device = Device::generate()?;
        let turn_off = async |proof| {
            let turned_off = accounts.db.turn_two_factor_off(proof, device.hash(), client.clone());
            Ok(turned_off.await?)
        };
        authorize(&accounts, jar, &client, &member, body.valid()?, turn_off).await?;
        device.set_cookie(&accounts.cookies, jar);
        Ok(DoneResponse::done()?)
    }

    /// Replace the recovery codes
    ///
    /// Requires the password and a code. All earlier recovery codes become invalid.
    #[oai(
        path = "/generate-backup-codes",
        method = "post",
        operation_id = "generate_backup_codes"
    )]
    async fn generate_backup_codes(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        jar: &CookieJar,
        member: Member,
        body: JsonBody<PasswordAndCode>,
    ) -> Result<RecoveryCodesResponse, OperationError<TwoFactorOffErrors>> {
        let codes = RecoveryCodes::generate()?;
        let replace = async |proof| {
            let replaced = accounts.db.replace_recovery_codes(proof, codes.hashes, client.clone());
            Ok(replaced.await?)
        };
        authorize(&accounts, jar, &client, &member, body.valid()?, replace).await?;
        Ok(RecoveryCodesResponse::Ok(RawJson::of(&NewCodes {
            status: true,
            backup_codes: codes.shown,
        })?))
    }
}

impl From<TwoFactorRefusal> for Problem {
    fn from(refusal: TwoFactorRefusal) -> Self {
        match refusal {
            TwoFactorRefusal::IsOn => Self::TwoFactorOn,
            TwoFactorRefusal::IsOff => Self::TwoFactorOff,
            TwoFactorRefusal::Stale => Self::Unauthenticated,
            TwoFactorRefusal::InvalidCode => Self::InvalidCode,
        }
    }
}
