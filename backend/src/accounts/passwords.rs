//! Passwords: checking new ones, and hashing with Argon2id on blocking threads, at most one per CPU core, with a bounded queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use shared::account;
use shared::problem::FieldError;
use tokio::sync::Semaphore;

use crate::accounts::password_strength;
use crate::accounts::rate_limit::Permit;
use crate::config::Argon2Cost;
use crate::fault::Fault;
use crate::http::problem::Problem;

/// Maximum number of callers that hash or wait.
const QUEUE_MAX: usize = 256;

/// A valid, normalised new password. Only [`Passwords::check_new_password`] constructs it.
pub struct NewPassword(String);

/// The result of verifying a password.
pub enum Verification {
    /// The password is wrong, or there is no stored password.
    Invalid,
    /// The password is correct.
    Valid {
        /// A hash with the current parameters, if the stored one has others.
        new_hash: Option<String>,
    },
}

/// Checks, hashes and verifies passwords.
pub struct Passwords {
    argon2: Argon2<'static>,
    /// Verified against when there is no account, so that both cases take the same time.
    dummy_hash: String,
    min_length: u32,
    permits: Arc<Semaphore>,
    queued: AtomicUsize,
}

impl Passwords {
    /// `min_length` is the minimum length of new passwords, in characters. Fails if `cost` is invalid or the system has no
    /// random numbers.
    pub fn new(cost: Argon2Cost, min_length: u32) -> Result<Self, Fault> {
        let params = Params::new(cost.memory_kib, cost.iterations, cost.lanes, None).map_err(internal)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let dummy_hash = hash(&argon2, "dummy")?;
        let cores = available_parallelism().map_or(1, usize::from);
        Ok(Self {
            argon2,
            dummy_hash,
            min_length,
            permits: Arc::new(Semaphore::new(cores)),
            queued: AtomicUsize::new(0),
        })
    }

    /// Minimum length of new passwords, in characters.
    pub fn min_length(&self) -> u32 {
        self.min_length
    }

    /// Checks a new password for an account with that name and e-mail address. [`Problem::Invalid`] if it breaks a rule or is
    /// too easy to guess; `field` is its member in the request body.
    pub async fn check_new_password(
        &self,
        password: &str,
        field: &str,
        name: &str,
        email: &str,
    ) -> Result<NewPassword, Problem> {
        let refused = |detail| Problem::Invalid(vec![FieldError::of(field, detail)]);
        let password = account::new_password(password, name, email).map_err(refused)?;
        let min = self.min_length;
        if password.chars().count() < min as usize {
            return Err(refused(format!("A password needs at least {min} characters.")));
        }
        let (name, email) = (name.to_owned(), email.to_owned());
        self.run_blocking(move || {
            let strength = password_strength::check(&password, &name, &email);
            Ok(strength.map(|()| NewPassword(password)))
        })
        .await?
        .map_err(|advice| refused(advice.to_owned()))
    }

    /// Hashes a new password into a PHC string. [`Problem::Busy`] if the queue is full.
    pub async fn hash(&self, NewPassword(password): NewPassword) -> Result<String, Problem> {
        let argon2 = self.argon2.clone();
        self.run_blocking(move || hash(&argon2, &password)).await
    }

    /// Verifies `password` against the hash `stored`. Without a stored hash the result is invalid, in the same time. Only a
    /// failed attempt remains counted in `permit`. [`Problem::Busy`] if the queue is full.
    pub async fn verify(
        &self,
        permit: Permit,
        password: String,
        stored: Option<String>,
    ) -> Result<Verification, Problem> {
        let argon2 = self.argon2.clone();
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.dummy_hash.clone());
        let compared = self
            .run_blocking(move || match compare(&argon2, &password, &stored)? {
                Verification::Valid { .. } if !known => Ok(Verification::Invalid),
                comparison => Ok(comparison),
            })
            .await;
        match compared {
            Ok(Verification::Valid { .. }) => permit.succeeded().await?,
            Ok(Verification::Invalid) => {}
            Err(_) => permit.cancel().await?,
        }
        compared
    }

    async fn run_blocking<T, F>(&self, work: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Fault> + Send + 'static,
    {
        let _slot = QueueSlot::take(&self.queued)?;
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(internal)?;
        tokio::task::spawn_blocking(move || {
            // Held until the work is done, even if the caller is cancelled.
            let _permit = permit;
            work()
        })
        .await
        .map_err(internal)?
        .map_err(Problem::from)
    }
}

/// A slot in the queue, which is freed on drop.
struct QueueSlot<'a>(&'a AtomicUsize);

impl<'a> QueueSlot<'a> {
    fn take(queued: &'a AtomicUsize) -> Result<Self, Problem> {
        let slot = Self(queued);
        if queued.fetch_add(1, Ordering::Relaxed) < QUEUE_MAX {
            Ok(slot)
        } else {
            Err(Problem::Busy)
        }
    }
}

impl Drop for QueueSlot<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn hash(argon2: &Argon2<'_>, password: &str) -> Result<String, Fault> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(internal)?;
    let salt = SaltString::encode_b64(&salt).map_err(internal)?;
    let hash = argon2.hash_password(password.as_bytes(), &salt).map_err(internal)?;
    Ok(hash.to_string())
}

fn compare(argon2: &Argon2<'_>, password: &str, stored: &str) -> Result<Verification, Fault> {
    let stored = PasswordHash::new(stored).map_err(internal)?;
    if argon2.verify_password(password.as_bytes(), &stored).is_err() {
        return Ok(Verification::Invalid);
    }
    let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
    let stored = Params::try_from(&stored).map_err(internal)?;
    let new_hash = (cost(&stored) != cost(argon2.params())).then(|| hash(argon2, password));
    Ok(Verification::Valid {
        new_hash: new_hash.transpose()?,
    })
}

fn internal(error: impl std::fmt::Display) -> Fault {
    // The errors of argon2 do not implement `Error` on every target.
    Fault::internal(format!("hashing a password failed: {error}"))
}
