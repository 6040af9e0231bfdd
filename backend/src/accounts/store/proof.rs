//! Proofs of identity, which changes of an account require.

use crate::accounts::store::users::UserRow;
use crate::accounts::user_id::UserId;
use crate::db::{Abort, Tx, execute};

/// A user whose password, code or access token has been verified, with the token version that was read before the
/// verification.
///
/// The user is available in a transaction only, by [`Proof::lock`], which compares the version. So no change can be authorized by
/// credentials that were changed while it was verified.
#[derive(Clone, Debug)]
pub struct Proof {
    user: UserId,
    token_version: i64,
}

/// The credentials were changed, or the account was deleted, since they were verified.
#[derive(Debug)]
pub struct Stale;

impl Proof {
    /// The caller has verified the credentials of `user`, which is the row from before the verification.
    pub fn of(user: &UserRow) -> Self {
        Self::at_version(user.id.clone(), user.token_version)
    }

    /// The caller has verified an access token of `user` with the claim `token_version`.
    pub fn at_version(user: UserId, token_version: i64) -> Self {
        Self { user, token_version }
    }

    /// Locks the row of the user until the transaction ends. [`Stale`] if the token version is another one.
    pub(super) async fn lock<R: From<Stale>>(&self, tx: &mut Tx<'_>) -> Result<&UserId, Abort<R>> {
        const SQL: &str = "UPDATE users SET token_version = token_version WHERE id = $1 AND token_version = $2";
        let locked = execute!(tx, sqlx::query(SQL).bind(&self.user).bind(self.token_version))?;
        if locked > 0 {
            Ok(&self.user)
        } else {
            Err(Abort::Refused(Stale.into()))
        }
    }
}
