//! The server's HTTP interface. No other module fetches.

use gloo_net::http::{Method, RequestBuilder, Response};
use serde::{Serialize, de::DeserializeOwned};
use shared::account::{SignIn, SignUp};
use shared::problem::{FieldError, Problem};
use shared::task::{LIMIT_MAX, Task};
use uuid::Uuid;
use web_sys::{AbortSignal, RequestCredentials};

use crate::store::{Entry, Op};
use crate::{dom, json, lock, session, session::Session};

/// How long to wait for an answer, in milliseconds.
const PATIENCE: u32 = 20_000;

/// Why there is no good answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// No answer came: there is no network, or nobody listens.
    Unreachable,
    /// The server cannot do it now (429, 5xx), and perhaps says in how many seconds it can.
    Busy(Problem, Option<u32>),
    /// The server will not do it (4xx).
    Refused(Problem),
    /// Nobody is signed in any more, and the session cannot be renewed.
    SessionEnded,
}

impl Failure {
    /// What to tell a person.
    pub fn message(&self) -> String {
        match self {
            Self::Unreachable => "The server cannot be reached. Check your connection and try again.".to_owned(),
            Self::Busy(problem, _) | Self::Refused(problem) => problem.detail.clone(),
            Self::SessionEnded => "Your session has ended. Sign in again.".to_owned(),
        }
    }

    /// What is wrong with single fields.
    pub fn field_errors(&self) -> &[FieldError] {
        match self {
            Self::Refused(problem) => &problem.errors,
            _ => &[],
        }
    }
}

/// Makes an account and signs in.
pub async fn sign_up(account: &SignUp) -> Result<Session, Failure> {
    let answer = Call::to(Method::POST, "/api/auth/sign-up/email")
        .json(account)
        .send(None)
        .await?;
    decode(&answer).await
}

/// Signs in.
pub async fn sign_in(credentials: &SignIn) -> Result<Session, Failure> {
    let answer = Call::to(Method::POST, "/api/auth/sign-in/email")
        .json(credentials)
        .send(None)
        .await?;
    decode(&answer).await
}

/// Ends the session on the server.
pub async fn sign_out() -> Result<(), Failure> {
    let token = session::load().map(|session| session.token);
    Call::to(Method::POST, "/api/auth/sign-out")
        .json(&NoMembers {})
        .send(token.as_deref())
        .await?;
    Ok(())
}

/// Every task of `user_id`.
pub async fn tasks(user_id: &str) -> Result<Vec<Task>, Failure> {
    let path = tasks_path(user_id);
    let mut tasks = Vec::new();
    let mut query = Some(format!("limit={LIMIT_MAX}"));
    while let Some(page) = query {
        let answer = Call::to(Method::GET, format!("{path}?{page}")).send_as(user_id).await?;
        query = answer.headers().get("link").as_deref().and_then(next_page);
        tasks.extend(decode::<Vec<Task>>(&answer).await?);
    }
    Ok(tasks)
}

/// Tells the server what `user_id` did. A deletion leaves no task.
pub async fn send(user_id: &str, entry: &Entry) -> Result<Option<Task>, Failure> {
    let tasks = tasks_path(user_id);
    let task = format!("{tasks}/{}", entry.task_id);
    let call = match &entry.op {
        Op::Create(new) => Call {
            idempotency_key: Some(entry.task_id),
            ..Call::to(Method::POST, tasks).json(new)
        },
        Op::Change(change) => Call::to(Method::PUT, task).json(change),
        Op::Complete(completion) => Call::to(Method::PATCH, format!("{task}/complete")).json(completion),
        Op::Delete => Call::to(Method::DELETE, task),
    };
    let answer = call.send_as(user_id).await?;
    match entry.op {
        Op::Delete => Ok(None),
        _ => decode(&answer).await.map(Some),
    }
}

/// The body of a request that has nothing to say but must be JSON.
#[derive(Serialize)]
struct NoMembers {}

fn tasks_path(user_id: &str) -> String {
    format!("/api/{}/tasks", js_sys::encode_uri_component(user_id))
}

