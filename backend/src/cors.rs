//! Which web pages of other origins may call the API (CORS), and which may use its cookies.

use std::sync::Arc;

use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, Request, Response, Result};

const METHODS: &str = "GET, POST, PUT, PATCH, DELETE";
const REQUEST_HEADERS: &str = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match";
const RESPONSE_HEADERS: &str = "ETag, Link, Location, Retry-After, X-Request-Id";
/// How long a browser may remember the answer to a preflight, in seconds.
const MAX_AGE: &str = "600";

/// Answers preflights and marks the answers for allowed origins. Other origins get their answer unmarked, so their browser
/// keeps it from them.
pub async fn around<E: Endpoint>(endpoint: Arc<E>, request: Request, origins: Arc<[String]>) -> Result<Response> {
    let allowed = request
        .headers()
        .get(header::ORIGIN)
        .filter(|origin| origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()))
        .cloned();
    let asks_first = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if request.method() == Method::OPTIONS && asks_first {
        preflight()
    } else {
        endpoint.get_response(request).await
    };
    let headers = response.headers_mut();
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
    Ok(response)
}

fn preflight() -> Response {
    Response::builder()
        .status(StatusCode::NO_CONTENT)
        .header(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS)
        .header(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS)
        .header(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE)
        .finish()
}

/// Whether what rests on a cookie may be done: the page is of our own or of an allowed origin, or it is no page at all.
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
