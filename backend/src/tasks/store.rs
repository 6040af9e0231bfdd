//! The table `tasks`. Every statement filters by `user_id` first, so a task of another user is not found.

use std::convert::Infallible;

use chrono::{DateTime, NaiveDate, Utc};
use futures_util::{Stream, stream};
use shared::task::{LIMIT_MAX, NewTask, Order, Sort, Status, Task, TaskChange, title_key};
use sqlx::{AssertSqlSafe, FromRow};
use uuid::Uuid;

use crate::accounts::user_id::UserId;
use crate::db::{Abort, Db, DbError, Transaction, Tx, execute, now, on_database};
use crate::http::conditional::IfMatch;
use crate::tasks::page::{Key, Page, Position};
use crate::tasks::tombstones::blank_task;

#[derive(FromRow)]
struct TaskRow {
    id: Uuid,
    user_id: String,
    title: String,
    description: Option<String>,
    completed: bool,
    due_date: Option<NaiveDate>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    revision: i64,
}

/// The columns of [`TaskRow`].
macro_rules! task_columns {
    () => {
        "id, user_id, title, description, completed, due_date, created_at, updated_at, revision"
    };
}

impl From<TaskRow> for Task {
    fn from(row: TaskRow) -> Self {
        Self {
            id: row.id,
            user_id: row.user_id,
            title: row.title,
            description: row.description,
            completed: row.completed,
            due_date: row.due_date,
            created_at: row.created_at,
            updated_at: row.updated_at,
            revision: row.revision,
        }
    }
}

/// Why a task is not created.
#[derive(Debug)]
pub enum CreateRefusal {
    /// The user has a task with that id, or had one that has been deleted.
    IdUsed,
    /// The account has been deleted.
    NoUser,
    /// The user has as many tasks as allowed.
    TooMany(u32),
}

/// Why a task is not changed or deleted.
#[derive(Debug)]
pub enum TaskRefusal {
    /// The user has no task with that id.
    NotFound,
    /// The precondition is not met by the revision of the task.
    ConditionFailed,
}

/// Increments the user's revision and adds `added` to the number of tasks, which also locks the user's row against concurrent
/// writes. Returns both; none if the account has been deleted.
async fn begin_write(tx: &mut Tx<'_>, user: &UserId, added: i64) -> Result<Option<(i64, i64)>, DbError> {
    // A server of the version before does not count the tasks that it creates, so the number could become negative.
    const SQL: &str = "UPDATE users SET revision = revision + 1, \
         task_count = CASE WHEN task_count + $2 < 0 THEN 0 ELSE task_count + $2 END WHERE id = $1 \
         RETURNING revision, task_count";
    on_database!(tx, c => c.optional(sqlx::query(SQL).bind(user).bind(added)).await)
}

/// Begins a write that adds `added` tasks, and reads the task to be changed. Returns the new revision and the task.
async fn begin_change(
    tx: &mut Tx<'_>,
    user: &UserId,
    added: i64,
    id: Uuid,
    condition: &IfMatch,
) -> Result<(i64, TaskRow), Abort<TaskRefusal>> {
    let not_found = || Abort::Refused(TaskRefusal::NotFound);
    let (revision, _) = begin_write(tx, user, added).await?.ok_or_else(not_found)?;
    let row: Option<TaskRow> = on_database!(tx, c => c.optional(sqlx::query(FIND).bind(user).bind(id)).await)?;
    let row = row.ok_or_else(not_found)?;
    if condition.allows(row.revision) {
        Ok((revision, row))
    } else {
        Err(Abort::Refused(TaskRefusal::ConditionFailed))
    }
}

const FIND: &str = concat!(
    "SELECT ",
    task_columns!(),
    " FROM tasks WHERE user_id = $1 AND id = $2 AND deleted_at IS NULL"
);

struct Create {
    user: UserId,
    id: Uuid,
    task: NewTask,
    /// Maximum number of tasks of the user.
    max: u32,
}

