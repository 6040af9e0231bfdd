//! The table `identities`: which account a token from outside leads to.

use sqlx::FromRow;
use uuid::Uuid;

use super::{Db, DbError, Tx, Write, execute, now, on, users};
use crate::issuer::Outsider;

/// The account of an outsider.
#[derive(Clone, Debug, FromRow)]
pub struct Mapped {
    /// Its id.
    pub user_id: String,
    /// Its revision.
    pub revision: i64,
}

struct Admit(Outsider);

impl Write for Admit {
    type Out = ();

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        const FIND: &str = "SELECT count(*) FROM identities WHERE issuer = $1 AND subject = $2";
        const INSERT: &str = "INSERT INTO identities (issuer, subject, user_id, created_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (issuer, subject) DO NOTHING";
        let Outsider { issuer, subject } = &self.0;
        let (known,): (i64,) = on!(tx, c => c.one(sqlx::query(FIND).bind(issuer).bind(subject)).await)?;
        if known > 0 {
            return Ok(());
        }
        let user_id = if users::insert_bare(tx, subject).await? || is_unclaimed(tx, subject).await? {
            subject.clone()
        } else {
            // The id belongs to somebody else, who must not be found in a stranger's token.
            let id = Uuid::now_v7().to_string();
            users::insert_bare(tx, &id).await?;
            id
        };
        let inserted = execute!(
            tx,
            sqlx::query(INSERT).bind(issuer).bind(subject).bind(user_id).bind(now())
        )?;
        if inserted == 0 {
            return Err(DbError::LostRace("the outsider was admitted meanwhile".to_owned()));
        }
        Ok(())
    }
}

/// Whether the account came with an outside token when there were no identities yet. It is held, so that of two outsiders with
/// the same subject one gets it.
async fn is_unclaimed(tx: &mut Tx<'_>, user_id: &str) -> Result<bool, DbError> {
    const SQL: &str = "SELECT count(*) FROM identities WHERE user_id = $1";
    if !users::hold_bare(tx, user_id).await? {
        return Ok(false);
    }
    let (identities,): (i64,) = on!(tx, c => c.one(sqlx::query(SQL).bind(user_id)).await)?;
    Ok(identities == 0)
}

impl Db {
    /// The account that an outsider leads to.
    pub async fn mapped(&self, outsider: &Outsider) -> Result<Option<Mapped>, DbError> {
        const SQL: &str = "SELECT i.user_id, u.revision FROM identities i JOIN users u ON u.id = i.user_id \
             WHERE i.issuer = $1 AND i.subject = $2";
        on!(self.read(), db => db.optional(sqlx::query(SQL)
            .bind(&outsider.issuer)
            .bind(&outsider.subject)).await)
    }

    /// Makes sure that an outsider leads to an account: a new one, never one that somebody made here. Its id is the subject,
    /// unless another account has that id.
    pub async fn admit(&self, outsider: Outsider) -> Result<(), DbError> {
        self.write(Admit(outsider)).await
    }
}
