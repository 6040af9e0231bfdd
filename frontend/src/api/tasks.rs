//! The operations on tasks.

use gloo_net::http::Method;
use shared::task::{Completion, LIMIT_MAX, NewTask, Task, TaskChange};
use uuid::Uuid;

use super::client::Request;
use crate::failure::Failure;

/// All tasks of the user.
pub async fn list(user_id: &str) -> Result<Vec<Task>, Failure> {
    let path = tasks_path(user_id);
    let mut tasks = Vec::new();
    let mut query = Some(format!("limit={LIMIT_MAX}"));
    while let Some(page) = query {
        let request = Request::new(Method::GET, format!("{path}?{page}"));
        let response = request.send_as(user_id).await?;
        query = response.next_page();
        tasks.extend(response.decode::<Vec<Task>>()?);
    }
    Ok(tasks)
}

/// One task; none if it does not exist.
pub async fn get(user_id: &str, id: Uuid) -> Result<Option<Task>, Failure> {
    let request = Request::new(Method::GET, task_path(user_id, id));
    match request.send_as(user_id).await {
        Err(Failure::Refused(problem)) if problem.status == 404 => Ok(None),
        response => response?.decode().map(Some),
    }
}

/// A request that changes a task, for [`write`].
pub struct Write {
    request: Request,
    /// The response has no body.
    deletes: bool,
}

impl Write {
    fn new(request: Request) -> Self {
        let deletes = false;
        Self { request, deletes }
    }
}

/// Creates a task. The id is the `Idempotency-Key`, so that a repeated request does not create a second task.
pub fn create(user_id: &str, id: Uuid, new: &NewTask) -> Write {
    let request = Request::new(Method::POST, tasks_path(user_id)).json(new);
    Write::new(request.header("Idempotency-Key", id.to_string()))
}

/// Changes a task. With a `revision` the server refuses (412) if the task has another one.
pub fn change(user_id: &str, id: Uuid, change: &TaskChange, revision: Option<i64>) -> Write {
    let request = Request::new(Method::PUT, task_path(user_id, id)).json(change);
    Write::new(match revision {
        Some(revision) => request.header("If-Match", format!("\"{revision}\"")),
        None => request,
    })
}

/// Marks a task as completed or as pending.
pub fn complete(user_id: &str, id: Uuid, completion: &Completion) -> Write {
    let path = format!("{}/complete", task_path(user_id, id));
    Write::new(Request::new(Method::PATCH, path).json(completion))
}

/// Deletes a task.
pub fn delete(user_id: &str, id: Uuid) -> Write {
    let request = Request::new(Method::DELETE, task_path(user_id, id));
    let deletes = true;
    Write { request, deletes }
}

/// Sends a change of a task. Returns the task after it; none after a deletion.
pub async fn write(user_id: &str, write: Write) -> Result<Option<Task>, Failure> {
    let response = write.request.send_as(user_id).await?;
    if write.deletes {
        return Ok(None);
    }
    response.decode().map(Some)
}

fn tasks_path(user_id: &str) -> String {
    format!("/api/{}/tasks", js_sys::encode_uri_component(user_id))
}

fn task_path(user_id: &str, id: Uuid) -> String {
    format!("{}/{id}", tasks_path(user_id))
}
