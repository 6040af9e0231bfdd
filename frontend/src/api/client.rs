//! The server's HTTP interface. No other module fetches.

use gloo_net::http::{Method, RequestBuilder, Response};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use shared::account::{CurrentSession, Session as Device, SignIn, SignUp, User};
use shared::problem::{FieldError, Problem};
use shared::profile::{Activity, Capabilities, PasswordChange, PasswordProof};
use shared::recovery::{EmailVerified, LinkRequest, PasswordReset};
use shared::task::{Completion, LIMIT_MAX, NewTask, Task, TaskChange};
use shared::two_factor::{CodeProof, RecoveryCodes, TwoFactorSetup};
use uuid::Uuid;
use web_sys::{AbortSignal, RequestCredentials};

use crate::{dom, json, lock, session, session::Session};

/// How long to wait for an answer, in milliseconds.
const PATIENCE: u32 = 20_000;

/// Lock held while the refresh cookie and the stored access token are replaced.
const RENEWAL: &str = "docket.renewal";

/// Why there is no good answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// No answer came: there is no network, or nobody listens.
    Unreachable,
    /// The server cannot do it now (429, 5xx), and perhaps says in how many seconds it can.
    Busy(Box<Problem>, Option<u32>),
    /// The server will not do it (4xx).
    Refused(Box<Problem>),
    /// Nobody is signed in any more, and the session cannot be renewed.
    SessionEnded,
    /// It was not sent: it breaks rules that both sides know.
    Wrong(Vec<FieldError>),
}

impl From<Vec<FieldError>> for Failure {
    fn from(errors: Vec<FieldError>) -> Self {
        Self::Wrong(errors)
    }
}

impl Failure {
    /// What to tell a person.
    pub fn message(&self) -> String {
        match self {
            Self::Unreachable => "The server cannot be reached. Check your connection and try again.".to_owned(),
            Self::Busy(problem, _) | Self::Refused(problem) => problem.detail.clone(),
            Self::Wrong(errors) => errors.first().map(|error| error.detail.clone()).unwrap_or_default(),
            Self::SessionEnded => "Your session has ended. Sign in again.".to_owned(),
        }
    }

    /// What is wrong with single fields.
    pub fn field_errors(&self) -> &[FieldError] {
        match self {
            Self::Refused(problem) => &problem.errors,
            Self::Wrong(errors) => errors,
            _ => &[],
        }
    }

    /// Whether the password has to be proved again first.
    pub fn is_not_fresh(&self) -> bool {
        matches!(self, Self::Refused(problem) if problem.code == "SESSION_NOT_FRESH")
    }
}

/// Makes an account. Without a session the address has to be confirmed first: there is a mail.
pub async fn sign_up(account: &SignUp) -> Result<Option<Session>, Failure> {
    begin("/api/auth/sign-up/email", account).await
}

/// Signs in. Without a session a code is wanted as well: [`sign_in_with_code`].
pub async fn sign_in(credentials: &SignIn) -> Result<Option<Session>, Failure> {
    begin("/api/auth/sign-in/email", credentials).await
}

/// Ends a sign-in with a code: of the authenticator app, which has digits alone, or a recovery code.
pub async fn sign_in_with_code(code: &CodeProof) -> Result<Option<Session>, Failure> {
    if code.code.chars().all(|c| c.is_ascii_digit()) {
        begin("/api/auth/two-factor/verify-totp", code).await
    } else {
        begin("/api/auth/two-factor/verify-backup-code", code).await
    }
}

async fn begin(path: &'static str, body: &impl Serialize) -> Result<Option<Session>, Failure> {
    let answer = Call::to(Method::POST, path).json(body).send(None).await?;
    let Begun { token, user } = decode(&answer)?;
    Ok(token.zip(user).map(|(token, user)| Session { token, user }))
}

