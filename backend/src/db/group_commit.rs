//! Group commit for SQLite, which has a single writer. Queued transactions are committed together: each is a savepoint of
//! one SQLite transaction, and each caller gets its result after the commit, so concurrent writes share one `fsync`.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use sqlx::sqlite::{Sqlite, SqlitePool};
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::lease::Lease;
use super::statement::Statements;
use super::{Abort, DbError, OnDatabase, Transaction, Tx, execute};

/// Maximum number of queued transactions that are committed together.
const BATCH_MAX: usize = 128;
/// Capacity of the queue. Further callers wait until there is space.
const QUEUE_MAX: usize = 1024;
/// Interval of probes while writes fail.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// Sends transactions to the writer task. Cheap to clone.
#[derive(Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Box<dyn Job>>,
    is_healthy: Arc<AtomicBool>,
}

impl Writer {
    /// Spawns the writer task. `pool` has exactly one connection. The task ends when the last `Writer` is dropped.
    pub(super) fn start(pool: SqlitePool) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE_MAX);
        let is_healthy = Arc::new(AtomicBool::new(true));
        let task = WriterTask {
            pool,
            is_healthy: Arc::clone(&is_healthy),
        };
        tokio::spawn(task.run(queue));
        Self { jobs, is_healthy }
    }

    /// Applies a transaction and returns after the commit.
    pub(super) async fn transact<T: Transaction>(
        &self,
        transaction: T,
    ) -> Result<Result<T::Output, T::Refusal>, DbError> {
        let stopped = || DbError::Unavailable("the writer has stopped".to_owned());
        let (job, answer) = QueuedTransaction::new(transaction);
        self.jobs.send(job).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// Waits until every transaction that was queued before this call is committed or has failed.
    pub(super) async fn drain(&self) -> Result<(), DbError> {
        self.transact(Barrier).await.map(|_| ())
    }

    /// Whether the last transaction was committed. After a failure, the writer probes until one succeeds.
    pub(super) fn is_healthy(&self) -> bool {
        self.is_healthy.load(Ordering::Acquire)
    }
}

/// Why a batch failed.
enum Failure {
    /// `BEGIN` failed, or the connection broke during `COMMIT`, so that the outcome is unknown. The batch is not retried.
    Final(String),
    /// The batch was rolled back, possibly because of one of its transactions.
    RolledBack(String),
}

type Applied<'a> = Pin<Box<dyn Future<Output = Result<bool, String>> + Send + 'a>>;

/// A [`QueuedTransaction`] of any type.
trait Job: Send {
    /// Runs the statements. Returns whether the savepoint is to be released (`true`) or rolled back (`false`). An error means
    /// that the connection must not be used again.
    fn apply<'a>(&'a mut self, connection: &'a mut SqliteConnection) -> Applied<'a>;

    /// Sends the result to the caller. [`Failure::RolledBack`] is passed only to a job that was alone in its batch.
    fn finish(self: Box<Self>, outcome: Result<(), &Failure>);
}

type Outcome<T> = Result<<T as Transaction>::Output, <T as Transaction>::Refusal>;

struct QueuedTransaction<T: Transaction> {
    transaction: T,
    result: Option<Result<Outcome<T>, DbError>>,
    reply: oneshot::Sender<Result<Outcome<T>, DbError>>,
}

impl<T: Transaction> QueuedTransaction<T> {
    fn new(transaction: T) -> (Box<Self>, oneshot::Receiver<Result<Outcome<T>, DbError>>) {
        let (reply, answer) = oneshot::channel();
        let result = None;
        (
            Box::new(Self {
                transaction,
                result,
                reply,
            }),
            answer,
        )
    }
}

impl<T: Transaction> Job for QueuedTransaction<T> {
    fn apply<'a>(&'a mut self, connection: &'a mut SqliteConnection) -> Applied<'a> {
        Box::pin(async move {
            // A panic in one transaction must not end the writer.
            let mut tx = OnDatabase::Sqlite(Statements(connection));
            let applied = AssertUnwindSafe(self.transaction.apply(&mut tx)).catch_unwind().await;
            let result = applied.map_or(Err(DbError::Panicked), Abort::split);
            match self.result.insert(result) {
                Err(error @ DbError::Panicked) => Err(error.to_string()),
                // The connection itself may be unusable, for example if it was opened while the file was read-only. A command
                // that is sent to a crashed worker may never return.
                Err(DbError::Unreachable(reason) | DbError::Unavailable(reason)) => Err(reason.clone()),
                result => Ok(matches!(result, Ok(Ok(_)))),
            }
        })
    }

    fn finish(self: Box<Self>, outcome: Result<(), &Failure>) {
        let result = match (self.result, outcome) {
            (Some(result), Ok(())) => {
                if let Ok(Ok(output)) = &result {
                    self.transaction.committed(output);
                }
                result
            }
            (Some(Err(error)), Err(Failure::RolledBack(_))) => Err(error),
            (_, Err(Failure::Final(reason) | Failure::RolledBack(reason))) => Err(DbError::Unavailable(reason.clone())),
            (None, Ok(())) => Err(DbError::Unavailable("the write was not attempted".to_owned())),
        };
        // The send fails if the caller was cancelled.
        let _ = self.reply.send(result);
    }
}

