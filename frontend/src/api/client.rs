//! Sends requests: the URL, the credentials, the time limit, the refresh of an expired access token, and what a response
//! means.

use gloo_net::http::{Method, RequestBuilder, Response as HttpResponse};
use serde::{Serialize, de::DeserializeOwned};
use shared::problem::Problem;
use web_sys::{AbortSignal, RequestCache, RequestCredentials};

use super::stored_session::{self, Session};
use crate::browser::{dom, json, lock};
use crate::failure::Failure;

/// The time limit of a request, in milliseconds.
const REQUEST_TIMEOUT: u32 = 20_000;

/// The lock that a tab holds while it replaces the refresh cookie and the stored access token.
const REFRESH_LOCK: &str = "docket.renewal";

/// A JSON body without members.
#[derive(Serialize)]
pub struct Empty {}

/// A successful response.
pub struct Response {
    pub body: String,
    /// The `Link` header.
    link: Option<String>,
}

impl Response {
    /// The query of the next page of a list; none if this is the last page.
    pub fn next_page(&self) -> Option<String> {
        next_page(self.link.as_deref()?)
    }

    /// The body as JSON. A body of another shape is from something between client and server, such as a captive portal.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        json::parse(&self.body).ok_or(Failure::Unreachable)
    }
}

/// A request, which can be sent more than once.
pub struct Request {
    method: Method,
    path: String,
    body: Option<String>,
    header: Option<(&'static str, String)>,
}

impl Request {
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            body: None,
            header: None,
        }
    }

    /// Sets the body.
    pub fn json(mut self, body: &impl Serialize) -> Self {
        self.body = json::serialize(body);
        self
    }

    /// Sets one header besides those of every request.
    pub fn header(mut self, name: &'static str, value: String) -> Self {
        self.header = Some((name, value));
        self
    }

    /// Sends the request with the session of `user_id`. Refreshes the access token once if it has expired.
    pub async fn send_as(&self, user_id: &str) -> Result<Response, Failure> {
        self.send_refreshing(user_id, |session| lock::exclusive(REFRESH_LOCK, refresh(session)))
            .await
    }

    /// Sends a request that ends all sessions of `user_id` and starts a new one, and stores that. No other tab refreshes
    /// meanwhile: it would send the cookie of the old session and conclude from the refusal that the user is signed out.
    pub async fn replace_session(self, user_id: &str) -> Result<Session, Failure> {
        let user_id = user_id.to_owned();
        lock::exclusive(REFRESH_LOCK, async move {
            let session: Session = self.send_refreshing(&user_id, refresh).await?.decode()?;
            // Another tab may have signed out.
            session_of(&user_id)?;
            stored_session::save(&session);
            Ok(session)
        })
        .await
    }

    async fn send_refreshing<F>(&self, user_id: &str, refresh: impl FnOnce(Session) -> F) -> Result<Response, Failure>
    where
        F: Future<Output = Result<String, Failure>>,
    {
        let session = session_of(user_id)?;
        let response = self.send(Some(&session.token)).await;
        if !is_unauthenticated(&response) {
            return response;
        }
        let token = refresh(session).await?;
        let response = self.send(Some(&token)).await;
        if is_unauthenticated(&response) {
            return Err(expire(&token));
        }
        response
    }

    /// Sends the request with this access token, or without one.
    pub async fn send(&self, token: Option<&str>) -> Result<Response, Failure> {
        let response = self.fetch(token).await.map_err(|_| Failure::Unreachable)?;
        let body = response.text().await.map_err(|_| Failure::Unreachable)?;
        if response.ok() {
            let link = response.headers().get("link");
            Ok(Response { body, link })
        } else {
            Err(failure(&response, &body))
        }
    }

    async fn fetch(&self, token: Option<&str>) -> Result<HttpResponse, gloo_net::Error> {
        let mut request = RequestBuilder::new(&format!("{}{}", base_url(), self.path))
            .method(self.method.clone())
            .header("Accept", "application/json")
            // Nothing of the user stays in the browser's cache.
            .cache(RequestCache::NoStore)
            .abort_signal(Some(&AbortSignal::timeout_with_u32(REQUEST_TIMEOUT)))
            // Sends the cookie with the refresh token, to another origin too.
            .credentials(RequestCredentials::Include);
        if let Some(token) = token {
            request = request.header("Authorization", &format!("Bearer {token}"));
        }
        if let Some((name, value)) = &self.header {
            request = request.header(name, value);
        }
        match &self.body {
            Some(body) => {
                request
                    .header("Content-Type", "application/json")
                    .body(body)?
                    .send()
                    .await
            }
            None => request.send().await,
        }
    }
}

