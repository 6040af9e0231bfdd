//! The problem types of the API, and their responses (`application/problem+json`, RFC 9457).

mod framework;

use poem::error::ResponseError;
use poem::http::{StatusCode, header};
use poem::{IntoResponse, Response, ResponseBuilder};
use shared::problem::{CONTENT_TYPE, FieldError, Problem as Body};

use crate::db::{Abort, DbError};
use crate::fault::{Fault, FaultKind};

/// The prefix of the paths that are compatible with Better Auth.
const BETTER_AUTH: &str = "/api/auth/";

/// The error response format.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wire {
    /// The problem alone.
    Docket,
    /// With the `code` and the `message` that clients of Better Auth read.
    BetterAuth,
}

impl Wire {
    /// The form below a path.
    pub fn of(path: &str) -> Self {
        if path.starts_with(BETTER_AUTH) {
            Self::BetterAuth
        } else {
            Self::Docket
        }
    }
}

/// `Retry-After` of 503, in seconds.
const RETRY_AFTER: &str = "1";

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The access token is missing, invalid or expired.
    #[error("Sign in to do this: the request has no valid access token.")]
    Unauthenticated,
    /// The e-mail address or the password is wrong.
    #[error(
        "The e-mail address or the password is wrong. If a mail asked you to confirm the address, open its link first."
    )]
    InvalidCredentials,
    /// The refresh cookie is missing, was replaced, or belongs to a session that has ended.
    #[error("This session has ended. Sign in again.")]
    NoSession,
    /// A signed-in user entered a wrong password. The value is the member of the body that it came in.
    #[error("This is not your password. Try again, or sign out and choose \"Forgot your password?\".")]
    WrongPassword(&'static str),
    /// The operation requires a recently verified password, or a recent token of the external issuer.
    #[error(
        "Enter your password again first: it was a while ago. Send it to /api/auth/verify-password, or with a token of \
         another service sign in there again; then repeat this."
    )]
    SessionNotFresh,
    /// The credentials are right, but the e-mail address is not verified.
    #[error("Confirm your e-mail address first: open the link in the mail that we have just sent again.")]
    EmailNotVerified,
    /// The one-time token of a link is used, expired or unknown.
    #[error("This link does not work any more: it was used before or is too old. Ask for a new one.")]
    InvalidToken,
    /// The two-factor code or recovery code is wrong or used.
    #[error("This code is not right, or was used before. Wait for the next one, or use a recovery code.")]
    InvalidCode,
    /// The secret of the authenticator app cannot be decrypted.
    #[error(
        "The server cannot check codes of your app at the moment, because its configuration is incomplete. Use a recovery \
         code, or ask the operator of the server."
    )]
    AppCodeUnavailable,
    /// Two-factor is on, and the request has no code.
    #[error("Enter a code of your authenticator app, or a recovery code, too.")]
    TwoFactorCodeRequired,
    /// Two-factor is off.
    #[error("Two-factor is off for this account. Set it up first.")]
    TwoFactorOff,
    /// Two-factor is on.
    #[error("Two-factor is on already. To use another app, turn it off first.")]
    TwoFactorOn,
    /// The path names another user than the token.
    #[error("The access token belongs to another user than the path.")]
    Forbidden,
    /// A request with a credential cookie comes from a page of an origin that is not allowed.
    #[error("This web page's origin may not do this. Its address belongs in CORS_ORIGINS.")]
    ForbiddenOrigin,
    /// The resource does not exist, or belongs to another user.
    #[error("There is nothing here: it never existed, it was deleted, or it is not yours.")]
    NotFound,
    /// The path exists, the method does not.
    #[error("This address does not know that method; the Allow header says which it knows.")]
    MethodNotAllowed,
    /// The body is not JSON.
    #[error("The body is not well-formed JSON: {0}.")]
    Malformed(String),
    /// The body did not arrive in time.
    #[error("The body did not arrive in time. Check the connection, then send the request again.")]
    RequestTimeout,
    /// The `Content-Type` is not JSON.
    #[error("Send the body as JSON, with the header Content-Type: application/json.")]
    UnsupportedMediaType,
    /// The body is too large.
    #[error("The body is larger than 64 KiB. Send less.")]
    TooLarge,
    /// The request violates validation rules.
    #[error("{}", summary(.0))]
    Invalid(Vec<FieldError>),
    /// Another account has the e-mail address. The value is the member of the body that it came in.
    #[error("There is an account with this e-mail address already. Sign in instead.")]
    EmailTaken(&'static str),
    /// The task of the idempotency key has been deleted.
    #[error("The task that this Idempotency-Key made has been deleted. Use a new key.")]
    Deleted,
    /// `If-Match` does not list the current version.
    #[error("The task has changed since you read it. Read it again and repeat your change.")]
    ChangedMeanwhile,
    /// A rate limit is exceeded.
    #[error("Too many {}. Try again in {}.", .0.what, duration(.0.wait))]
    TooMany(RateLimited),
    /// The user has as many tasks as the server allows.
    #[error(
        "You have {0} tasks, which is the limit of this server. Delete tasks that you no longer need, then try again."
    )]
    TooManyTasks(u32),
    /// The user's last export is still being sent.
    #[error("An export of your data is still being sent. Wait until it has finished, or cancel it, then try again.")]
    ExportRunning,
    /// A queue is full.
    #[error("The server is busy. Try again in a moment.")]
    Busy,
    /// The server is shutting down.
    #[error("The server is about to stop. Send new requests to another one, or try again in a moment.")]
    Stopping,
    /// A failure of the server. The cause is logged and not sent.
    #[error("{}", fault_detail(.0))]
    Fault(#[from] Fault),
}

