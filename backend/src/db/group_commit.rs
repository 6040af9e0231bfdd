//! SQLite's one writer. What waits together is committed together: each change is a savepoint of one transaction,
//! and each caller is answered after the commit, so a durable write costs a share of one `fsync`.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;

use futures_util::FutureExt;
use sqlx::sqlite::SqlitePool;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use super::{DbError, Either, Write};

/// The most changes of one transaction.
const BATCH_MAX: usize = 128;
/// The most changes that may wait; more callers wait for a place.
const QUEUE_MAX: usize = 1024;

/// Hands changes to the writer task.
#[derive(Clone)]
pub(super) struct Writer(mpsc::Sender<Box<dyn Job>>);

impl Writer {
    /// `pool` has the one connection that writes. The task ends when the last `Writer` is dropped.
    pub(super) fn start(pool: SqlitePool) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(commit_all(pool, receiver));
        Self(sender)
    }

    /// Applies `write`; the answer comes after the commit.
    pub(super) async fn write<W: Write>(&self, write: W) -> Result<W::Out, DbError> {
        let gone = || DbError::Unavailable("the writer has stopped".to_owned());
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Pending {
            write,
            result: None,
            reply,
        });
        self.0.send(job).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

/// A change of any type, while it waits and until it is answered.
trait Job: Send {
    /// Runs the statements; whether to keep what they did.
    fn apply<'a>(&'a mut self, connection: &'a mut SqliteConnection)
    -> Pin<Box<dyn Future<Output = bool> + Send + 'a>>;

    /// Answers the caller. `failure` is why the whole transaction came to nothing.
    fn finish(self: Box<Self>, failure: Option<&str>);
}

struct Pending<W: Write> {
    write: W,
    result: Option<Result<W::Out, DbError>>,
    reply: oneshot::Sender<Result<W::Out, DbError>>,
}

impl<W: Write> Job for Pending<W> {
    fn apply<'a>(
        &'a mut self,
        connection: &'a mut SqliteConnection,
    ) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        Box::pin(async move {
            let result = self.write.apply(&mut Either::Sqlite(connection)).await;
            self.result.insert(result).is_ok()
        })
    }

    fn finish(self: Box<Self>, failure: Option<&str>) {
        let result = match (self.result, failure) {
            (Some(Err(error)), _) => Err(error),
            (Some(Ok(out)), None) => Ok(out),
            (_, failure) => Err(DbError::Unavailable(
                failure.unwrap_or("the write was not tried").to_owned(),
            )),
        };
        // A caller that went away does not need the answer.
        let _ = self.reply.send(result);
    }
}

async fn commit_all(pool: SqlitePool, mut waiting: mpsc::Receiver<Box<dyn Job>>) {
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, BATCH_MAX).await > 0 {
        // A panic in one change must not end the writer; its transaction is rolled back as it is dropped.
        let committed = AssertUnwindSafe(commit(&pool, &mut batch)).catch_unwind().await;
        let failure = match committed {
            Ok(result) => result.err().map(|error| error.to_string()),
            Err(_) => Some("a change panicked".to_owned()),
        };
        if let Some(reason) = &failure {
            tracing::error!(reason, changes = batch.len(), "a group of changes was not committed");
        }
        for job in batch.drain(..) {
            job.finish(failure.as_deref());
        }
    }
}

async fn commit(pool: &SqlitePool, batch: &mut [Box<dyn Job>]) -> Result<(), sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
    for job in batch {
        sqlx::query("SAVEPOINT change").execute(&mut *tx).await?;
        let keep = job.apply(&mut tx).await;
        if !keep {
            sqlx::query("ROLLBACK TO change").execute(&mut *tx).await?;
        }
        sqlx::query("RELEASE change").execute(&mut *tx).await?;
    }
    tx.commit().await
}
