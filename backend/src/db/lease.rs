//! Connections of a pool, of which only sound ones go back.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Database, Pool};

use super::DbError;

/// How long the pool may test a connection that is given back.
const RETURN: Duration = Duration::from_secs(5);

/// A connection of a pool. It is closed when it is dropped, as on a panic or a deadline: what it was doing then is not known.
/// [`Lease::settle`] gives it back.
pub(super) struct Lease<DB: Database> {
    connection: PoolConnection<DB>,
    is_sound: bool,
}

impl<DB: Database> Lease<DB> {
    /// Waits for a connection.
    pub(super) async fn of(pool: &Pool<DB>) -> Result<Self, DbError> {
        Ok(Self {
            connection: pool.acquire().await?,
            is_sound: false,
        })
    }

    /// Gives the connection back, unless `result` says that it broke.
    pub(super) fn settle<T>(mut self, result: &Result<T, DbError>) {
        self.is_sound = !matches!(result, Err(DbError::Unreachable(_)));
        if self.is_sound {
            // The pool pings the connection before reuse, without a timeout of its own: a connection that stops responding then
            // would never free its slot. sqlx does not document `return_to_pool`: check it when sqlx is updated.
            tokio::spawn(tokio::time::timeout(RETURN, self.connection.return_to_pool()));
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
        if !self.is_sound {
            self.connection.close_on_drop();
        }
    }
}
