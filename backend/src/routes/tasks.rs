//! The tasks of a user.

use std::sync::Arc;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use poem::Request;
use poem::http::header;
use poem::web::Data;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::{ApiResponse, OpenApi};
use shared::task::{Completion, NewTask, Order, Sort, Status, Task, TaskChange};
use uuid::Uuid;

use super::Tag;
use crate::App;
use crate::auth::Caller;
use crate::db::DbError;
use crate::db::tasks::{Page, Position};
use crate::json::{JsonBody, OptionalJsonBody, RawJson};
use crate::problem::Problem;
use crate::ready::{Asked, Ready};

/// The operations.
#[derive(Default)]
pub struct TaskApi;

#[derive(ApiResponse)]
enum Listed {
    /// A page of tasks.
    #[oai(status = 200)]
    Page(
        RawJson<Vec<Task>>,
        /// The version of the list.
        #[oai(header = "ETag")]
        String,
        /// `rel="next"` is the next page, while there is one.
        #[oai(header = "Link")]
        Option<String>,
    ),
    /// The list is still the version that `If-None-Match` names.
    #[oai(status = 304)]
    NotModified(
        /// The version of the list.
        #[oai(header = "ETag")]
        String,
    ),
}

#[derive(ApiResponse)]
enum Created {
    /// The task was made, or had been made by an earlier request with the same key.
    #[oai(status = 201)]
    Task(
        RawJson<Task>,
        /// The address of the task.
        #[oai(header = "Location")]
        String,
        /// The version of the task.
        #[oai(header = "ETag")]
        String,
    ),
}

#[derive(ApiResponse)]
enum Found {
    /// The task.
    #[oai(status = 200)]
    Task(
        RawJson<Task>,
        /// The version of the task.
        #[oai(header = "ETag")]
        String,
    ),
    /// The task is still the version that `If-None-Match` names.
    #[oai(status = 304)]
    NotModified(
        /// The version of the task.
        #[oai(header = "ETag")]
        String,
    ),
}

#[derive(ApiResponse)]
enum Changed {
    /// The task as it is now.
    #[oai(status = 200)]
    Task(
        RawJson<Task>,
        /// The version of the task.
        #[oai(header = "ETag")]
        String,
    ),
}

#[derive(ApiResponse)]
enum Deleted {
    /// The task is gone.
    #[oai(status = 204)]
    Gone,
}

impl Changed {
    fn of(task: &Task) -> Result<Self, Problem> {
        Ok(Self::Task(RawJson::of(task)?, etag(task.revision)))
    }
}

// Each parameter of the document is an argument.
#[allow(clippy::too_many_arguments)]
#[OpenApi(tag = "Tag::Tasks")]
impl TaskApi {
    /// List tasks
    ///
    /// A bare array, newest first unless `sort` says otherwise. While there are more, the header `Link` has the address of
    /// the next page.
    #[oai(path = "/api/:user_id/tasks", method = "get", operation_id = "list_tasks")]
    async fn list(
        &self,
        app: Data<&Arc<App>>,
        request: &Request,
        caller: Caller,
        /// The owner: the `sub` of the token.
        #[oai(name = "user_id")]
        _user_id: Path<String>,
        /// Which tasks.
        #[oai(default)]
        status: Query<Status>,
        /// By what they are sorted.
        #[oai(default)]
        sort: Query<Sort>,
        /// In which direction; `natural` suits the sort.
        #[oai(default)]
        order: Query<Order>,
        /// The most tasks of a page.
        #[oai(default = "default_limit", validator(minimum(value = "1"), maximum(value = "500")))]
        limit: Query<u16>,
        /// Where the page begins, from the `Link` of the page before.
        cursor: Query<Option<String>>,
        /// Versions that the client has.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<Listed, Problem> {
        let tag = etag(caller.revision);
        if names(if_none_match.0.as_deref(), &tag) {
            return Ok(Listed::NotModified(tag));
        }
        let page = Page {
            status: status.0,
            sort: sort.0,
            order: order.0,
            limit: limit.0,
            after: cursor.0.map(|cursor| position(&cursor, sort.0)).transpose()?,
        };
        let key = (caller.user.clone(), Asked::Page(page.clone()));
        if let Some(ready) = app.ready.get(&key, caller.revision) {
            return Ok(Listed::Page(RawJson::ready(ready.body), tag, ready.note));
        }
        let (tasks, more) = app.db.tasks(&caller.user, &page).await?;
        let next = match tasks.last().filter(|_| more) {
            Some(last) => Some(next_page(request, &page, last)?),
            None => None,
        };
        let body = RawJson::of(&tasks)?;
        let ready = Ready {
            revision: caller.revision,
            body: body.bytes(),
            note: next.clone(),
        };
        app.ready.put(key, ready);
        Ok(Listed::Page(body, tag, next))
    }

