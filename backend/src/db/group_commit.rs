//! SQLite's one writer. What waits together is committed together: each change is a savepoint of one transaction,
//! and each caller is answered after the commit, so a durable write costs a share of one `fsync`.

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

/// The most changes of one transaction.
const BATCH_MAX: usize = 128;
/// The most changes that may wait; more callers wait for a place.
const QUEUE_MAX: usize = 1024;
/// The time between two probes while writing fails.
const PROBE_PAUSE: Duration = Duration::from_secs(1);

/// Hands changes to the writer task.
#[derive(Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Box<dyn Job>>,
    is_working: Arc<AtomicBool>,
}

impl Writer {
    /// `pool` has the one connection that writes. The task ends when the last `Writer` is dropped.
    pub(super) fn start(pool: SqlitePool) -> Self {
        let (jobs, waiting) = mpsc::channel(QUEUE_MAX);
        let is_working = Arc::new(AtomicBool::new(true));
        let task = Committer {
            pool,
            is_working: Arc::clone(&is_working),
        };
        tokio::spawn(task.commit_all(waiting));
        Self { jobs, is_working }
    }

    /// Applies a transaction and returns after the commit.
    pub(super) async fn transact<T: Transaction>(
        &self,
        transaction: T,
    ) -> Result<Result<T::Output, T::Refusal>, DbError> {
        let gone = || DbError::Unavailable("the writer has stopped".to_owned());
        let (job, answer) = Pending::new(transaction);
        self.jobs.send(job).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Waits until every change that was handed over before is committed or has failed.
    pub(super) async fn drain(&self) -> Result<(), DbError> {
        self.transact(Nothing).await.map(|_| ())
    }

    /// Whether the last transaction was committed. After a failure, the writer probes until one succeeds.
    pub(super) fn is_working(&self) -> bool {
        self.is_working.load(Ordering::Acquire)
    }
}

/// Why a transaction failed.
enum Failure {
    /// It could not begin, or the connection broke at the commit: its changes are not to be tried again.
    Final(String),
    /// It was rolled back, perhaps because of one of its changes.
    RolledBack(String),
}

type Applied<'a> = Pin<Box<dyn Future<Output = Result<bool, String>> + Send + 'a>>;

/// A change of any type, while it waits and until it is answered.
trait Job: Send {
    /// Runs the statements; whether to keep what they did. The error says why the connection cannot be used any more.
    fn apply<'a>(&'a mut self, connection: &'a mut SqliteConnection) -> Applied<'a>;

