//! The table `tasks`. Every statement names `user_id` first: a task of another user is simply not found.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use futures_util::{Stream, stream};
use serde::{Deserialize, Serialize};
use shared::task::{LIMIT_MAX, NewTask, Order, Sort, Status, TITLE_KEY_MAX, Task, TaskChange, title_key};
use sqlx::{AssertSqlSafe, FromRow};
use uuid::Uuid;

use super::{Db, DbError, Tx, Write, execute, now, on};
use crate::auth::UserId;

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

/// Where a page begins: after this task of the list's order.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Position {
    key: Key,
    id: Uuid,
}

/// What the task before the page is sorted by.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
enum Key {
    Created(DateTime<Utc>),
    Updated(i64),
    Title(String),
    DueDate(NaiveDate),
}

impl Position {
    /// The position of `task` in a list that is sorted by `sort`.
    pub fn of(sort: Sort, task: &Task) -> Self {
        let key = match sort {
            Sort::Created => Key::Created(task.created_at),
            Sort::Updated => Key::Updated(task.revision),
            Sort::Title => Key::Title(title_key(&task.title)),
            Sort::DueDate => Key::DueDate(Task::due_date_key(task.due_date)),
        };
        Self { key, id: task.id }
    }

    /// Whether it can be a position of a list that is sorted by `sort`: of the same kind, and of a value that both
    /// databases understand.
    pub fn fits(&self, sort: Sort) -> bool {
        let years = 1..=9999;
        match (&self.key, sort) {
            (Key::Created(time), Sort::Created) => years.contains(&time.year()),
            (Key::Updated(_), Sort::Updated) => true,
            (Key::Title(key), Sort::Title) => !key.contains('\0') && key.chars().count() <= TITLE_KEY_MAX,
            (Key::DueDate(day), Sort::DueDate) => years.contains(&day.year()),
            _ => false,
        }
    }
}

/// A part of a user's list.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Page {
    /// Which tasks.
    pub status: Status,
    /// By what they are sorted.
    pub sort: Sort,
    /// In which direction.
    pub order: Order,
    /// The most tasks.
    pub limit: u16,
    /// Where it begins; none for the first.
    pub after: Option<Position>,
}

impl Page {
    /// `$1` is the user, `$2` the number of rows, `$3` and `$4` the position.
    fn sql(&self) -> String {
        let filter = match self.status {
            Status::All => "",
            Status::Pending => " AND NOT completed",
            Status::Completed => " AND completed",
        };
        let key = match self.sort {
            Sort::Created => "created_at",
            Sort::Updated => "revision",
            Sort::Title => "title_key",
            // `NO_DUE_DATE`, which a bound parameter would hide from an index.
            Sort::DueDate => "coalesce(due_date, '9999-12-31')",
        };
        let (direction, beyond) = if self.sort.is_descending(self.order) {
            ("DESC", "<")
        } else {
            ("ASC", ">")
        };
        let after = match self.after {
            Some(_) => format!(" AND ({key}, id) {beyond} ($3, $4)"),
            None => String::new(),
        };
        format!(
            "SELECT {} FROM tasks WHERE user_id = $1 AND deleted_at IS NULL{filter}{after} \
             ORDER BY {key} {direction}, id {direction} LIMIT $2",
            task_columns!()
        )
    }
}

/// Bumps the user's revision, which also makes later writers of the same user wait for this transaction.
async fn next_revision(tx: &mut Tx<'_>, user: &UserId) -> Result<i64, DbError> {
    const SQL: &str = "UPDATE users SET revision = revision + 1 WHERE id = $1 RETURNING revision";
    let (revision,): (i64,) = on!(tx, c => c.one(sqlx::query(SQL).bind(user.as_str())).await)?;
    Ok(revision)
}

const FIND: &str = concat!(
    "SELECT ",
    task_columns!(),
    " FROM tasks WHERE user_id = $1 AND id = $2 AND deleted_at IS NULL"
);

/// The task, if it lives and has the revision that the caller expects.
async fn expect(tx: &mut Tx<'_>, user: &UserId, id: Uuid, expected: Option<i64>) -> Result<TaskRow, DbError> {
    let row: TaskRow = on!(tx, c => c.one(sqlx::query(FIND).bind(user.as_str()).bind(id)).await)?;
    match expected {
        Some(revision) if revision != row.revision => Err(DbError::Changed),
        _ => Ok(row),
    }
}

struct Create {
    user: UserId,
    id: Uuid,
    task: NewTask,
}

impl Write for Create {
    type Out = Task;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Task, DbError> {
        const SQL: &str = concat!(
            "INSERT INTO tasks (user_id, id, title, title_key, description, due_date, created_at, updated_at, revision) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8) ON CONFLICT (user_id, id) DO NOTHING RETURNING ",
            task_columns!()
        );
        let revision = next_revision(tx, &self.user).await?;
        let created: Option<TaskRow> = on!(tx, c => c.optional(sqlx::query(SQL)
            .bind(self.user.as_str())
            .bind(self.id)
            .bind(&self.task.title)
            .bind(title_key(&self.task.title))
            .bind(&self.task.description)
            .bind(self.task.due_date)
            .bind(now())
            .bind(revision)).await)?;
        created.map(Task::from).ok_or(DbError::Exists)
    }
}