impl Transaction for Create {
    type Output = Task;
    type Refusal = CreateRefusal;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Task, Abort<CreateRefusal>> {
        const SQL: &str = concat!(
            "INSERT INTO tasks (user_id, id, title, title_key, description, due_date, created_at, updated_at, revision) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8) ON CONFLICT (user_id, id) DO NOTHING RETURNING ",
            task_columns!()
        );
        let begun = begin_write(tx, &self.user, 1).await?;
        let (revision, count) = begun.ok_or(Abort::Refused(CreateRefusal::NoUser))?;
        let created: Option<TaskRow> = on_database!(tx, c => c.optional(sqlx::query(SQL)
            .bind(&self.user)
            .bind(self.id)
            .bind(&self.task.title)
            .bind(title_key(&self.task.title))
            .bind(&self.task.description)
            .bind(self.task.due_date)
            .bind(now())
            .bind(revision)).await)?;
        let created = created.ok_or(Abort::Refused(CreateRefusal::IdUsed))?;
        if count > i64::from(self.max) {
            return Err(Abort::Refused(CreateRefusal::TooMany(self.max)));
        }
        Ok(created.into())
    }
}

/// The number of tasks of a user.
const COUNT: &str = "SELECT count(*) FROM tasks WHERE user_id = $1 AND deleted_at IS NULL";

/// Corrects `users.task_count`.
struct Recount {
    user: UserId,
}

impl Transaction for Recount {
    type Output = ();
    type Refusal = Infallible;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Abort<Infallible>> {
        // Locks the row, so that no task is created or deleted between the statements.
        const LOCK: &str = "UPDATE users SET task_count = task_count WHERE id = $1";
        const SET: &str = "UPDATE users SET task_count = $2 WHERE id = $1";
        let user = &self.user;
        execute!(tx, sqlx::query(LOCK).bind(user))?;
        let (count,): (i64,) = on_database!(tx, c => c.one(sqlx::query(COUNT).bind(user)).await)?;
        execute!(tx, sqlx::query(SET).bind(user).bind(count))?;
        Ok(())
    }
}

struct Change {
    user: UserId,
    id: Uuid,
    condition: IfMatch,
    change: TaskChange,
}

impl Transaction for Change {
    type Output = Task;
    type Refusal = TaskRefusal;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Task, Abort<TaskRefusal>> {
        const SQL: &str = concat!(
            "UPDATE tasks SET title = $3, title_key = $4, description = $5, due_date = $6, updated_at = $7, revision = $8 \
             WHERE user_id = $1 AND id = $2 RETURNING ",
            task_columns!()
        );
        let (revision, old) = begin_change(tx, &self.user, 0, self.id, &self.condition).await?;
        let title = self.change.title.as_ref().unwrap_or(&old.title);
        let row: TaskRow = on_database!(tx, c => c.one(sqlx::query(SQL)
            .bind(&self.user)
            .bind(self.id)
            .bind(title)
            .bind(title_key(title))
            .bind(self.change.description.as_ref().unwrap_or(&old.description))
            .bind(self.change.due_date.unwrap_or(old.due_date))
            .bind(now())
            .bind(revision)).await)?;
        Ok(row.into())
    }
}

struct Complete {
    user: UserId,
    id: Uuid,
    condition: IfMatch,
    completed: Option<bool>,
}

impl Transaction for Complete {
    type Output = Task;
    type Refusal = TaskRefusal;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Task, Abort<TaskRefusal>> {
        const SQL: &str = concat!(
            "UPDATE tasks SET completed = coalesce($3, NOT completed), updated_at = $4, revision = $5 \
             WHERE user_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING ",
            task_columns!()
        );
        let not_found = || Abort::Refused(TaskRefusal::NotFound);
        // Without a precondition the SELECT is skipped: no updated row means that there is no such task.
        let revision = if self.condition.is_any() {
            begin_write(tx, &self.user, 0).await?.ok_or_else(not_found)?.0
        } else {
            begin_change(tx, &self.user, 0, self.id, &self.condition).await?.0
        };
        let row: Option<TaskRow> = on_database!(tx, c => c.optional(sqlx::query(SQL)
            .bind(&self.user)
            .bind(self.id)
            .bind(self.completed)
            .bind(now())
            .bind(revision)).await)?;
        row.map(Task::from).ok_or_else(not_found)
    }
}

struct Delete {
    user: UserId,
    id: Uuid,
    condition: IfMatch,
}

impl Transaction for Delete {
    type Output = ();
    type Refusal = TaskRefusal;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Abort<TaskRefusal>> {
        const SQL: &str = concat!(
            "UPDATE tasks SET deleted_at = $3, updated_at = $3, revision = $4, ",
            blank_task!(),
            " WHERE user_id = $1 AND id = $2"
        );
        let (revision, _) = begin_change(tx, &self.user, -1, self.id, &self.condition).await?;
        execute!(
            tx,
            sqlx::query(SQL)
                .bind(&self.user)
                .bind(self.id)
                .bind(now())
                .bind(revision)
        )?;
        Ok(())
    }
}

