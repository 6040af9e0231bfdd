//! Running a statement to completion.
//!
//! When the worker thread of the SQLite driver panics, the stream of rows ends early without an error, which looks like a
//! statement without rows. A complete statement sends its query result after the last row, so a stream without a query
//! result is an error.

use futures_util::{Stream, TryStreamExt};
use sqlx::{Database, Either, Execute, Executor, FromRow};

use super::DbError;

/// A connection that statements run on.
pub(crate) struct Statements<'a, DB: Database>(pub(super) &'a mut DB::Connection);

impl<DB> Statements<'_, DB>
where
    DB: Database,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    /// Runs a statement that returns no rows.
    pub(crate) async fn execute<'q>(&mut self, query: impl Execute<'q, DB> + 'q) -> Result<DB::QueryResult, DbError> {
        let (_, result) = complete(self.0.fetch_many(query)).await?;
        Ok(result)
    }

    /// All rows of a statement.
    pub(crate) async fn all<'q, T>(&mut self, query: impl Execute<'q, DB> + 'q) -> Result<Vec<T>, DbError>
    where
        T: for<'r> FromRow<'r, DB::Row>,
    {
        // Decoded after the last row was received, so that a decoding error leaves no unread rows on the connection.
        let (rows, _) = complete(self.0.fetch_many(query)).await?;
        let rows: Result<_, sqlx::Error> = rows.iter().map(T::from_row).collect();
        Ok(rows?)
    }

    /// The row of a statement that returns at most one.
    pub(crate) async fn optional<'q, T>(&mut self, query: impl Execute<'q, DB> + 'q) -> Result<Option<T>, DbError>
    where
        T: for<'r> FromRow<'r, DB::Row>,
    {
        Ok(self.all(query).await?.into_iter().next())
    }

    /// The row of a statement that always returns one.
    pub(crate) async fn one<'q, T>(&mut self, query: impl Execute<'q, DB> + 'q) -> Result<T, DbError>
    where
        T: for<'r> FromRow<'r, DB::Row>,
    {
        self.optional(query)
            .await?
            .ok_or(DbError::Failed(sqlx::Error::RowNotFound))
    }
}

/// The rows of a statement and its query result. [`sqlx::Error::WorkerCrashed`] if the stream ends without a query result.
async fn complete<Row, Done>(
    mut steps: impl Stream<Item = Result<Either<Done, Row>, sqlx::Error>> + Unpin,
) -> Result<(Vec<Row>, Done), sqlx::Error> {
    let mut rows = Vec::new();
    let mut result = None;
    while let Some(step) = steps.try_next().await? {
        match step {
            Either::Left(done) => result = Some(done),
            Either::Right(row) => rows.push(row),
        }
    }
    let result = result.ok_or(sqlx::Error::WorkerCrashed)?;
    Ok((rows, result))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use sqlx::ConnectOptions;
    use sqlx::sqlite::{Sqlite, SqliteConnectOptions};

    use super::*;

    /// The driver panics when the number of columns of a cached statement has changed.
    const ALL: &str = concat!("SELECT ", "* FROM a");

    /// A connection whose worker crashes at the next [`ALL`].
    async fn crashing(file: &SqliteConnectOptions) -> sqlx::SqliteConnection {
        let mut crashing = file.connect().await.unwrap();
        let mut other = file.connect().await.unwrap();
        let schema = "DROP TABLE IF EXISTS a; CREATE TABLE a (id INTEGER); INSERT INTO a VALUES (1)";
        sqlx::raw_sql(schema).execute(&mut other).await.unwrap();
        let rows: Vec<(i64,)> = Statements::<Sqlite>(&mut crashing).all(sqlx::query(ALL)).await.unwrap();
        assert_eq!(rows, [(1,)]);
        let change = "ALTER TABLE a ADD COLUMN b INTEGER";
        sqlx::raw_sql(change).execute(&mut other).await.unwrap();
        crashing
    }

    #[tokio::test]
    async fn a_crashed_worker_is_an_error_and_not_an_empty_result() {
        let folder = tempfile::tempdir().unwrap();
        let file = SqliteConnectOptions::new()
            .filename(folder.path().join("a.db"))
            .create_if_missing(true);
        let mut connection = crashing(&file).await;
        let read: Result<Option<(i64,)>, _> = Statements::<Sqlite>(&mut connection).optional(sqlx::query(ALL)).await;
        assert!(matches!(read, Err(DbError::Unreachable(_))), "{read:?}");
        let mut connection = crashing(&file).await;
        let done = Statements::<Sqlite>(&mut connection).execute(sqlx::query(ALL)).await;
        assert!(matches!(done, Err(DbError::Unreachable(_))), "{done:?}");
    }
}