/// The stored session, if it is one of `user_id`: another tab may have signed in as another user.
fn session_of(user_id: &str) -> Result<Session, Failure> {
    stored_session::load()
        .filter(|session| session.user.id == user_id)
        .ok_or(Failure::SessionEnded)
}

/// A new access token in place of that of `expired`. Sends no request if another tab has refreshed it.
async fn refresh(expired: Session) -> Result<String, Failure> {
    if let Some(token) = newer_token(&expired)? {
        return Ok(token);
    }
    let request = Request::new(Method::POST, "/api/auth/refresh").json(&Empty {});
    let response = request.send(None).await;
    // Meanwhile another tab may have signed in, or out.
    if let Some(token) = newer_token(&expired)? {
        return Ok(token);
    }
    let session: Session = match response {
        Err(Failure::Refused(problem)) if problem.status == 401 => return Err(expire(&expired.token)),
        response => response?.decode()?,
    };
    if session.user.id != expired.user.id {
        return Err(expire(&expired.token));
    }
    stored_session::save(&session);
    Ok(session.token)
}

/// The access token that another tab has stored in place of that of `expired`.
fn newer_token(expired: &Session) -> Result<Option<String>, Failure> {
    let stored = session_of(&expired.user.id)?;
    Ok((stored.token != expired.token).then_some(stored.token))
}

/// Removes the session with an access token that can neither be used nor refreshed.
fn expire(token: &str) -> Failure {
    stored_session::expire(token);
    Failure::SessionEnded
}

/// Whether the access token is refused. A wrong two-factor code is 401 too, but no reason to refresh the token.
fn is_unauthenticated(response: &Result<Response, Failure>) -> bool {
    matches!(response, Err(Failure::Refused(problem)) if problem.kind == "urn:docket:problem:unauthenticated")
}

/// The origin of the API, from `index.html`. Empty if it is the origin of the page.
fn base_url() -> String {
    dom::meta("docket-api")
}

fn failure(response: &HttpResponse, body: &str) -> Failure {
    let status = response.status();
    let problem = json::parse(body).unwrap_or_else(|| Problem {
        kind: "about:blank".to_owned(),
        title: response.status_text(),
        status,
        detail: format!("The server responded with an error ({status}). Try again."),
        code: String::new(),
        message: None,
        errors: Vec::new(),
    });
    let problem = Box::new(problem);
    if status == 429 || status >= 500 {
        let retry_after = response.headers().get("retry-after");
        return Failure::Unavailable(problem, retry_after.and_then(|seconds| seconds.parse().ok()));
    }
    Failure::Refused(problem)
}

/// The query of the next page, from a `Link` header.
fn next_page(link: &str) -> Option<String> {
    link.split(',').find_map(|link| {
        let (target, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
        let (_, query) = target.split_once('?')?;
        rest.contains("rel=\"next\"").then(|| query.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::next_page;

    #[test]
    fn the_next_page_is_read_from_the_link_header() {
        let relative = "</api/me/tasks?limit=2&cursor=abc>; rel=\"next\"";
        assert_eq!(next_page(relative).as_deref(), Some("limit=2&cursor=abc"));
        let several = "<http://localhost/a?x=1>; rel=\"first\", <http://localhost/a?x=2>; rel=\"next\"";
        assert_eq!(next_page(several).as_deref(), Some("x=2"));
        assert_eq!(next_page("</a?x=1>; rel=\"first\""), None);
    }
}
