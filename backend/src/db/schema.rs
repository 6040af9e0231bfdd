//! The schema: running migrations, and checking the schema version.

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

/// The migrator's table of applied migrations.
const TABLE: &str = "_sqlx_migrations";

pub(super) fn sqlite() -> Migrator {
    ignore_newer(sqlx::migrate!("migrations/sqlite"))
}

pub(super) fn postgres() -> Migrator {
    ignore_newer(sqlx::migrate!("migrations/postgres"))
}

/// Allows migrations of newer versions in the database. A migration is compatible with servers of the version before, so such
/// a server may start after it: during a rolling update, or after a rollback.
fn ignore_newer(mut migrator: Migrator) -> Migrator {
    migrator.set_ignore_missing(true);
    migrator
}

/// Runs pending migrations. Failures that are `is_retryable` are retried with back-off.
pub(super) async fn migrate<DB>(
    migrator: &Migrator,
    pool: &Pool<DB>,
    is_retryable: fn(&DbError) -> bool,
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
                "the database was migrated by a newer version of Docket; this version ignores what it does not know"
            );
        }
        Ok(())
    };
    run.retry(BACKOFF)
        .when(is_retryable)
        .notify(|error, pause| tracing::warn!(%error, ?pause, "the database is not ready; trying again"))
        .await
}

/// Checks that exactly the migrations of this version are applied. Does not write.
pub(super) async fn check<DB>(migrator: &Migrator, pool: &Pool<DB>) -> Result<(), DbError>
where
    DB: Database,
    DB::Connection: Migrate,
{
    let applied = match pool.acquire().await?.list_applied_migrations(TABLE).await {
        Err(MigrateError::Execute(sqlx::Error::Database(_))) => {
            return Err(DbError::Schema(
                "no server has started on this database. Set DATABASE_URL to the value that the server uses",
            ));
        }
        applied => applied.map_err(failure)?,
    };
    if has_newer(migrator, &applied) {
        return Err(DbError::Schema(
            "the database is newer than this program. Use the docket binary of the version that the server runs",
        ));
    }
    if migrator
        .iter()
        .any(|known| applied.iter().all(|applied| applied.version != known.version))
    {
        return Err(DbError::Schema(
            "the database is older than this program. Start a server of this version once, which migrates the database, \
             or use the docket binary of the version that the server runs",
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
