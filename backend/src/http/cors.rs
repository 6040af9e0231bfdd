//! Which web pages of other origins may call the API (CORS), and which may use its cookies.

use poem::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use poem::{Request, Response};

const METHODS: &str = "GET, POST, PUT, PATCH, DELETE";
const REQUEST_HEADERS: &str = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match";
const RESPONSE_HEADERS: &str = "ETag, Link, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id";
/// How long a browser may remember the answer to a preflight, in seconds.
const MAX_AGE: &str = "600";

/// The origin of the page that asks, if it is one of `origins`.
pub fn allowed(request: &Request, origins: &[String]) -> Option<HeaderValue> {
    let origin = request.headers().get(header::ORIGIN)?;
    let known = origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes());
    known.then(|| origin.clone())
}

/// Marks an answer for an allowed origin. Others get theirs unmarked, so their browser keeps it from them.
pub fn mark(headers: &mut HeaderMap, allowed: Option<HeaderValue>) {
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = allowed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static(RESPONSE_HEADERS),
        );
    }
}

/// Whether a browser asks what a page may do before it does it.
pub fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// What every allowed page may do.
pub fn preflight() -> Response {
    Response::builder()
        .status(StatusCode::NO_CONTENT)
        .header(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS)
        .header(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS)
        .header(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE)
        .finish()
}

/// Whether what rests on a cookie may be done: the page is of the origin that `Host` names or of one of `origins`, or it is
/// no page at all.
pub fn may_use_cookies(request: &Request, origins: &[String]) -> bool {
    let Some(origin) = request.header(header::ORIGIN) else {
        return true;
    };
    let own = request.header(header::HOST).is_some_and(|host| {
        let rest = origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"));
        rest.is_some_and(|rest| rest.eq_ignore_ascii_case(host))
    });
    own || origins.iter().any(|allowed| allowed == origin)
}
