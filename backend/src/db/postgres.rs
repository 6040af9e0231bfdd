//! PostgreSQL: connecting, and writing in transactions.

use std::str::FromStr;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, Postgres};
use sqlx::{Connection, Executor, PgConnection};

use super::circuit_breaker::CircuitBreaker;
use super::lease::Lease;
use super::statement::Statements;
use super::{Abort, DbError, MAX_RETRIES, OnDatabase, Transaction, certificate, schema};
use crate::config::DatabaseConfig;

/// Pauses between attempts of a transaction. With jitter, transactions that failed on each other do not meet again.
const BACKOFF: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(5))
    .with_max_times(MAX_RETRIES)
    .with_jitter();

/// A connected database. Cheap to clone.
#[derive(Clone)]
pub(super) struct PostgresDb {
    pub(super) pool: PgPool,
    pub(super) breaker: CircuitBreaker,
    deadline: Duration,
}

impl PostgresDb {
    /// Connects lazily. Every operation has the timeout of `config`.
    pub(super) fn new(config: &DatabaseConfig<'_>) -> Result<Self, DbError> {
        let deadline = config.timeout;
        let options = PgConnectOptions::from_str(config.url)?.application_name("docket");
        certificate::warn_if_unverified(&options);
        let pool = pool_options(deadline)
            .max_connections(config.max_connections)
            .min_connections(0)
            .idle_timeout(Duration::from_secs(60))
            .after_connect(move |connection, _| Box::pin(limit_session(connection, deadline)))
            .connect_lazy_with(options.clone());
        let breaker = CircuitBreaker::new(pool.clone(), options, deadline);
        Ok(Self {
            pool,
            breaker,
            deadline,
        })
    }

    /// Runs pending migrations.
    pub(super) async fn migrate(&self) -> Result<(), DbError> {
        // Without a statement timeout: a migration, or waiting for another server's migration, may take longer than a request.
        let options = self.pool.connect_options();
        let pool = pool_options(self.deadline)
            .max_connections(1)
            .connect_lazy_with((*options).clone());
        // A suspended database needs a moment to start.
        let is_unavailable = |error: &DbError| matches!(error, DbError::Unavailable(_) | DbError::Unreachable(_));
        let migrated = schema::migrate(&schema::postgres(), &pool, is_unavailable).await;
        pool.close().await;
        migrated
    }

    /// Checks that the schema is the one of this version.
    pub(super) async fn check_schema(&self) -> Result<(), DbError> {
        schema::check(&schema::postgres(), &self.pool).await
    }

    /// Closes the connections.
    pub(super) async fn close(&self) -> Result<(), DbError> {
        self.pool.close().await;
        Ok(())
    }

    /// Runs a transaction, and retries it after a serialization failure.
    pub(super) async fn transact<T: Transaction>(
        &self,
        transaction: &T,
    ) -> Result<Result<T::Output, T::Refusal>, DbError> {
        let attempt = || self.try_transact(transaction);
        let attempts = attempt
            .retry(BACKOFF)
            .when(|error| matches!(error, DbError::SerializationFailure(_)));
        self.breaker.run(attempts).await
    }

    async fn try_transact<T: Transaction>(&self, transaction: &T) -> Result<Result<T::Output, T::Refusal>, DbError> {
        let mut lease = Lease::acquire(&self.pool).await?;
        let result = apply(&mut lease, transaction).await;
        lease.release(&result);
        result
    }
}

async fn apply<T: Transaction>(
    connection: &mut PgConnection,
    transaction: &T,
) -> Result<Result<T::Output, T::Refusal>, DbError> {
    let mut tx = connection.begin().await?;
    let statements = Statements::<Postgres>(&mut tx);
    let applied = Abort::split(transaction.apply(&mut OnDatabase::Postgres(statements)).await)?;
    match &applied {
        Ok(output) => {
            tx.commit().await?;
            transaction.committed(output);
        }
        Err(_) => tx.rollback().await?,
    }
    Ok(applied)
}

/// Acquiring a connection may take half of the deadline.
fn pool_options(deadline: Duration) -> PgPoolOptions {
    PgPoolOptions::new().acquire_timeout(deadline / 2)
}

/// Sets timeouts on the server side. They are set by a statement, because connection poolers reject them as startup parameters.
/// `statement_timeout` is below the deadline, so that a statement that waits for a lock fails with a database error and does
/// not count as an outage. The others end the transaction of a client that disappeared, which would keep its locks, and keep
/// NAT mappings alive. Parameters that the database does not have are skipped.
async fn limit_session(connection: &mut PgConnection, deadline: Duration) -> Result<(), sqlx::Error> {
    let deadline = deadline.as_millis();
    let statement = deadline * 4 / 5;
    let sql = format!(
        "SELECT set_config(name, value, false) FROM pg_settings JOIN (VALUES \
         ('statement_timeout', '{statement}'), ('idle_in_transaction_session_timeout', '{deadline}'), \
         ('tcp_user_timeout', '{deadline}'), ('tcp_keepalives_idle', '30'), ('tcp_keepalives_interval', '10'), \
         ('tcp_keepalives_count', '3')) AS limits (name, value) USING (name)"
    );
    connection.execute(sqlx::AssertSqlSafe(sql)).await?;
    Ok(())
}