/// The query of the next page in a `Link` header.
fn next_page(link: &str) -> Option<String> {
    link.split(',').find_map(|link| {
        let (target, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
        let (_, query) = target.split_once('?')?;
        rest.contains("rel=\"next\"").then(|| query.to_owned())
    })
}

/// A request, which can be sent more than once.
struct Call {
    method: Method,
    path: String,
    body: Option<String>,
    idempotency_key: Option<Uuid>,
}

impl Call {
    fn to(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            body: None,
            idempotency_key: None,
        }
    }

    fn json(mut self, body: &impl Serialize) -> Self {
        self.body = json::write(body);
        self
    }

    /// Sends it in the name of `user_id`. A token that has run out is renewed, once.
    async fn send_as(&self, user_id: &str) -> Result<Response, Failure> {
        // Another tab may have signed in as somebody else.
        let session = session::load()
            .filter(|session| session.user.id == user_id)
            .ok_or(Failure::SessionEnded)?;
        let answer = self.send(Some(&session.token)).await;
        if !is_unauthenticated(&answer) {
            return answer;
        }
        let token = lock::exclusive("docket.renewal", renew(session)).await?;
        let answer = self.send(Some(&token)).await;
        if is_unauthenticated(&answer) {
            return Err(Failure::SessionEnded);
        }
        answer
    }

    async fn send(&self, token: Option<&str>) -> Result<Response, Failure> {
        let mut request = RequestBuilder::new(&format!("{}{}", base(), self.path))
            .method(self.method.clone())
            .header("Accept", "application/json")
            .abort_signal(Some(&AbortSignal::timeout_with_u32(PATIENCE)))
            // For the cookie with the refresh token, across origins too.
            .credentials(RequestCredentials::Include);
        if let Some(token) = token {
            request = request.header("Authorization", &format!("Bearer {token}"));
        }
        if let Some(key) = self.idempotency_key {
            request = request.header("Idempotency-Key", &key.to_string());
        }
        let answer = match &self.body {
            Some(body) => match request.header("Content-Type", "application/json").body(body) {
                Ok(request) => request.send().await,
                Err(error) => Err(error),
            },
            None => request.send().await,
        }
        .map_err(|_| Failure::Unreachable)?;
        if answer.ok() {
            Ok(answer)
        } else {
            Err(failure(&answer).await)
        }
    }
}

/// A new token for `old`, unless another tab already has one.
async fn renew(old: Session) -> Result<String, Failure> {
    let kept = session::load()
        .filter(|session| session.user.id == old.user.id)
        .ok_or(Failure::SessionEnded)?;
    if kept.token != old.token {
        return Ok(kept.token);
    }
    let answer = Call::to(Method::POST, "/api/auth/refresh")
        .json(&NoMembers {})
        .send(None)
        .await;
    if is_unauthenticated(&answer) {
        return Err(Failure::SessionEnded);
    }
    let session: Session = decode(&answer?).await?;
    if session.user.id != old.user.id {
        return Err(Failure::SessionEnded);
    }
    session::save(&session);
    Ok(session.token)
}

fn is_unauthenticated(answer: &Result<Response, Failure>) -> bool {
    matches!(answer, Err(Failure::Refused(problem)) if problem.status == 401)
}

/// Where the server is: `index.html` says so. Empty means the page's own origin.
fn base() -> String {
    dom::document()
        .and_then(|document| document.query_selector("meta[name=docket-api]").ok()?)
        .and_then(|meta| meta.get_attribute("content"))
        .unwrap_or_default()
}

/// The body of a good answer. One that makes no sense came from something else on the way, such as a captive portal.
async fn decode<T: DeserializeOwned>(answer: &Response) -> Result<T, Failure> {
    let text = answer.text().await.map_err(|_| Failure::Unreachable)?;
    json::read(&text).ok_or(Failure::Unreachable)
}

async fn failure(answer: &Response) -> Failure {
    let status = answer.status();
    let problem = answer
        .text()
        .await
        .ok()
        .and_then(|text| json::read(&text))
        .unwrap_or_else(|| Problem {
            kind: "about:blank".to_owned(),
            title: answer.status_text(),
            status,
            detail: format!("The server answered with an error ({status}). Try again."),
            code: String::new(),
            errors: Vec::new(),
        });
    if status == 429 || status >= 500 {
        let after = answer.headers().get("retry-after");
        return Failure::Busy(problem, after.and_then(|seconds| seconds.parse().ok()));
    }
    Failure::Refused(problem)
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
