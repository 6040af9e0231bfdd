//! The operations on tasks.

use std::sync::Arc;

use poem::web::Data;
use poem::{Request, RequestBody, Result};
use poem_openapi::param::{Header, Query};
use poem_openapi::registry::{MetaParamIn, MetaSchemaRef};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions, OpenApi, Tags};
use shared::task::{Completion, NewTask, Order, Sort, Status, Task, TaskChange};
use uuid::Uuid;

use crate::accounts::extract::Caller;
use crate::db::Abort;
use crate::fault::Fault;
use crate::http::conditional::{IfMatch, IfNoneMatch, etag};
use crate::http::cursor;
use crate::http::json::{JsonBody, OptionalJsonBody, RawJson};
use crate::http::operation_error::{OperationError, operation_errors};
use crate::http::path;
use crate::http::problem::Problem;
use crate::tasks::Tasks;
use crate::tasks::cache::{CacheKey, CachedResponse};
use crate::tasks::page::{Page, Position};
use crate::tasks::store::{CreateRefusal, TaskRefusal};

/// The `{id}` of the path.
struct TaskId(Uuid);

impl<'a> ApiExtractor<'a> for TaskId {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    const PARAM_IS_REQUIRED: bool = true;
    type ParamType = Uuid;
    type ParamRawType = Uuid;

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Path)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(Uuid::schema_ref())
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<Uuid>) -> Result<Self> {
        let id = path::parameter(request, 1).parse();
        Ok(Self(id.map_err(|_| Problem::NotFound)?))
    }
}

/// The tag of these operations in the OpenAPI document.
#[derive(Tags)]
enum Tag {
    /// The tasks of a user.
    Tasks,
}

/// The operations on tasks.
#[derive(Default)]
pub struct TaskApi;

#[derive(ApiResponse)]
enum ListResponse {
    /// A page of tasks.
    #[oai(status = 200)]
    Page(
        RawJson<Vec<Task>>,
        /// The version of the list.
        #[oai(header = "ETag")]
        String,
        /// The next page (`rel="next"`), if there is one.
        #[oai(header = "Link")]
        Option<String>,
    ),
    /// The list is unchanged since a version that `If-None-Match` lists.
    #[oai(status = 304)]
    NotModified(
        /// The version of the list.
        #[oai(header = "ETag")]
        String,
    ),
}

#[derive(ApiResponse)]
enum CreateResponse {
    /// The task was created, by this request or by an earlier one with the same `Idempotency-Key`.
    #[oai(status = 201)]
    Task(
        RawJson<Task>,
        /// The path of the task.
        #[oai(header = "Location")]
        String,
        /// The version of the task.
        #[oai(header = "ETag")]
        String,
    ),
}

#[derive(ApiResponse)]
enum TaskResponse {
    /// The task.
    #[oai(status = 200)]
    Task(
        RawJson<Task>,
        /// The version of the task.
        #[oai(header = "ETag")]
        String,
    ),
    /// The task is unchanged since a version that `If-None-Match` lists.
    #[oai(status = 304)]
    NotModified(
        /// The version of the task.
        #[oai(header = "ETag")]
        String,
    ),
}

#[derive(ApiResponse)]
enum ChangeResponse {
    /// The updated task.
    #[oai(status = 200)]
    Task(
        RawJson<Task>,
        /// The version of the task.
        #[oai(header = "ETag")]
        String,
    ),
}

#[derive(ApiResponse)]
enum DeleteResponse {
    /// The task has been deleted.
    #[oai(status = 204)]
    Deleted,
}

impl ChangeResponse {
    fn of(task: &Task) -> Result<Self, Fault> {
        Ok(Self::Task(RawJson::of(task)?, etag(task.revision)))
    }
}

operation_errors!(Docket, CreateErrors: Problem::Deleted, Problem::TooManyTasks(0));
operation_errors!(Docket, GetErrors: Problem::NotFound);
operation_errors!(Docket, ChangeErrors: Problem::NotFound, Problem::ChangedMeanwhile);

