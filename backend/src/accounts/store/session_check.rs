//! The session check of every request. Concurrent lookups are batched into one query, because the round trip to the database
//! costs more than a row. Each query starts after its lookups were requested, so a revoked session is rejected immediately, on
//! every server.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use tokio::sync::{Semaphore, mpsc, oneshot};
use uuid::Uuid;

use crate::accounts::user_id::UserId;
use crate::db::{Db, DbError, now, on_database};

/// Numbers of sessions per query. There are few, so that few statements are prepared.
const BATCH_SIZES: [usize; 3] = [1, 8, 64];
/// The statement of each batch size, built once.
static STATEMENTS: LazyLock<[(usize, String); 3]> = LazyLock::new(|| BATCH_SIZES.map(|size| (size, statement(size))));
/// Capacity of the queue. Further callers wait until there is space.
const QUEUE_MAX: usize = 4096;

/// A session that has not ended.
#[derive(Clone, Debug, FromRow)]
pub struct LiveSession {
    id: Uuid,
    /// The owner.
    pub user_id: UserId,
    /// The owner's current revision.
    pub revision: i64,
    /// The owner's current token version. Access tokens with another version are invalid.
    pub token_version: i64,
    /// When the password was last verified in the session.
    pub authenticated_at: DateTime<Utc>,
}

type LookupResult = Result<Option<LiveSession>, DbError>;
type Lookup = (Uuid, oneshot::Sender<LookupResult>);

/// Looks up sessions. Cheap to clone.
#[derive(Clone)]
pub struct SessionCheck {
    lookups: mpsc::Sender<Lookup>,
    timeout: Duration,
}

impl SessionCheck {
    /// Spawns the task that runs the queries. It ends when the last `SessionCheck` is dropped. `timeout` is the maximum time of a
    /// lookup, including the time in the queue.
    pub fn start(db: Db, timeout: Duration) -> Self {
        let (lookups, receiver) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(run(db, receiver));
        Self { lookups, timeout }
    }

    /// The session; none if it has ended or its user was deleted.
    pub async fn find(&self, session: Uuid) -> LookupResult {
        let result = tokio::time::timeout(self.timeout, self.enqueue(session)).await;
        result.unwrap_or_else(|_| Err(DbError::Unavailable("the session check timed out".to_owned())))
    }

    async fn enqueue(&self, session: Uuid) -> LookupResult {
        let stopped = || DbError::Unavailable("the session check has stopped".to_owned());
        let (reply, result) = oneshot::channel();
        self.lookups.send((session, reply)).await.map_err(|_| stopped())?;
        result.await.map_err(|_| stopped())?
    }
}

async fn run(db: Db, mut queue: mpsc::Receiver<Lookup>) {
    let permits = Arc::new(Semaphore::new(db.query_concurrency()));
    loop {
        // While all permits are taken, lookups accumulate in the queue.
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
            return;
        };
        let mut lookups = Vec::new();
        if queue.recv_many(&mut lookups, BATCH_SIZES[2]).await == 0 {
            return;
        }
        let db = db.clone();
        tokio::spawn(async move {
            run_batch(&db, lookups).await;
            drop(permit);
        });
    }
}

async fn run_batch(db: &Db, lookups: Vec<Lookup>) {
    let found = find_all(db, &lookups).await.map_err(|error| error.to_string());
    for (session, reply) in lookups {
        let result = match &found {
            Ok(found) => Ok(found.get(&session).cloned()),
            Err(reason) => Err(DbError::Unavailable(reason.clone())),
        };
        // The send fails if the caller was cancelled.
        let _ = reply.send(result);
    }
}

/// The query for `size` sessions. `$1` is the current time; the session ids follow.
fn statement(size: usize) -> String {
    let parameters: Vec<String> = (2..size + 2).map(|index| format!("${index}")).collect();
    format!(
        "SELECT s.id, s.user_id, s.authenticated_at, u.revision, u.token_version FROM sessions s JOIN users u ON u.id = s.user_id \
         WHERE s.expires_at > $1 AND s.id IN ({})",
        parameters.join(", ")
    )
}

async fn find_all(db: &Db, lookups: &[Lookup]) -> Result<HashMap<Uuid, LiveSession>, DbError> {
    let mut ids: Vec<Uuid> = lookups.iter().map(|(id, _)| *id).collect();
    ids.sort_unstable();
    ids.dedup();
    let [.., largest] = &*STATEMENTS;
    let (size, sql) = STATEMENTS
        .iter()
        .find(|(size, _)| ids.len() <= *size)
        .unwrap_or(largest);
    // Unused parameters repeat an id, which does not change the result.
    let filler = ids.first().copied().unwrap_or_default();
    ids.resize(*size, filler);
    let found: Vec<LiveSession> = on_database!(db.read(), reader => {
        let mut query = sqlx::query(sql.as_str()).bind(now());
        for id in &ids {
            query = query.bind(*id);
        }
        reader.all(query).await
    })?;
    Ok(found.into_iter().map(|session| (session.id, session)).collect())
}
