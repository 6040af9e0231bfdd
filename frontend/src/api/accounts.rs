//! The operations on accounts, sessions and two-factor authentication.

use gloo_net::http::Method;
use serde::{Deserialize, Serialize};
use shared::account::{CurrentSession, Session as Device, SignIn, SignUp, User};
use shared::notifications::Notifications;
use shared::profile::{Activity, Capabilities, PasswordChange, PasswordProof};
use shared::recovery::{EmailVerification, EmailVerified, LinkRequest, LinkToken, PasswordReset};
use shared::two_factor::{CodeProof, PasswordAndCode, RecoveryCodes, TwoFactorSetup};

pub use super::client::Empty;
use super::client::Request;
use super::stored_session::{self, Session};
use crate::failure::Failure;

/// Creates an account. Returns no session if the e-mail address has to be confirmed first.
pub async fn sign_up(account: &SignUp) -> Result<Option<Session>, Failure> {
    start_session("/api/auth/sign-up/email", account).await
}

/// Signs in. Returns no session if a two-factor code is required: [`sign_in_with_code`].
pub async fn sign_in(credentials: &SignIn) -> Result<Option<Session>, Failure> {
    start_session("/api/auth/sign-in/email", credentials).await
}

/// Completes a sign-in with a code of the authenticator app, which has only digits, or a recovery code.
pub async fn sign_in_with_code(code: &CodeProof) -> Result<Option<Session>, Failure> {
    if code.code.chars().all(|c| c.is_ascii_digit()) {
        start_session("/api/auth/two-factor/verify-totp", code).await
    } else {
        start_session("/api/auth/two-factor/verify-backup-code", code).await
    }
}

async fn start_session(path: &'static str, body: &impl Serialize) -> Result<Option<Session>, Failure> {
    let response = Request::new(Method::POST, path).json(body).send(None).await?;
    let SignInResponse { token, user } = response.decode()?;
    Ok(token.zip(user).map(|(token, user)| Session { token, user }))
}

/// The response to a sign-up or a sign-in. Both are absent if another step is required.
#[derive(Deserialize)]
struct SignInResponse {
    token: Option<String>,
    user: Option<User>,
}

/// Ends the session on the server. If that fails, [`confirm_sign_out`] tries again.
pub async fn sign_out() -> Result<(), Failure> {
    let token = stored_session::load().map(|session| session.token);
    stored_session::set_unconfirmed(true);
    let request = Request::new(Method::POST, "/api/auth/sign-out").json(&Empty {});
    request.send(token.as_deref()).await?;
    stored_session::set_unconfirmed(false);
    Ok(())
}

/// Repeats a sign-out that the server has not confirmed: the browser still has the cookie of the session.
pub async fn confirm_sign_out() {
    if stored_session::is_unconfirmed() && stored_session::load().is_none() {
        // If it fails, the next start or the next connection is another attempt.
        let _ = sign_out().await;
    }
}

/// What this server is configured to do.
pub async fn capabilities() -> Result<Capabilities, Failure> {
    let request = Request::new(Method::GET, "/api/auth/capabilities");
    request.send(None).await?.decode()
}

/// Requests a mail with a link that resets the password.
pub async fn request_password_reset(link_request: &LinkRequest) -> Result<(), Failure> {
    let request = Request::new(Method::POST, "/api/auth/request-password-reset").json(link_request);
    request.send(None).await.map(drop)
}

/// Sets a new password with the token of a link.
pub async fn reset_password(reset: &PasswordReset) -> Result<(), Failure> {
    let request = Request::new(Method::POST, "/api/auth/reset-password").json(reset);
    request.send(None).await.map(drop)
}

/// Confirms an e-mail address with the token of a link and a password. Returns the user it belongs to.
pub async fn verify_email(verification: &EmailVerification) -> Result<User, Failure> {
    let request = Request::new(Method::POST, "/api/auth/verify-email").json(verification);
    let verified: EmailVerified = request.send(None).await?.decode()?;
    Ok(verified.user)
}

