//! The schema: bringing it up to date, and telling whether it is the one that this version knows.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use sqlx::migrate::{AppliedMigration, Migrate, MigrateError, Migrator};
use sqlx::{Database, Pool};

use super::{DbError, MAX_RETRIES};

/// Pauses between attempts to migrate.
const BACKOFF: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(125))
    .with_max_times(MAX_RETRIES)
    .with_jitter();

/// Where the migrator notes what it has run.
const TABLE: &str = "_sqlx_migrations";

pub(super) fn sqlite() -> Migrator {
    beside_newer(sqlx::migrate!("migrations/sqlite"))
}

pub(super) fn postgres() -> Migrator {
    beside_newer(sqlx::migrate!("migrations/postgres"))
}

/// A migration breaks no server of the version before, so such a server may also start after it: by a restart while servers
/// are replaced one by one, or because of a rollback to the older version.
fn beside_newer(mut migrator: Migrator) -> Migrator {
    migrator.set_ignore_missing(true);
    migrator
}

/// Runs the migrations that the database has not seen. Failures that are `worth_retry` are retried with back-off.
pub(super) async fn migrate<DB>(
    migrator: &Migrator,
    pool: &Pool<DB>,
    worth_retry: fn(&DbError) -> bool,
) -> Result<(), DbError>
where
    DB: Database,
    DB::Connection: Migrate,
{
    let run = || async {
        migrator.run(pool).await.map_err(failure)?;
        let applied = pool
            .acquire()
            .await?
            .list_applied_migrations(TABLE)
            .await
            .map_err(failure)?;
        if has_newer(migrator, &applied) {
            tracing::warn!(
                "the database was updated by a newer version of Docket; this one works with it as far as it knows it"
            );
        }
        Ok(())
    };
    run.retry(BACKOFF)
        .when(worth_retry)
        .notify(|error, pause| tracing::warn!(%error, ?pause, "the database is not ready; trying again"))
        .await
}

/// Checks that the database has exactly the migrations that this version knows. Changes nothing.
pub(super) async fn check<DB>(migrator: &Migrator, pool: &Pool<DB>) -> Result<(), DbError>
where
    DB: Database,
    DB::Connection: Migrate,
{
    let applied = match pool.acquire().await?.list_applied_migrations(TABLE).await {
        Err(MigrateError::Execute(sqlx::Error::Database(_))) => {
            return Err(DbError::Schema(
                "no server has started on this database. Set DATABASE_URL as the server has it",
            ));
        }
        applied => applied.map_err(failure)?,
    };
    if has_newer(migrator, &applied) {
        return Err(DbError::Schema(
            "the database is newer than this program. Use the docket of the version that the server runs",
        ));
    }
    if migrator
        .iter()
        .any(|known| applied.iter().all(|applied| applied.version != known.version))
    {
        return Err(DbError::Schema(
            "the database is older than this program. Start a server of this version once, which updates the database, \
             or use the docket of the version that the server runs",
        ));
    }
    Ok(())
}

fn has_newer(migrator: &Migrator, applied: &[AppliedMigration]) -> bool {
    applied.iter().any(|applied| !migrator.version_exists(applied.version))
}

fn failure(error: MigrateError) -> DbError {
    match error {
        MigrateError::Execute(error) => error.into(),
        other => DbError::Failed(sqlx::Error::Migrate(Box::new(other))),
    }
}
