//! The access log.

use std::fmt::Display;
use std::time::Instant;

use poem::http::{Method, StatusCode};

use crate::http::client::Client;
use crate::http::routes::STATIC;

/// The target of the lines.
const TARGET: &str = "docket::request";
/// The status of a request that was aborted before it had a response, as in nginx.
const CLOSED: u16 = 499;

/// The line of a request. It is written when the value is dropped: by [`RequestLine::end`], or because the request was aborted.
pub struct RequestLine<'a> {
    began: Instant,
    method: &'static str,
    route: &'a str,
    client: Client,
    status: Option<StatusCode>,
    error: Option<String>,
}

impl<'a> RequestLine<'a> {
    /// The request begins now.
    pub fn begin(method: &Method, route: &'a str, client: Client) -> Self {
        Self {
            began: Instant::now(),
            method: name(method),
            route,
            client,
            status: None,
            error: None,
        }
    }

    /// The request fails because of the server, for this reason.
    pub fn fail(&mut self, reason: impl Display) {
        self.error = Some(reason.to_string());
    }

    /// The response begins with this status.
    pub fn end(mut self, status: StatusCode) {
        self.status = Some(status);
    }

    /// Whether it is a successful health check or static file, which is logged at `debug`.
    fn is_quiet(&self) -> bool {
        let is_success = self.status.is_some_and(|status| status.as_u16() < 400);
        is_success && (self.route == STATIC || self.route.starts_with("/health/"))
    }
}

impl Drop for RequestLine<'_> {
    fn drop(&mut self) {
        let address = self.client.address.map(tracing::field::display);
        let status = self.status.map_or(CLOSED, |status| status.as_u16());
        let duration_ms = self.began.elapsed().as_micros() as f64 / 1000.0;
        macro_rules! write {
            ($level:ident) => {
                // What a client can influence is recorded as a string, which is escaped.
                tracing::$level!(
                    target: TARGET,
                    method = %self.method,
                    route = %self.route,
                    status,
                    duration_ms,
                    address,
                    request_id = %self.client.request_id,
                    user_id = self.client.user_id(),
                    error = self.error.as_deref(),
                )
            };
        }
        if self.error.is_some() {
            write!(error);
        } else if self.is_quiet() {
            write!(debug);
        } else {
            write!(info);
        }
    }
}

/// The name of a method that the API uses. Others may have any length.
fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