// Each parameter of an operation is an argument.
#[allow(clippy::too_many_arguments)]
#[OpenApi(tag = "Tag::Tasks")]
impl TaskApi {
    /// List tasks
    ///
    /// Returns an array, newest first by default. If there are more tasks, the header `Link` has the URL of the next page.
    #[oai(path = "/api/:user_id/tasks", method = "get", operation_id = "list_tasks")]
    async fn list(
        &self,
        tasks: Data<&Arc<Tasks>>,
        request: &Request,
        /// The owner: the `sub` of the token.
        #[oai(name = "user_id")]
        caller: Caller,
        /// Filter by status.
        #[oai(default)]
        status: Query<Status>,
        /// Sort key.
        #[oai(default)]
        sort: Query<Sort>,
        /// Sort direction; `natural` is the default direction of the sort key.
        #[oai(default)]
        order: Query<Order>,
        /// Maximum number of tasks per page.
        #[oai(default = "default_limit", validator(minimum(value = "1"), maximum(value = "500")))]
        limit: Query<u16>,
        /// Cursor of the page, from the `Link` of the previous page.
        cursor: Query<Option<String>>,
        /// Entity tags of cached versions.
        #[oai(name = "If-None-Match")]
        if_none_match: IfNoneMatch,
    ) -> Result<ListResponse, Problem> {
        let tag = etag(caller.revision);
        if if_none_match.has(&tag) {
            return Ok(ListResponse::NotModified(tag));
        }
        let page = Page {
            status: status.0,
            sort: sort.0,
            order: order.0,
            limit: limit.0,
            after: cursor.0.map(|cursor| position(&cursor, sort.0)).transpose()?,
        };
        let key = (caller.user.clone(), CacheKey::Page(page.clone()));
        if let Some(cached) = tasks.cache.get(&key, caller.revision) {
            return Ok(ListResponse::Page(RawJson::from_bytes(cached.body), tag, cached.header));
        }
        let (list, more) = tasks.db.tasks(&caller.user, &page).await?;
        let next = match list.last().filter(|_| more) {
            Some(last) => Some(next_page(request, &page, last)?),
            None => None,
        };
        let body = RawJson::of(&list)?;
        let cached = CachedResponse {
            revision: caller.revision,
            body: body.bytes(),
            header: next.clone(),
        };
        tasks.cache.put(key, cached);
        Ok(ListResponse::Page(body, tag, next))
    }

    /// Create a task
    #[oai(path = "/api/:user_id/tasks", method = "post", operation_id = "create_task")]
    async fn create(
        &self,
        tasks: Data<&Arc<Tasks>>,
        request: &Request,
        /// The owner: the `sub` of the token.
        #[oai(name = "user_id")]
        caller: Caller,
        /// A new UUID for each new task. It becomes the id of the task. A retry with the same key creates no second task.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<Uuid>>,
        body: JsonBody<NewTask>,
    ) -> Result<CreateResponse, OperationError<CreateErrors>> {
        let task = body.valid()?;
        let id = idempotency_key.0.unwrap_or_else(Uuid::now_v7);
        let task = match tasks.create(&caller.user, id, task).await {
            // Returns the task of the earlier request with this key, unless it has been deleted.
            Err(Abort::Refused(CreateRefusal::IdUsed)) => {
                let earlier = tasks.db.task(&caller.user, id).await?;
                earlier.ok_or(Problem::Deleted)?
            }
            created => created?,
        };
        let location = format!("{}/{id}", request.original_uri().path().trim_end_matches('/'));
        Ok(CreateResponse::Task(RawJson::of(&task)?, location, etag(task.revision)))
    }

    /// Get a task
    #[oai(path = "/api/:user_id/tasks/:id", method = "get", operation_id = "get_task")]
    async fn get(
        &self,
        tasks: Data<&Arc<Tasks>>,
        /// The owner: the `sub` of the token.
        #[oai(name = "user_id")]
        caller: Caller,
        /// The id of the task.
        id: TaskId,
        /// Entity tags of cached versions.
        #[oai(name = "If-None-Match")]
        if_none_match: IfNoneMatch,
    ) -> Result<TaskResponse, OperationError<GetErrors>> {
        let key = (caller.user.clone(), CacheKey::Task(id.0));
        let cached = tasks.cache.get(&key, caller.revision);
        let (body, tag) = match cached.and_then(|cached| cached.header.map(|tag| (cached.body, tag))) {
            Some(cached) => cached,
            None => {
                let task = tasks.db.task(&caller.user, id.0).await?.ok_or(Problem::NotFound)?;
                let body = RawJson::of(&task)?.bytes();
                let tag = etag(task.revision);
                let cached = CachedResponse {
                    revision: caller.revision,
                    body: body.clone(),
                    header: Some(tag.clone()),
                };
                tasks.cache.put(key, cached);
                (body, tag)
            }
        };
        if if_none_match.has(&tag) {
            return Ok(TaskResponse::NotModified(tag));
        }
        Ok(TaskResponse::Task(RawJson::from_bytes(body), tag))
    }

