//! Pooled connections that are closed instead of returned when their state is unknown.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Database, Pool};

use super::DbError;

/// Timeout of returning a connection to the pool, which pings it.
const RETURN_TIMEOUT: Duration = Duration::from_secs(5);

/// A pooled connection. [`Lease::release`] returns it to the pool. If it is dropped instead, as on a panic or a timeout, it is
/// closed, because its protocol state is unknown.
pub(super) struct Lease<DB: Database> {
    connection: PoolConnection<DB>,
    is_healthy: bool,
}

impl<DB: Database> Lease<DB> {
    /// Acquires a connection from the pool.
    pub(super) async fn acquire(pool: &Pool<DB>) -> Result<Self, DbError> {
        Ok(Self {
            connection: pool.acquire().await?,
            is_healthy: false,
        })
    }

    /// Returns the connection to the pool, or closes it if `result` is [`DbError::Unreachable`].
    pub(super) fn release<T>(mut self, result: &Result<T, DbError>) {
        self.is_healthy = !matches!(result, Err(DbError::Unreachable(_)));
        if self.is_healthy {
            // The pool pings the connection without a timeout: a connection that stops responding would occupy its slot for
            // ever. sqlx does not document `return_to_pool`: check it when sqlx is updated.
            tokio::spawn(tokio::time::timeout(RETURN_TIMEOUT, self.connection.return_to_pool()));
        }
    }
}

impl<DB: Database> Deref for Lease<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &DB::Connection {
        &self.connection
    }
}

impl<DB: Database> DerefMut for Lease<DB> {
    fn deref_mut(&mut self) -> &mut DB::Connection {
        &mut self.connection
    }
}

impl<DB: Database> Drop for Lease<DB> {
    fn drop(&mut self) {
        if !self.is_healthy {
            self.connection.close_on_drop();
        }
    }
}