/// An exceeded rate limit.
#[derive(Clone, Copy, Debug, Default)]
pub struct RateLimited {
    /// What there is too much of, in the plural.
    pub what: &'static str,
    /// The name of the policy.
    pub policy: &'static str,
    /// How many attempts are free in a window.
    pub quota: i64,
    /// The length of the window, in seconds.
    pub window: i64,
    /// When to try again, in seconds.
    pub wait: i64,
}

fn fault_detail(fault: &Fault) -> &'static str {
    match fault.kind() {
        FaultKind::Unavailable => "The data cannot be reached at the moment. Try again in a moment.",
        FaultKind::Internal => {
            "Something went wrong on our side. Try again; if it stays, report the X-Request-Id of this answer."
        }
    }
}

/// A duration in seconds, in words.
fn duration(seconds: i64) -> String {
    match seconds {
        1 => "a second".to_owned(),
        2..=119 => format!("{seconds} seconds"),
        _ => format!("{} minutes", (seconds + 59) / 60),
    }
}

fn summary(errors: &[FieldError]) -> String {
    let details: Vec<&str> = errors.iter().map(|error| error.detail.as_str()).collect();
    details.join(" ")
}

impl Problem {
    /// The `code` of the response.
    pub fn code(&self, wire: Wire) -> String {
        match wire {
            Wire::BetterAuth => self.better_auth_code(),
            Wire::Docket => self.case().1.to_owned(),
        }
    }

    /// The code of Better Auth, or ours in upper case where it has none.
    fn better_auth_code(&self) -> String {
        let code = match self {
            Self::Unauthenticated => "UNAUTHORIZED",
            Self::InvalidCredentials => "INVALID_EMAIL_OR_PASSWORD",
            Self::NoSession => "SESSION_EXPIRED",
            Self::WrongPassword(_) => "INVALID_PASSWORD",
            Self::TwoFactorOff => "TWO_FACTOR_NOT_ENABLED",
            Self::EmailTaken(_) => "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
            Self::Invalid(_) => "VALIDATION_ERROR",
            other => return other.case().1.to_uppercase(),
        };
        code.to_owned()
    }

