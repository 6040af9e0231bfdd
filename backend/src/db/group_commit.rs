//! SQLite's one writer. What waits together is committed together: each change is a savepoint of one transaction,
//! and each caller is answered after the commit, so a durable write costs a share of one `fsync`.

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
use super::{DbError, Either, Tx, Write, execute, now};

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

    /// Applies `write`; the answer comes after the commit.
    pub(super) async fn write<W: Write>(&self, write: W) -> Result<W::Out, DbError> {
        let gone = || DbError::Unavailable("the writer has stopped".to_owned());
        let (job, answer) = Pending::new(write);
        self.jobs.send(job).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Waits until every change that was handed over before is committed or has failed.
    pub(super) async fn drain(&self) -> Result<(), DbError> {
        self.write(Nothing).await
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

struct Pending<W: Write> {
    write: W,
    result: Option<Result<W::Out, DbError>>,
    reply: oneshot::Sender<Result<W::Out, DbError>>,
}

impl<W: Write> Pending<W> {
    fn new(write: W) -> (Box<Self>, oneshot::Receiver<Result<W::Out, DbError>>) {
        let (reply, answer) = oneshot::channel();
        let result = None;
        (Box::new(Self { write, result, reply }), answer)
    }
}

impl<W: Write> Job for Pending<W> {
    fn apply<'a>(&'a mut self, connection: &'a mut SqliteConnection) -> Applied<'a> {
        Box::pin(async move {
            let result = self.write.apply(&mut Either::Sqlite(Statements(connection))).await;
            match self.result.insert(result) {
                // The connection may be at fault, as one that was opened while the file was read-only, so it must not be used
                // again. A command that is sent to a worker that crashed may never be answered.
                Err(DbError::Unreachable(reason) | DbError::Unavailable(reason)) => Err(reason.clone()),
                result => Ok(result.is_ok()),
            }
        })
    }

    fn finish(self: Box<Self>, outcome: Result<(), &Failure>) {
        let result = match (self.result, outcome) {
            (Some(result), Ok(())) => result,
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
    // A panic in one change must not end the writer.
    let applied = AssertUnwindSafe(job.apply(tx)).catch_unwind().await;
    let keep = applied.map_err(|_| "a change panicked".to_owned())??;
    if !keep {
        run(tx, "ROLLBACK TO change").await?;
    }
    run(tx, "RELEASE change").await
}

/// Changes nothing. Changes are applied in the order in which they come.
struct Nothing;

impl Write for Nothing {
    type Out = ();

    async fn apply(&self, _: &mut Tx<'_>) -> Result<(), DbError> {
        Ok(())
    }
}

/// Writes a page and leaves nothing behind. It needs what every write needs: the lock, and space on the disk.
struct Probe;

impl Write for Probe {
    type Out = ();

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        const INSERT: &str = "INSERT INTO throttles (key, hits, retry_at, expires_at) VALUES ($1, 0, $2, $2)";
        const DELETE: &str = "DELETE FROM throttles WHERE key = $1";
        let key = b"probe".as_slice();
        execute!(tx, sqlx::query(INSERT).bind(key).bind(now()))?;
        execute!(tx, sqlx::query(DELETE).bind(key))?;
        Ok(())
    }
}