struct Change {
    user: UserId,
    id: Uuid,
    expected: Option<i64>,
    change: TaskChange,
}

impl Write for Change {
    type Out = Task;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Task, DbError> {
        const SQL: &str = concat!(
            "UPDATE tasks SET title = $3, title_key = $4, description = $5, due_date = $6, updated_at = $7, revision = $8 \
             WHERE user_id = $1 AND id = $2 RETURNING ",
            task_columns!()
        );
        let revision = next_revision(tx, &self.user).await?;
        let old = expect(tx, &self.user, self.id, self.expected).await?;
        let title = self.change.title.as_ref().unwrap_or(&old.title);
        let row: TaskRow = on!(tx, c => c.one(sqlx::query(SQL)
            .bind(self.user.as_str())
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
    expected: Option<i64>,
    completed: Option<bool>,
}

impl Write for Complete {
    type Out = Task;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Task, DbError> {
        const SQL: &str = concat!(
            "UPDATE tasks SET completed = coalesce($3, NOT completed), updated_at = $4, revision = $5 \
             WHERE user_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING ",
            task_columns!()
        );
        let revision = next_revision(tx, &self.user).await?;
        if self.expected.is_some() {
            expect(tx, &self.user, self.id, self.expected).await?;
        }
        let row: TaskRow = on!(tx, c => c.one(sqlx::query(SQL)
            .bind(self.user.as_str())
            .bind(self.id)
            .bind(self.completed)
            .bind(now())
            .bind(revision)).await)?;
        Ok(row.into())
    }
}

struct Delete {
    user: UserId,
    id: Uuid,
    expected: Option<i64>,
}

impl Write for Delete {
    type Out = ();

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        const SQL: &str = "UPDATE tasks SET deleted_at = $3, updated_at = $3, revision = $4 \
             WHERE user_id = $1 AND id = $2";
        let revision = next_revision(tx, &self.user).await?;
        expect(tx, &self.user, self.id, self.expected).await?;
        execute!(
            tx,
            sqlx::query(SQL)
                .bind(self.user.as_str())
                .bind(self.id)
                .bind(now())
                .bind(revision)
        )?;
        Ok(())
    }
}

impl Db {
    /// A page of the user's tasks, and whether more follow.
    pub async fn tasks(&self, user: &UserId, page: &Page) -> Result<(Vec<Task>, bool), DbError> {
        let limit = usize::from(page.limit);
        let rows: Vec<TaskRow> = on!(self.read(), db => {
            // Built from words of our own alone; everything that came from outside is bound.
            let query = sqlx::query(AssertSqlSafe(page.sql()))
                .bind(user.as_str())
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

    /// Every task of a user in pages, newest first. Each page is a query of its own, run on demand, so a slow client
    /// holds neither a connection nor much memory. A task that exists throughout is in exactly one page.
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

    /// One task. [`DbError::NotFound`] if the user has none of that id.
    pub async fn task(&self, user: &UserId, id: Uuid) -> Result<Task, DbError> {
        let row: TaskRow = on!(self.read(), db => db.one(sqlx::query(FIND).bind(user.as_str()).bind(id)).await)?;
        Ok(row.into())
    }

    /// Makes a task. [`DbError::Exists`] if the id was used before, even by a task that is deleted.
    pub async fn create_task(&self, user: &UserId, id: Uuid, task: NewTask) -> Result<Task, DbError> {
        let user = user.clone();
        self.write(Create { user, id, task }).await
    }

    /// Changes what `change` names. `expected` is the revision that the caller saw; [`DbError::Changed`] if it is gone.
    pub async fn change_task(
        &self,
        user: &UserId,
        id: Uuid,
        expected: Option<i64>,
        change: TaskChange,
    ) -> Result<Task, DbError> {
        let user = user.clone();
        self.write(Change {
            user,
            id,
            expected,
            change,
        })
        .await
    }

    /// Sets whether the task is done; toggles it when `completed` is none.
    pub async fn complete_task(
        &self,
        user: &UserId,
        id: Uuid,
        expected: Option<i64>,
        completed: Option<bool>,
    ) -> Result<Task, DbError> {
        let user = user.clone();
        self.write(Complete {
            user,
            id,
            expected,
            completed,
        })
        .await
    }

    /// Deletes the task. Its row stays as a tombstone.
    pub async fn delete_task(&self, user: &UserId, id: Uuid, expected: Option<i64>) -> Result<(), DbError> {
        let user = user.clone();
        self.write(Delete { user, id, expected }).await
    }
}