/// Completes a change of the e-mail address with the token of a link. Returns the changed user.
pub async fn confirm_email_change(token: &LinkToken) -> Result<User, Failure> {
    let request = Request::new(Method::POST, "/api/auth/confirm-email-change").json(token);
    let changed: EmailVerified = request.send(None).await?.decode()?;
    Ok(changed.user)
}

/// Undoes a change of the e-mail address with the token of a link, and sets a new password.
pub async fn undo_email_change(reset: &PasswordReset) -> Result<(), Failure> {
    let request = Request::new(Method::POST, "/api/auth/undo-email-change").json(reset);
    request.send(None).await.map(drop)
}

/// The current session and its user.
pub async fn current_session(user_id: &str) -> Result<CurrentSession, Failure> {
    let request = Request::new(Method::GET, "/api/auth/get-session");
    request.send_as(user_id).await?.decode()
}

/// The devices that are signed in, newest first.
pub async fn sessions(user_id: &str) -> Result<Vec<Device>, Failure> {
    let request = Request::new(Method::GET, "/api/auth/list-sessions");
    request.send_as(user_id).await?.decode()
}

/// A page of the history of the account.
#[derive(Clone, PartialEq)]
pub struct ActivityPage {
    /// The events, newest first.
    pub events: Vec<Activity>,
    /// The query of the page with earlier events; none if there are none.
    pub earlier: Option<String>,
}

/// The page of the history with this query.
pub async fn activity(user_id: &str, query: &str) -> Result<ActivityPage, Failure> {
    let request = Request::new(Method::GET, format!("/api/auth/activity?{query}"));
    let response = request.send_as(user_id).await?;
    Ok(ActivityPage {
        events: response.decode()?,
        earlier: response.next_page(),
    })
}

/// Which mails about security events the user gets.
pub async fn notifications(user_id: &str) -> Result<Notifications, Failure> {
    let request = Request::new(Method::GET, "/api/auth/notifications");
    request.send_as(user_id).await?.decode()
}

/// All stored data of the user, as JSON.
pub async fn export(user_id: &str) -> Result<String, Failure> {
    let response = Request::new(Method::GET, "/api/auth/export").send_as(user_id).await?;
    Ok(response.body)
}

/// Sends an operation on the account whose successful response has no content of interest.
pub async fn post(user_id: &str, path: &'static str, body: &impl Serialize) -> Result<(), Failure> {
    let request = Request::new(Method::POST, path).json(body);
    request.send_as(user_id).await.map(drop)
}

/// Changes the password. Ends all sessions and starts a new one in this browser.
pub async fn change_password(user_id: &str, change: &PasswordChange) -> Result<Session, Failure> {
    let request = Request::new(Method::POST, "/api/auth/change-password").json(change);
    request.replace_session(user_id).await
}

/// Starts the set-up of two-factor authentication.
pub async fn set_up_two_factor(user_id: &str, password: &PasswordProof) -> Result<TwoFactorSetup, Failure> {
    let request = Request::new(Method::POST, "/api/auth/two-factor/enable").json(password);
    request.send_as(user_id).await?.decode()
}

/// Turns two-factor authentication on with a code of the app. Ends all sessions and starts a new one in this browser.
pub async fn turn_on_two_factor(user_id: &str, code: &CodeProof) -> Result<Session, Failure> {
    let request = Request::new(Method::POST, "/api/auth/two-factor/verify-totp").json(code);
    request.replace_session(user_id).await
}

/// Replaces the recovery codes.
pub async fn replace_recovery_codes(user_id: &str, proof: &PasswordAndCode) -> Result<Vec<String>, Failure> {
    let request = Request::new(Method::POST, "/api/auth/two-factor/generate-backup-codes").json(proof);
    let codes: RecoveryCodes = request.send_as(user_id).await?.decode()?;
    Ok(codes.backup_codes)
}