/// The state of the writer task.
struct WriterTask {
    pool: SqlitePool,
    is_healthy: Arc<AtomicBool>,
}

impl WriterTask {
    async fn run(self, mut queue: mpsc::Receiver<Box<dyn Job>>) {
        // The first probe is sent immediately, because the failure may have affected a single transaction only.
        let mut pause = Duration::ZERO;
        loop {
            let mut jobs = Vec::new();
            let received = queue.recv_many(&mut jobs, BATCH_MAX);
            if self.is_healthy.load(Ordering::Acquire) {
                pause = Duration::ZERO;
                if received.await == 0 {
                    return;
                }
            } else {
                match timeout(pause, received).await {
                    Ok(0) => return,
                    Ok(_) => {}
                    Err(_) => {
                        jobs.push(QueuedTransaction::new(Probe).0);
                        pause = PROBE_INTERVAL;
                    }
                }
            }
            self.commit(jobs).await;
        }
    }

    /// Commits the batch or, if it is rolled back, each transaction alone, so that one failure does not affect the others.
    async fn commit(&self, jobs: Vec<Box<dyn Job>>) {
        let mut groups = vec![jobs];
        while let Some(mut jobs) = groups.pop() {
            let outcome = transact(&self.pool, &mut jobs).await;
            let was_healthy = self.is_healthy.swap(outcome.is_ok(), Ordering::AcqRel);
            match &outcome {
                // Later failures are those of probes.
                Err(Failure::Final(reason) | Failure::RolledBack(reason)) if was_healthy => {
                    tracing::error!(reason, transactions = jobs.len(), "a commit failed");
                }
                Err(Failure::Final(reason) | Failure::RolledBack(reason)) => {
                    tracing::debug!(reason, transactions = jobs.len(), "a commit failed again");
                }
                Ok(()) if !was_healthy => tracing::info!("writes succeed again"),
                Ok(()) => {}
            }
            match outcome {
                Err(Failure::RolledBack(_)) if jobs.len() > 1 => {
                    groups.extend(jobs.into_iter().rev().map(|job| vec![job]))
                }
                // Not caused by a single transaction, so the remaining ones would fail, too.
                Err(failure @ Failure::Final(_)) => {
                    let all = groups.drain(..).flatten().chain(jobs);
                    all.for_each(|job| job.finish(Err(&failure)));
                }
                outcome => jobs.into_iter().for_each(|job| job.finish(outcome.as_ref().copied())),
            }
        }
    }
}

/// Applies the jobs in one SQLite transaction. After a failure the connection is closed, because SQLite may have rolled back
/// by itself, which the driver does not track.
async fn transact(pool: &SqlitePool, jobs: &mut [Box<dyn Job>]) -> Result<(), Failure> {
    let fatal = |error: &dyn std::fmt::Display| Failure::Final(error.to_string());
    let mut lease = Lease::acquire(pool).await.map_err(|error| fatal(&error))?;
    let mut tx = lease
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(|error| fatal(&error))?;
    for job in jobs {
        apply(&mut tx, job.as_mut()).await.map_err(Failure::RolledBack)?;
    }
    tx.commit().await.map_err(|error| match error {
        sqlx::Error::Database(error) => Failure::RolledBack(error.to_string()),
        error => fatal(&error),
    })?;
    lease.release(&Ok(()));
    Ok(())
}

/// Applies a job in a savepoint of its own. An error aborts the whole batch.
async fn apply(tx: &mut SqliteConnection, job: &mut dyn Job) -> Result<(), String> {
    let run = async |tx: &mut SqliteConnection, sql| {
        let done = Statements::<Sqlite>(tx).execute(sqlx::query(sql)).await;
        done.map(drop).map_err(|error| error.to_string())
    };
    run(tx, "SAVEPOINT job").await?;
    let succeeded = job.apply(tx).await?;
    if !succeeded {
        run(tx, "ROLLBACK TO job").await?;
    }
    run(tx, "RELEASE job").await
}

/// A transaction without statements. The queue is FIFO, so all earlier transactions are finished once this one is.
struct Barrier;

impl Transaction for Barrier {
    type Output = ();
    type Refusal = Infallible;

    async fn apply(&self, _: &mut Tx<'_>) -> Result<(), Abort<Infallible>> {
        Ok(())
    }
}

/// Writes a page without changing any data. Like every write, it needs the write lock and free disk space.
struct Probe;

impl Transaction for Probe {
    type Output = ();
    type Refusal = Infallible;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Abort<Infallible>> {
        // Docket does not use this field of the file header.
        execute!(tx, sqlx::query("PRAGMA user_version = 0"))?;
        Ok(())
    }
}