    /// Create a task
    #[oai(path = "/api/:user_id/tasks", method = "post", operation_id = "create_task")]
    async fn create(
        &self,
        app: Data<&Arc<App>>,
        request: &Request,
        caller: Caller,
        /// The owner: the `sub` of the token.
        #[oai(name = "user_id")]
        _user_id: Path<String>,
        /// A new UUID for each new task, so that sending the request again makes no second task. It becomes the id of the task.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<Uuid>>,
        body: JsonBody<NewTask>,
    ) -> Result<Created, Problem> {
        let task = body.valid()?;
        let id = idempotency_key.0.unwrap_or_else(Uuid::now_v7);
        let task = match app.db.create_task(&caller.user, id, task).await {
            Err(DbError::Exists) => match app.db.task(&caller.user, id).await {
                Err(DbError::NotFound) => Err(DbError::Exists),
                found => found,
            },
            created => created,
        }?;
        let location = format!("{}/{id}", request.original_uri().path().trim_end_matches('/'));
        Ok(Created::Task(RawJson::of(&task)?, location, etag(task.revision)))
    }

    /// Get a task
    #[oai(path = "/api/:user_id/tasks/:id", method = "get", operation_id = "get_task")]
    async fn get(
        &self,
        app: Data<&Arc<App>>,
        caller: Caller,
        /// The owner: the `sub` of the token.
        #[oai(name = "user_id")]
        _user_id: Path<String>,
        /// The task.
        id: Path<Uuid>,
        /// Versions that the client has.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<Found, Problem> {
        let key = (caller.user.clone(), Asked::Task(id.0));
        let kept = app.ready.get(&key, caller.revision);
        let (body, tag) = match kept.and_then(|ready| ready.note.map(|tag| (ready.body, tag))) {
            Some(kept) => kept,
            None => {
                let task = app.db.task(&caller.user, id.0).await?;
                let body = RawJson::of(&task)?.bytes();
                let tag = etag(task.revision);
                let ready = Ready {
                    revision: caller.revision,
                    body: body.clone(),
                    note: Some(tag.clone()),
                };
                app.ready.put(key, ready);
                (body, tag)
            }
        };
        if names(if_none_match.0.as_deref(), &tag) {
            return Ok(Found::NotModified(tag));
        }
        Ok(Found::Task(RawJson::ready(body), tag))
    }

    /// Update a task
    ///
    /// Changes the members that are sent; an explicit null clears. Whether the task is done is not touched.
    #[oai(path = "/api/:user_id/tasks/:id", method = "put", operation_id = "update_task")]
    async fn update(
        &self,
        app: Data<&Arc<App>>,
        request: &Request,
        caller: Caller,
        /// The owner: the `sub` of the token.
        #[oai(name = "user_id")]
        _user_id: Path<String>,
        /// The task.
        id: Path<Uuid>,
        /// The version that the change is meant for.
        #[oai(name = "If-Match")]
        _if_match: Header<Option<String>>,
        body: JsonBody<TaskChange>,
    ) -> Result<Changed, Problem> {
        let change = judge(body.valid(), &app, &caller, id.0).await?;
        let expected = expected(request);
        let task = app.db.change_task(&caller.user, id.0, expected, change).await?;
        Changed::of(&task)
    }