    /// Answers the caller. A change that was rolled back was the only one of its transaction.
    fn finish(self: Box<Self>, outcome: Result<(), &Failure>);
}

type Outcome<T> = Result<<T as Transaction>::Output, <T as Transaction>::Refusal>;

struct Pending<T: Transaction> {
    transaction: T,
    result: Option<Result<Outcome<T>, DbError>>,
    reply: oneshot::Sender<Result<Outcome<T>, DbError>>,
}

impl<T: Transaction> Pending<T> {
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

impl<T: Transaction> Job for Pending<T> {
    fn apply<'a>(&'a mut self, connection: &'a mut SqliteConnection) -> Applied<'a> {
        Box::pin(async move {
            // A panic in one transaction must not end the writer.
            let mut tx = OnDatabase::Sqlite(Statements(connection));
            let applied = AssertUnwindSafe(self.transaction.apply(&mut tx)).catch_unwind().await;
            let result = applied.map_or(Err(DbError::Panicked), Abort::split);
            match self.result.insert(result) {
                Err(error @ DbError::Panicked) => Err(error.to_string()),
                // The connection may be at fault, as one that was opened while the file was read-only, so it must not be used
                // again. A command that is sent to a worker that crashed may never be answered.
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
            (None, Ok(())) => Err(DbError::Unavailable("the write was not tried".to_owned())),
        };
        // A caller that went away does not need the answer.
        let _ = self.reply.send(result);
    }
}

/// The task that writes.
struct Committer {
    pool: SqlitePool,
    is_working: Arc<AtomicBool>,
}

impl Committer {
    async fn commit_all(self, mut waiting: mpsc::Receiver<Box<dyn Job>>) {
        // The first probe follows a failure at once: perhaps it was only one change that could not be made.
        let mut pause = Duration::ZERO;
        loop {
            let mut jobs = Vec::new();
            let received = waiting.recv_many(&mut jobs, BATCH_MAX);
            if self.is_working.load(Ordering::Acquire) {
                pause = Duration::ZERO;
                if received.await == 0 {
                    return;
                }
            } else {
                match timeout(pause, received).await {
                    Ok(0) => return,
                    Ok(_) => {}
                    Err(_) => {
                        jobs.push(Pending::new(Probe).0);
                        pause = PROBE_PAUSE;
                    }
                }
            }
            self.commit(jobs).await;
        }
    }

    /// Commits the changes together or, if that fails, one by one, so that a failing change does not affect the others.
    async fn commit(&self, jobs: Vec<Box<dyn Job>>) {
        let mut groups = vec![jobs];
        while let Some(mut jobs) = groups.pop() {
            let outcome = transact(&self.pool, &mut jobs).await;
            let was_working = self.is_working.swap(outcome.is_ok(), Ordering::AcqRel);
            match &outcome {
                // The failures after the first are those of the probes.
                Err(Failure::Final(reason) | Failure::RolledBack(reason)) if was_working => {
                    tracing::error!(reason, changes = jobs.len(), "a transaction failed");
                }
                Err(Failure::Final(reason) | Failure::RolledBack(reason)) => {
                    tracing::debug!(reason, changes = jobs.len(), "a transaction failed again");
                }
                Ok(()) if !was_working => tracing::info!("writing works again"),
                Ok(()) => {}
            }
            match outcome {
                Err(Failure::RolledBack(_)) if jobs.len() > 1 => {
                    groups.extend(jobs.into_iter().rev().map(|job| vec![job]))
                }
                // Not caused by a change, so retrying the others alone would fail too.
                Err(failure @ Failure::Final(_)) => {
                    let all = groups.drain(..).flatten().chain(jobs);
                    all.for_each(|job| job.finish(Err(&failure)));
                }
                outcome => jobs.into_iter().for_each(|job| job.finish(outcome.as_ref().copied())),
            }
        }
    }
}

/// Applies the changes in one transaction. After a failure the connection is closed: SQLite may have rolled back by itself,
/// of which the driver does not know.
async fn transact(pool: &SqlitePool, jobs: &mut [Box<dyn Job>]) -> Result<(), Failure> {
    let last = |error: &dyn std::fmt::Display| Failure::Final(error.to_string());
    let mut lease = Lease::of(pool).await.map_err(|error| last(&error))?;
    let mut tx = lease
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(|error| last(&error))?;
    for job in jobs {
        apply(&mut tx, job.as_mut()).await.map_err(Failure::RolledBack)?;
    }
    tx.commit().await.map_err(|error| match error {
        sqlx::Error::Database(error) => Failure::RolledBack(error.to_string()),
        error => last(&error),
    })?;
    lease.settle(&Ok(()));
    Ok(())
}

/// Applies a change in a savepoint of its own. The error is that of the whole transaction: without one there is no savepoint
/// to release.
async fn apply(tx: &mut SqliteConnection, job: &mut dyn Job) -> Result<(), String> {
    let run = async |tx: &mut SqliteConnection, sql| {
        let done = Statements::<Sqlite>(tx).execute(sqlx::query(sql)).await;
        done.map(drop).map_err(|error| error.to_string())
    };
    run(tx, "SAVEPOINT change").await?;
    let keep = job.apply(tx).await?;
    if !keep {
        run(tx, "ROLLBACK TO change").await?;
    }
    run(tx, "RELEASE change").await
}

/// Changes nothing. Changes are applied in the order in which they come.
struct Nothing;

impl Transaction for Nothing {
    type Output = ();
    type Refusal = Infallible;

    async fn apply(&self, _: &mut Tx<'_>) -> Result<(), Abort<Infallible>> {
        Ok(())
    }
}

/// Writes a page and leaves nothing behind. It needs what every write needs: the lock, and space on the disk.
struct Probe;

impl Transaction for Probe {
    type Output = ();
    type Refusal = Infallible;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Abort<Infallible>> {
        // Docket does not use this field of the file's header.
        execute!(tx, sqlx::query("PRAGMA user_version = 0"))?;
        Ok(())
    }
}
