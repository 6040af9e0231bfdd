//! Whether a session is alive, asked by every request. Requests that ask at the same moment share one query: the hand-over
//! to the database is what costs, not the row. Each answer is from after its question, so a session that has ended is
//! refused at once, on every server.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use tokio::sync::{Semaphore, mpsc, oneshot};
use uuid::Uuid;

use crate::accounts::user_id::UserId;
use crate::db::{Db, DbError, now, on_database};

/// How many sessions one query asks for: few sizes, so that few statements are prepared.
const SIZES: [usize; 3] = [1, 8, 64];
/// The statement of each size: every request comes by here, so they are written once.
static STATEMENTS: LazyLock<[(usize, String); 3]> = LazyLock::new(|| SIZES.map(|size| (size, statement(size))));
/// The most questions that may wait; more callers wait for a place.
const QUEUE_MAX: usize = 4096;

/// A session that is alive.
#[derive(Clone, Debug, FromRow)]
pub struct LiveSession {
    id: Uuid,
    /// Whose it is.
    pub user_id: UserId,
    /// The owner's revision when the question was answered.
    pub revision: i64,
    /// The owner's token version at that moment: a token of another one is worth nothing.
    pub token_version: i64,
    /// When the password was last proved in the session.
    pub authenticated_at: DateTime<Utc>,
}

type Answer = Result<Option<LiveSession>, DbError>;
type Question = (Uuid, oneshot::Sender<Answer>);

/// Asks for sessions. Cheap to clone.
#[derive(Clone)]
pub struct SessionCheck {
    questions: mpsc::Sender<Question>,
    timeout: Duration,
}

impl SessionCheck {
    /// The task behind it ends when the last `SessionCheck` is dropped. An answer may take `timeout`, the wait for others
    /// included.
    pub fn start(db: Db, timeout: Duration) -> Self {
        let (questions, receiver) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(answer_all(db, receiver));
        Self { questions, timeout }
    }

    /// The session, unless it has ended or its user is gone.
    pub async fn find(&self, session: Uuid) -> Answer {
        let answer = tokio::time::timeout(self.timeout, self.ask(session)).await;
        answer.unwrap_or_else(|_| Err(DbError::Unavailable("the session check takes too long".to_owned())))
    }

    async fn ask(&self, session: Uuid) -> Answer {
        let gone = || DbError::Unavailable("the session check has stopped".to_owned());
        let (reply, answer) = oneshot::channel();
        self.questions.send((session, reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

async fn answer_all(db: Db, mut waiting: mpsc::Receiver<Question>) {
    let lanes = Arc::new(Semaphore::new(db.query_concurrency()));
    loop {
        // While every lane is busy the questions gather.
        let Ok(lane) = Arc::clone(&lanes).acquire_owned().await else {
            return;
        };
        let mut questions = Vec::new();
        if waiting.recv_many(&mut questions, SIZES[2]).await == 0 {
            return;
        }
        let db = db.clone();
        tokio::spawn(async move {
            answer(&db, questions).await;
            drop(lane);
        });
    }
}

async fn answer(db: &Db, questions: Vec<Question>) {
    let found = find_all(db, &questions).await.map_err(|error| error.to_string());
    for (session, reply) in questions {
        let answer = match &found {
            Ok(found) => Ok(found.get(&session).cloned()),
            Err(reason) => Err(DbError::Unavailable(reason.clone())),
        };
        // A caller that went away does not need the answer.
        let _ = reply.send(answer);
    }
}

/// `$1` is the time, what follows are `size` sessions.
fn statement(size: usize) -> String {
    let places: Vec<String> = (2..size + 2).map(|place| format!("${place}")).collect();
    format!(
        "SELECT s.id, s.user_id, s.authenticated_at, u.revision, u.token_version FROM sessions s JOIN users u ON u.id = s.user_id \
         WHERE s.expires_at > $1 AND s.id IN ({})",
        places.join(", ")
    )
}

async fn find_all(db: &Db, questions: &[Question]) -> Result<HashMap<Uuid, LiveSession>, DbError> {
    let mut ids: Vec<Uuid> = questions.iter().map(|(id, _)| *id).collect();
    ids.sort_unstable();
    ids.dedup();
    let [.., largest] = &*STATEMENTS;
    let (size, sql) = STATEMENTS
        .iter()
        .find(|(size, _)| ids.len() <= *size)
        .unwrap_or(largest);
    // Repeating one of them fills the statement up without changing the answer.
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
