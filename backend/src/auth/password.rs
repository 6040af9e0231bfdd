//! Password hashing: argon2id, off the async threads, behind a queue that is as wide as the cores.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::problem::Problem;

/// 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// The most callers that may wait for their turn.
const QUEUE_MAX: usize = 256;

/// Hashes and compares passwords.
pub struct Passwords {
    argon2: Argon2<'static>,
    /// What a password is compared with when there is no account, so that both cases take the same time.
    nobody: String,
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl Passwords {
    /// Fails only when the system has no randomness or the parameters are wrong.
    pub fn new() -> Result<Self, Problem> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(internal)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobody = hash(&argon2, "nobody has this password")?;
        let cores = available_parallelism().map_or(1, usize::from);
        Ok(Self {
            argon2,
            nobody,
            turns: Arc::new(Semaphore::new(cores)),
            waiting: AtomicUsize::new(0),
        })
    }

    /// The PHC string of a new password. [`Problem::Busy`] when too many wait.
    pub async fn hash(&self, password: String) -> Result<String, Problem> {
        let argon2 = self.argon2.clone();
        self.in_turn(move || hash(&argon2, &password)).await
    }

    /// Whether `password` is the one behind `stored`. Without a stored one the answer is no, after the same time.
    pub async fn matches(&self, password: String, stored: Option<String>) -> Result<bool, Problem> {
        let argon2 = self.argon2.clone();
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.nobody.clone());
        self.in_turn(move || {
            let stored = PasswordHash::new(&stored).map_err(internal)?;
            Ok(argon2.verify_password(password.as_bytes(), &stored).is_ok() && known)
        })
        .await
    }

    async fn in_turn<T, F>(&self, work: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Problem> + Send + 'static,
    {
        let _place = Place::take(&self.waiting)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(internal)?;
        tokio::task::spawn_blocking(move || {
            // Kept until the work is done, even when the caller has gone away.
            let _turn = turn;
            work()
        })
        .await
        .map_err(internal)?
    }
}

/// A place in the queue, given back when it is dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Result<Self, Problem> {
        let place = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) < QUEUE_MAX {
            Ok(place)
        } else {
            Err(Problem::Busy)
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn hash(argon2: &Argon2<'_>, password: &str) -> Result<String, Problem> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(internal)?;
    let salt = SaltString::encode_b64(&salt).map_err(internal)?;
    let hash = argon2.hash_password(password.as_bytes(), &salt).map_err(internal)?;
    Ok(hash.to_string())
}

fn internal(error: impl std::fmt::Display) -> Problem {
    Problem::internal("a password could not be hashed", error)
}
