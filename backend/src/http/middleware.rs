//! The outermost layer: every request gets an id and a line in the log, every response security headers and CORS headers;
//! errors and panics become problems.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use ipnet::IpNet;
use poem::error::ResponseError;
use poem::http::{HeaderMap, HeaderName, HeaderValue, header};
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};
use uuid::Uuid;

use crate::fault::Fault;
use crate::http::client::Client;
use crate::http::cors;
use crate::http::problem::{Problem, Wire};
use crate::http::request_log::RequestLine;
use crate::http::routes::Routes;

/// Identifies the response in the log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// For a year. Without `includeSubDomains`, because subdomains may have other services, without https.
const HTTPS_ONLY: &str = "max-age=31536000";

/// The outermost layer.
pub struct Outermost {
    /// The routes, for `Allow` and for the log.
    pub routes: Routes,
    /// The origins that CORS allows.
    pub origins: Arc<[String]>,
    /// Whether browsers are told to use https only.
    pub enforces_https: bool,
    /// The proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Arc<[IpNet]>,
}

impl<E: Endpoint> Middleware<E> for Outermost {
    type Output = OutermostEndpoint<E>;

    fn transform(&self, inner: E) -> OutermostEndpoint<E> {
        OutermostEndpoint {
            routes: self.routes.clone(),
            origins: Arc::clone(&self.origins),
            enforces_https: self.enforces_https,
            trusted_proxies: Arc::clone(&self.trusted_proxies),
            inner,
        }
    }
}

/// An endpoint inside the outermost layer.
pub struct OutermostEndpoint<E> {
    routes: Routes,
    origins: Arc<[String]>,
    enforces_https: bool,
    trusted_proxies: Arc<[IpNet]>,
    inner: E,
}

impl<E: Endpoint> Endpoint for OutermostEndpoint<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let id = Uuid::now_v7().to_string();
        let client = Client::of(&request, &id, &self.trusted_proxies);
        request.extensions_mut().insert(client.clone());
        let uri = request.uri().clone();
        let mut line = RequestLine::begin(request.method(), self.routes.name(uri.path()), client);
        let origin = cors::allowed_origin(&request, &self.origins);
        let mut response = if cors::is_preflight(&request) {
            cors::preflight()
        } else {
            self.answer(request).await.unwrap_or_else(|problem| {
                match problem.fault() {
                    Some(fault) => line.fail(fault),
                    None if problem.status().is_server_error() => line.fail(&problem),
                    None => {}
                }
                refuse(problem, uri.path(), &self.routes)
            })
        };
        let headers = response.headers_mut();
        cors::add_headers(headers, origin);
        forbid_caching(headers, uri.path());
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        if self.enforces_https {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HTTPS_ONLY));
        }
        if let Ok(id) = HeaderValue::try_from(id) {
            headers.insert(REQUEST_ID, id);
        }
        line.end(response.status());
        Ok(response)
    }
}

impl<E: Endpoint> OutermostEndpoint<E> {
    async fn answer(&self, request: Request) -> Result<Response, Problem> {
        match AssertUnwindSafe(self.inner.call(request)).catch_unwind().await {
            Ok(Ok(output)) => Ok(output.into_response()),
            Ok(Err(error)) => Err(Problem::from_error(error)),
            Err(_) => Err(Fault::internal("a handler panicked").into()),
        }
    }
}

fn refuse(problem: Problem, path: &str, routes: &Routes) -> Response {
    let allowed = match problem {
        // Everything besides the operations is read-only.
        Problem::MethodNotAllowed => Some(routes.allowed(path).unwrap_or("GET, HEAD")),
        _ => None,
    };
    let allowed = allowed.and_then(|allowed| HeaderValue::from_str(allowed).ok());
    let mut response = problem.response(Wire::of(path));
    if let Some(allowed) = allowed {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}

/// Responses of the API must be revalidated; those that may contain tokens must not be stored.
fn forbid_caching(headers: &mut HeaderMap, path: &str) {
    let caching = if Wire::of(path) == Wire::BetterAuth {
        "no-store"
    } else if path.starts_with("/api/") {
        "private, no-cache"
    } else {
        return;
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
}