impl Db {
    /// The tasks of a page, and whether there is a next page.
    pub async fn tasks(&self, user: &UserId, page: &Page) -> Result<(Vec<Task>, bool), DbError> {
        let limit = usize::from(page.limit);
        let rows: Vec<TaskRow> = on_database!(self.read(), db => {
            // The SQL contains constants only; user input is bound.
            let query = sqlx::query(AssertSqlSafe(page.sql(task_columns!())))
                .bind(user)
                .bind(i64::from(page.limit) + 1);
            let query = match page.after.clone() {
                None => query,
                Some(Position { key, id }) => match key {
                    Key::Created(key) => query.bind(key),
                    Key::Updated(key) => query.bind(key),
                    Key::Title(key) => query.bind(key),
                    Key::DueDate(key) => query.bind(key),
                }
                .bind(id),
            };
            db.all(query).await
        })?;
        let more = rows.len() > limit;
        Ok((rows.into_iter().take(limit).map(Task::from).collect(), more))
    }

    /// All tasks of a user as a stream of pages, newest first. Each page is a separate query that runs on demand, so a slow
    /// client occupies neither a connection nor much memory. A task that exists throughout is in exactly one page.
    pub fn all_tasks(&self, user: UserId) -> impl Stream<Item = Result<Vec<Task>, DbError>> + use<> {
        let first = Page {
            status: Status::All,
            sort: Sort::Created,
            order: Order::Natural,
            limit: LIMIT_MAX,
            after: None,
        };
        stream::try_unfold((self.clone(), user, Some(first)), async |(db, user, page)| {
            let Some(page) = page else { return Ok(None) };
            let (tasks, more) = db.tasks(&user, &page).await?;
            let last = tasks.last().filter(|_| more);
            let next = last.map(|last| Page {
                after: Some(Position::of(page.sort, last)),
                ..page
            });
            Ok(Some((tasks, (db, user, next))))
        })
    }

    /// The task with that id; none if the user has no such task.
    pub async fn task(&self, user: &UserId, id: Uuid) -> Result<Option<Task>, DbError> {
        let row: Option<TaskRow> = on_database!(self.read(), db => db.optional(sqlx::query(FIND)
            .bind(user)
            .bind(id)).await)?;
        Ok(row.map(Task::from))
    }

    /// Creates a task, unless the user has `max` tasks.
    pub async fn create_task(
        &self,
        user: &UserId,
        id: Uuid,
        task: NewTask,
        max: u32,
    ) -> Result<Task, Abort<CreateRefusal>> {
        let user = user.clone();
        self.transact(Create { user, id, task, max }).await
    }

    /// Counts the tasks of a user, and corrects the stored number if it is wrong: a server of the version before does not
    /// maintain it. Whether it was wrong.
    pub async fn recount_tasks(&self, user: &UserId) -> Result<bool, DbError> {
        const WRONG: &str = "SELECT 1 FROM users WHERE id = $1 AND task_count <> \
             (SELECT count(*) FROM tasks WHERE user_id = $1 AND deleted_at IS NULL)";
        let wrong: Option<(i32,)> = on_database!(self.read(), db => db.optional(sqlx::query(WRONG).bind(user)).await)?;
        if wrong.is_some() {
            self.transact(Recount { user: user.clone() }).await?;
        }
        Ok(wrong.is_some())
    }

    /// Updates the members that are present in `change`.
    pub async fn change_task(
        &self,
        user: &UserId,
        id: Uuid,
        condition: IfMatch,
        change: TaskChange,
    ) -> Result<Task, Abort<TaskRefusal>> {
        let user = user.clone();
        self.transact(Change {
            user,
            id,
            condition,
            change,
        })
        .await
    }

    /// Sets `completed`, or toggles it if the argument is none.
    pub async fn complete_task(
        &self,
        user: &UserId,
        id: Uuid,
        condition: IfMatch,
        completed: Option<bool>,
    ) -> Result<Task, Abort<TaskRefusal>> {
        let user = user.clone();
        self.transact(Complete {
            user,
            id,
            condition,
            completed,
        })
        .await
    }

    /// Deletes a task. Its row remains as a tombstone, without its content.
    pub async fn delete_task(&self, user: &UserId, id: Uuid, condition: IfMatch) -> Result<(), Abort<TaskRefusal>> {
        let user = user.clone();
        self.transact(Delete { user, id, condition }).await
    }
}