/// The answer to a sign-up or a sign-in. What is absent says that something is left to do.
#[derive(Deserialize)]
struct Begun {
    token: Option<String>,
    user: Option<User>,
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

/// What this server can do.
pub async fn capabilities() -> Result<Capabilities, Failure> {
    decode(&Call::to(Method::GET, "/api/auth/capabilities").send(None).await?)
}

/// Asks for a link to a new password.
pub async fn request_password_reset(request: &LinkRequest) -> Result<(), Failure> {
    let call = Call::to(Method::POST, "/api/auth/request-password-reset").json(request);
    call.send(None).await.map(drop)
}

/// Sets a new password with the token of a link.
pub async fn reset_password(reset: &PasswordReset) -> Result<(), Failure> {
    let call = Call::to(Method::POST, "/api/auth/reset-password").json(reset);
    call.send(None).await.map(drop)
}

/// Confirms an address with the token of a link, and tells the account.
pub async fn verify_email(token: &str) -> Result<User, Failure> {
    let token = js_sys::encode_uri_component(token);
    let call = Call::to(Method::GET, format!("/api/auth/verify-email?token={token}"));
    let verified: EmailVerified = decode(&call.send(None).await?)?;
    Ok(verified.user)
}

/// Who is signed in, and on which device.
pub async fn current_session(user_id: &str) -> Result<CurrentSession, Failure> {
    decode(&Call::to(Method::GET, "/api/auth/get-session").send_as(user_id).await?)
}

/// The devices that are signed in, newest first.
pub async fn sessions(user_id: &str) -> Result<Vec<Device>, Failure> {
    decode(
        &Call::to(Method::GET, "/api/auth/list-sessions")
            .send_as(user_id)
            .await?,
    )
}

/// What happened to the account, newest first.
pub async fn activity(user_id: &str) -> Result<Vec<Activity>, Failure> {
    let call = Call::to(Method::GET, "/api/auth/activity?limit=50");
    decode(&call.send_as(user_id).await?)
}

/// Everything that is kept of a person, as JSON.
pub async fn export(user_id: &str) -> Result<String, Failure> {
    let answer = Call::to(Method::GET, "/api/auth/export").send_as(user_id).await?;
    Ok(answer.body)
}

/// Does something to the account whose answer says nothing more than that it is done.
pub async fn change(user_id: &str, path: &'static str, body: &impl Serialize) -> Result<(), Failure> {
    Call::to(Method::POST, path).json(body).send_as(user_id).await.map(drop)
}

/// Changes the password. Every session ends, and a new one begins in this browser.
pub async fn change_password(user_id: &str, change: &PasswordChange) -> Result<Session, Failure> {
    let call = Call::to(Method::POST, "/api/auth/change-password").json(change);
    call.replace_session(user_id).await
}

/// Begins to set up two-factor.
pub async fn set_up_two_factor(user_id: &str, proof: &PasswordProof) -> Result<TwoFactorSetup, Failure> {
    let call = Call::to(Method::POST, "/api/auth/two-factor/enable").json(proof);
    decode(&call.send_as(user_id).await?)
}

/// Turns two-factor on with a code of the app that was set up. Every session ends, and a new one begins in this browser.
pub async fn turn_on_two_factor(user_id: &str, code: &CodeProof) -> Result<Session, Failure> {
    let call = Call::to(Method::POST, "/api/auth/two-factor/verify-totp").json(code);
    call.replace_session(user_id).await
}

/// Replaces the recovery codes.
pub async fn new_recovery_codes(user_id: &str, proof: &PasswordProof) -> Result<Vec<String>, Failure> {
    let call = Call::to(Method::POST, "/api/auth/two-factor/generate-backup-codes").json(proof);
    let codes: RecoveryCodes = decode(&call.send_as(user_id).await?)?;
    Ok(codes.backup_codes)
}

/// Every task of `user_id`.
pub async fn tasks(user_id: &str) -> Result<Vec<Task>, Failure> {
    let path = tasks_path(user_id);
    let mut tasks = Vec::new();
    let mut query = Some(format!("limit={LIMIT_MAX}"));
    while let Some(page) = query {
        let answer = Call::to(Method::GET, format!("{path}?{page}")).send_as(user_id).await?;
        query = answer.link.as_deref().and_then(next_page);
        tasks.extend(decode::<Vec<Task>>(&answer)?);
    }
    Ok(tasks)
}

/// A task of `user_id` as the server has it; none if there is no such task.
pub async fn task(user_id: &str, id: Uuid) -> Result<Option<Task>, Failure> {
    let call = Call::to(Method::GET, task_path(user_id, id));
    match call.send_as(user_id).await {
        Err(Failure::Refused(problem)) if problem.status == 404 => Ok(None),
        answer => decode(&answer?).map(Some),
    }
}

/// A change of a task, to be sent by [`write`].
pub struct TaskWrite(Call);

/// Adds a task. Its id names the request, so that sending it again makes no second task.
pub fn create_task(user_id: &str, id: Uuid, new: &NewTask) -> TaskWrite {
    let call = Call::to(Method::POST, tasks_path(user_id)).json(new);
    TaskWrite(call.header("Idempotency-Key", id.to_string()))
}

/// Changes a task. The server refuses (412) if the task has another `revision` by now.
pub fn change_task(user_id: &str, id: Uuid, change: &TaskChange, revision: Option<i64>) -> TaskWrite {
    let call = Call::to(Method::PUT, task_path(user_id, id)).json(change);
    TaskWrite(match revision {
        Some(revision) => call.header("If-Match", format!("\"{revision}\"")),
        None => call,
    })
}

/// Marks a task as done or as still to do.
pub fn complete_task(user_id: &str, id: Uuid, completion: &Completion) -> TaskWrite {
    let path = format!("{}/complete", task_path(user_id, id));
    TaskWrite(Call::to(Method::PATCH, path).json(completion))
}

/// Deletes a task.
pub fn delete_task(user_id: &str, id: Uuid) -> TaskWrite {
    TaskWrite(Call::to(Method::DELETE, task_path(user_id, id)))
}

/// Sends a change of a task, and answers the task as it is afterwards. A deletion leaves no task.
pub async fn write(user_id: &str, TaskWrite(call): TaskWrite) -> Result<Option<Task>, Failure> {
    let answer = call.send_as(user_id).await?;
    if call.method == Method::DELETE {
        return Ok(None);
    }
    decode(&answer).map(Some)
}

/// The body of a request that has nothing to say but must be JSON.
#[derive(Serialize)]
pub struct NoMembers {}

fn tasks_path(user_id: &str) -> String {
    format!("/api/{}/tasks", js_sys::encode_uri_component(user_id))
}

fn task_path(user_id: &str, id: Uuid) -> String {
    format!("{}/{id}", tasks_path(user_id))
}

/// The query of the next page in a `Link` header.
fn next_page(link: &str) -> Option<String> {
    link.split(',').find_map(|link| {
        let (target, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
        let (_, query) = target.split_once('?')?;
        rest.contains("rel=\"next\"").then(|| query.to_owned())
    })
}

/// A good answer.
struct Answer {
    body: String,
    link: Option<String>,
}

/// A request, which can be sent more than once.
struct Call {
    method: Method,
    path: String,
    body: Option<String>,
    /// One more header.
    header: Option<(&'static str, String)>,
}

impl Call {
    fn to(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            body: None,
            header: None,
        }
    }

    fn json(mut self, body: &impl Serialize) -> Self {
        self.body = json::write(body);
        self
    }

    fn header(mut self, name: &'static str, value: String) -> Self {
        self.header = Some((name, value));
        self
    }

    /// Sends it in the name of `user_id`. A token that has expired is renewed, once.
    async fn send_as(&self, user_id: &str) -> Result<Answer, Failure> {
        self.send_renewing(user_id, |session| lock::exclusive(RENEWAL, renew(session)))
            .await
    }

    /// Sends what ends every session of `user_id` and begins a new one, which is kept. Meanwhile no other tab renews: it would
    /// present the cookie of the old session and take that one's end for the person's.
    async fn replace_session(self, user_id: &str) -> Result<Session, Failure> {
        let user_id = user_id.to_owned();
        lock::exclusive(RENEWAL, async move {
            let session: Session = decode(&self.send_renewing(&user_id, renew).await?)?;
            session::save(&session);
            Ok(session)
        })
        .await
    }

    async fn send_renewing<F>(&self, user_id: &str, renew: impl FnOnce(Session) -> F) -> Result<Answer, Failure>
    where
        F: Future<Output = Result<String, Failure>>,
    {
        // Another tab may have signed in as somebody else.
        let session = session::load()
            .filter(|session| session.user.id == user_id)
            .ok_or(Failure::SessionEnded)?;
        let answer = self.send(Some(&session.token)).await;
        if !is_unauthenticated(&answer) {
            return answer;
        }
        let token = renew(session).await?;
        let answer = self.send(Some(&token)).await;
        if is_unauthenticated(&answer) {
            return Err(Failure::SessionEnded);
        }
        answer
    }

    async fn send(&self, token: Option<&str>) -> Result<Answer, Failure> {
        let mut request = RequestBuilder::new(&format!("{}{}", base(), self.path))
            .method(self.method.clone())
            .header("Accept", "application/json")
            .abort_signal(Some(&AbortSignal::timeout_with_u32(PATIENCE)))
            // For the cookie with the refresh token, across origins too.
            .credentials(RequestCredentials::Include);
        if let Some(token) = token {
            request = request.header("Authorization", &format!("Bearer {token}"));
        }
        if let Some((name, value)) = &self.header {
            request = request.header(name, value);
        }
        let answer = match &self.body {
            Some(body) => match request.header("Content-Type", "application/json").body(body) {
                Ok(request) => request.send().await,
                Err(error) => Err(error),
            },
            None => request.send().await,
        }
        .map_err(|_| Failure::Unreachable)?;
        let body = answer.text().await.map_err(|_| Failure::Unreachable)?;
        if answer.ok() {
            let link = answer.headers().get("link");
            Ok(Answer { body, link })
        } else {
            Err(failure(&answer, &body))
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
    if matches!(&answer, Err(Failure::Refused(problem)) if problem.status == 401) {
        return Err(Failure::SessionEnded);
    }
    let session: Session = decode(&answer?)?;
    if session.user.id != old.user.id {
        return Err(Failure::SessionEnded);
    }
    session::save(&session);
    Ok(session.token)
}

/// Whether the token is refused. A wrong code is 401, too, but no reason to renew it.
fn is_unauthenticated(answer: &Result<Answer, Failure>) -> bool {
    matches!(answer, Err(Failure::Refused(problem)) if problem.kind == "urn:docket:problem:unauthenticated")
}

/// Where the server is: `index.html` says so. Empty means the page's own origin.
fn base() -> String {
    dom::meta("docket-api")
}

/// What a good answer says. One that makes no sense came from something else on the way, such as a captive portal.
fn decode<T: DeserializeOwned>(answer: &Answer) -> Result<T, Failure> {
    json::read(&answer.body).ok_or(Failure::Unreachable)
}

fn failure(answer: &Response, body: &str) -> Failure {
    let status = answer.status();
    let problem = json::read(body).unwrap_or_else(|| Problem {
        kind: "about:blank".to_owned(),
        title: answer.status_text(),
        status,
        detail: format!("The server answered with an error ({status}). Try again."),
        code: String::new(),
        message: None,
        errors: Vec::new(),
    });
    let problem = Box::new(problem);
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