    /// Update a task
    ///
    /// Changes the members that are present; null clears a member. `completed` is not changed.
    #[oai(path = "/api/:user_id/tasks/:id", method = "put", operation_id = "update_task")]
    async fn update(
        &self,
        tasks: Data<&Arc<Tasks>>,
        /// The owner: the `sub` of the token.
        #[oai(name = "user_id")]
        caller: Caller,
        /// The id of the task.
        id: TaskId,
        /// The expected version of the task.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        body: JsonBody<TaskChange>,
    ) -> Result<ChangeResponse, OperationError<ChangeErrors>> {
        let change = valid(body.valid(), &tasks, &caller, id.0).await?;
        let task = tasks.db.change_task(&caller.user, id.0, if_match, change).await?;
        Ok(ChangeResponse::of(&task)?)
    }

    /// Complete a task, or reopen it
    ///
    /// Sets `completed` to the value in the body, or toggles it if there is no body.
    #[oai(
        path = "/api/:user_id/tasks/:id/complete",
        method = "patch",
        operation_id = "complete_task"
    )]
    async fn complete(
        &self,
        tasks: Data<&Arc<Tasks>>,
        /// The owner: the `sub` of the token.
        #[oai(name = "user_id")]
        caller: Caller,
        /// The id of the task.
        id: TaskId,
        /// The expected version of the task.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        body: OptionalJsonBody<Completion>,
    ) -> Result<ChangeResponse, OperationError<ChangeErrors>> {
        let completion = valid(body.valid(), &tasks, &caller, id.0).await?;
        let completed = completion.map(|completion| completion.completed);
        let task = tasks.db.complete_task(&caller.user, id.0, if_match, completed).await?;
        Ok(ChangeResponse::of(&task)?)
    }

    /// Delete a task
    #[oai(path = "/api/:user_id/tasks/:id", method = "delete", operation_id = "delete_task")]
    async fn delete(
        &self,
        tasks: Data<&Arc<Tasks>>,
        /// The owner: the `sub` of the token.
        #[oai(name = "user_id")]
        caller: Caller,
        /// The id of the task.
        id: TaskId,
        /// The expected version of the task.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
    ) -> Result<DeleteResponse, OperationError<ChangeErrors>> {
        tasks.db.delete_task(&caller.user, id.0, if_match).await?;
        tasks.sweeper.trigger();
        Ok(DeleteResponse::Deleted)
    }
}

/// The body, if it is valid. 404 takes precedence over 422.
async fn valid<T>(body: Result<T, Problem>, tasks: &Tasks, caller: &Caller, id: Uuid) -> Result<T, Problem> {
    if body.is_err() && tasks.db.task(&caller.user, id).await?.is_none() {
        return Err(Problem::NotFound);
    }
    body
}

impl From<CreateRefusal> for Problem {
    fn from(refusal: CreateRefusal) -> Self {
        match refusal {
            CreateRefusal::IdUsed => Self::Deleted,
            CreateRefusal::NoUser => Self::Unauthenticated,
            CreateRefusal::TooMany(max) => Self::TooManyTasks(max),
        }
    }
}

impl From<TaskRefusal> for Problem {
    fn from(refusal: TaskRefusal) -> Self {
        match refusal {
            TaskRefusal::NotFound => Self::NotFound,
            TaskRefusal::ConditionFailed => Self::ChangedMeanwhile,
        }
    }
}

fn default_limit() -> u16 {
    shared::task::LIMIT_DEFAULT
}

/// The value of the `Link` header to the page after `last`.
fn next_page(request: &Request, page: &Page, last: &Task) -> Result<String, Fault> {
    let (status, sort, order) = (page.status.as_str(), page.sort.as_str(), page.order.as_str());
    let query = format!("status={status}&sort={sort}&order={order}&limit={}", page.limit);
    cursor::next_page(request.original_uri().path(), &query, &Position::of(page.sort, last))
}

fn position(cursor: &str, sort: Sort) -> Result<Position, Problem> {
    cursor::position(cursor)
        .filter(|position: &Position| position.fits(sort))
        .ok_or_else(|| {
            Problem::of_query(
                "cursor",
                "cursor must come from the Link header of a list with the same sort. Omit it to start at the first page.",
            )
        })
}