    /// The status and the stable code.
    fn case(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, "unauthenticated"),
            Self::InvalidCredentials => (StatusCode::UNAUTHORIZED, "invalid_credentials"),
            Self::NoSession => (StatusCode::UNAUTHORIZED, "no_session"),
            Self::WrongPassword(_) => (StatusCode::BAD_REQUEST, "wrong_password"),
            Self::SessionNotFresh => (StatusCode::FORBIDDEN, "session_not_fresh"),
            Self::EmailNotVerified => (StatusCode::FORBIDDEN, "email_not_verified"),
            Self::InvalidToken => (StatusCode::BAD_REQUEST, "invalid_token"),
            Self::InvalidCode => (StatusCode::UNAUTHORIZED, "invalid_code"),
            Self::AppCodeUnavailable => (StatusCode::CONFLICT, "app_code_unavailable"),
            Self::TwoFactorCodeRequired => (StatusCode::BAD_REQUEST, "two_factor_code_required"),
            Self::TwoFactorOff => (StatusCode::BAD_REQUEST, "two_factor_off"),
            Self::TwoFactorOn => (StatusCode::BAD_REQUEST, "two_factor_on"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden"),
            Self::ForbiddenOrigin => (StatusCode::FORBIDDEN, "forbidden_origin"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed"),
            Self::RequestTimeout => (StatusCode::REQUEST_TIMEOUT, "request_timeout"),
            Self::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
            Self::EmailTaken(_) => (StatusCode::UNPROCESSABLE_ENTITY, "email_taken"),
            Self::Deleted => (StatusCode::CONFLICT, "deleted"),
            Self::ChangedMeanwhile => (StatusCode::PRECONDITION_FAILED, "changed_meanwhile"),
            Self::TooMany(_) => (StatusCode::TOO_MANY_REQUESTS, "too_many_requests"),
            Self::TooManyTasks(_) => (StatusCode::CONFLICT, "too_many_tasks"),
            Self::ExportRunning => (StatusCode::CONFLICT, "export_running"),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            Self::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
            Self::Fault(fault) => match fault.kind() {
                FaultKind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
                FaultKind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
            },
        }
    }

    /// The failure that the log explains and the client is not told about.
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Fault(fault) => Some(fault),
            _ => None,
        }
    }

    /// An invalid query parameter.
    pub fn of_query(name: &str, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError {
            pointer: format!("?{name}"),
            detail: detail.into(),
        }])
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        Self::Fault(error.into())
    }
}

impl<R: Into<Problem>> From<Abort<R>> for Problem {
    fn from(abort: Abort<R>) -> Self {
        match abort {
            Abort::Refused(refusal) => refusal.into(),
            Abort::Failed(error) => error.into(),
        }
    }
}

impl Problem {
    /// The response.
    pub fn response(&self, wire: Wire) -> Response {
        let (status, code) = self.case();
        let body = Body {
            kind: format!("urn:docket:problem:{code}"),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: self.to_string(),
            code: self.code(wire),
            message: (wire == Wire::BetterAuth).then(|| self.to_string()),
            errors: match self {
                Self::Invalid(errors) => errors.clone(),
                Self::WrongPassword(field) | Self::EmailTaken(field) => vec![FieldError::of(field, self.to_string())],
                Self::TwoFactorCodeRequired => vec![FieldError::of("code", self.to_string())],
                _ => Vec::new(),
            },
        };
        let response = Response::builder().status(status).content_type(CONTENT_TYPE);
        let response = match (self, status) {
            (Self::TooMany(limited), _) => with_rate_limit(response, limited),
            (_, StatusCode::UNAUTHORIZED) => response.header(header::WWW_AUTHENTICATE, "Bearer"),
            (_, StatusCode::SERVICE_UNAVAILABLE) => response.header(header::RETRY_AFTER, RETRY_AFTER),
            _ => response,
        };
        response.body(serde_json::to_vec(&body).unwrap_or_default())
    }
}

/// The header fields of draft-ietf-httpapi-ratelimit-headers.
fn with_rate_limit(response: ResponseBuilder, limited: &RateLimited) -> ResponseBuilder {
    let RateLimited {
        policy,
        quota,
        window,
        wait,
        ..
    } = limited;
    response
        .header(header::RETRY_AFTER, *wait)
        .header("RateLimit-Policy", format!("\"{policy}\";q={quota};w={window}"))
        .header("RateLimit", format!("\"{policy}\";r=0;t={wait}"))
}

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        self.case().0
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.response(Wire::Docket)
    }
}