    /// Complete a task, or take that back
    ///
    /// Without a body the task is toggled; with one it is set.
    #[oai(
        path = "/api/:user_id/tasks/:id/complete",
        method = "patch",
        operation_id = "complete_task"
    )]
    async fn complete(
        &self,
        app: Data<&Arc<App>>,
        request: &Request,
        caller: Caller,
        /// The owner: the `sub` of the token.
        #[oai(name = "user_id")]
        _user_id: Path<String>,
        /// The task.
        id: Path<Uuid>,
        /// The version that the change is meant for.
        #[oai(name = "If-Match")]
        _if_match: Header<Option<String>>,
        body: OptionalJsonBody<Completion>,
    ) -> Result<Changed, Problem> {
        let completion = judge(body.valid(), &app, &caller, id.0).await?;
        let completed = completion.map(|completion| completion.completed);
        let expected = expected(request);
        let task = app.db.complete_task(&caller.user, id.0, expected, completed).await?;
        Changed::of(&task)
    }

    /// Delete a task
    #[oai(path = "/api/:user_id/tasks/:id", method = "delete", operation_id = "delete_task")]
    async fn delete(
        &self,
        app: Data<&Arc<App>>,
        request: &Request,
        caller: Caller,
        /// The owner: the `sub` of the token.
        #[oai(name = "user_id")]
        _user_id: Path<String>,
        /// The task.
        id: Path<Uuid>,
        /// The version that is meant.
        #[oai(name = "If-Match")]
        _if_match: Header<Option<String>>,
    ) -> Result<Deleted, Problem> {
        let expected = expected(request);
        app.db.delete_task(&caller.user, id.0, expected).await?;
        Ok(Deleted::Gone)
    }
}

/// A broken rule counts only for a task that exists: 404 comes before 422.
async fn judge<T>(body: Result<T, Problem>, app: &App, caller: &Caller, id: Uuid) -> Result<T, Problem> {
    if body.is_err() {
        app.db.task(&caller.user, id).await?;
    }
    body
}

fn default_limit() -> u16 {
    shared::task::LIMIT_DEFAULT
}

fn etag(revision: i64) -> String {
    format!("\"{revision}\"")
}

/// Whether a list of entity tags, as in `If-None-Match`, has `tag`.
fn names(header: Option<&str>, tag: &str) -> bool {
    header.is_some_and(|header| {
        header
            .split(',')
            .map(|one| one.trim().trim_start_matches("W/"))
            .any(|one| one == tag || one == "*")
    })
}

/// The revision that `If-Match` asks for; none if any will do. A tag that we never gave out is none that a task can have.
fn expected(request: &Request) -> Option<i64> {
    let tag = request
        .headers()
        .get(header::IF_MATCH)?
        .to_str()
        .unwrap_or_default()
        .trim();
    if tag == "*" {
        return None;
    }
    let revision = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    Some(revision.and_then(|revision| revision.parse().ok()).unwrap_or(-1))
}

/// The `Link` to the page that begins after `last`.
fn next_page(request: &Request, page: &Page, last: &Task) -> Result<String, Problem> {
    let position = serde_json::to_vec(&Position::of(page.sort, last))
        .map_err(|error| Problem::internal("a cursor could not be written", error))?;
    let cursor = BASE64_URL_SAFE_NO_PAD.encode(position);
    let path = request.original_uri().path();
    let (status, sort, order) = (page.status.as_str(), page.sort.as_str(), page.order.as_str());
    let limit = page.limit;
    Ok(format!(
        "<{path}?status={status}&sort={sort}&order={order}&limit={limit}&cursor={cursor}>; rel=\"next\""
    ))
}

fn position(cursor: &str, sort: Sort) -> Result<Position, Problem> {
    BASE64_URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|json| serde_json::from_slice::<Position>(&json).ok())
        .filter(|position| position.fits(sort))
        .ok_or_else(|| {
            Problem::of_query(
                "cursor",
                "cursor must come from the Link header of a list with the same sort. Leave it out to begin anew.",
            )
        })
}
