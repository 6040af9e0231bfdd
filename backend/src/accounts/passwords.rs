//! Passwords: which new ones are admitted, and hashing with argon2id, off the async threads, behind a queue that is as wide
//! as the cores.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use shared::account;
use shared::problem::FieldError;
use tokio::sync::Semaphore;

use crate::accounts::rate_limit::Permit;
use crate::config::Argon2Cost;
use crate::fault::Fault;
use crate::http::problem::Problem;

/// The most callers that may wait for their turn.
const QUEUE_MAX: usize = 256;
/// A password that is guessed in so many tries is refused. The 3,000th of those with eight or more characters is number
/// 8,949 in zxcvbn's list of common passwords.
const GUESSES_MIN: u64 = 9_000;

/// A new password that follows the rules, in normal form. Only [`Passwords::admit`] makes one.
pub struct NewPassword(String);

/// What a comparison says.
pub enum Comparison {
    /// It is another password, or there is none.
    Wrong,
    /// It is the password.
    Right {
        /// The hash to store instead, when the stored one was made at another cost.
        rehashed: Option<String>,
    },
}

/// Admits, hashes and compares passwords.
pub struct Passwords {
    argon2: Argon2<'static>,
    /// What a password is compared with when there is no account, so that both cases take the same time.
    nobody: String,
    min_length: u32,
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl Passwords {
    /// New passwords have `min_length` characters or more. Fails only when the system has no randomness or the cost is none
    /// that argon2 knows.
    pub fn new(cost: Argon2Cost, min_length: u32) -> Result<Self, Fault> {
        let params = Params::new(cost.memory_kib, cost.iterations, cost.lanes, None).map_err(internal)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobody = hash(&argon2, "nobody has this password")?;
        let cores = available_parallelism().map_or(1, usize::from);
        Ok(Self {
            argon2,
            nobody,
            min_length,
            turns: Arc::new(Semaphore::new(cores)),
            waiting: AtomicUsize::new(0),
        })
    }

    /// The shortest new password, in characters.
    pub fn min_length(&self) -> u32 {
        self.min_length
    }

    /// A new password for the account of that name and e-mail address, or [`Problem::Invalid`]. `field` is the member of
    /// the body that it came in.
    pub async fn admit(&self, password: &str, field: &str, name: &str, email: &str) -> Result<NewPassword, Problem> {
        let refused = |detail| Problem::Invalid(vec![FieldError::of(field, detail)]);
        let password = account::new_password(password, name, email).map_err(refused)?;
        let min = self.min_length;
        if password.chars().count() < min as usize {
            return Err(refused(format!("A password needs at least {min} characters.")));
        }
        let guessed = password.to_lowercase();
        let guesses = self
            .in_turn(move || Ok(zxcvbn::zxcvbn(&guessed, &[]).guesses()))
            .await?;
        if guesses <= GUESSES_MIN {
            return Err(refused(
                "This password is among the first that attackers try. Several words that do not belong together are \
                 hard to guess and easy to keep in mind."
                    .to_owned(),
            ));
        }
        Ok(NewPassword(password))
    }

    /// The PHC string of a new password. [`Problem::Busy`] when too many wait.
    pub async fn hash(&self, NewPassword(password): NewPassword) -> Result<String, Problem> {
        let argon2 = self.argon2.clone();
        self.in_turn(move || hash(&argon2, &password)).await
    }

    /// Compares `password` with the one behind `stored`; without a stored one it is wrong, after the same time. Only a wrong
    /// one stays counted. [`Problem::Busy`] when too many wait.
    pub async fn verify(
        &self,
        permit: Permit,
        password: String,
        stored: Option<String>,
    ) -> Result<Comparison, Problem> {
        let argon2 = self.argon2.clone();
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.nobody.clone());
        let compared = self
            .in_turn(move || match compare(&argon2, &password, &stored)? {
                Comparison::Right { .. } if !known => Ok(Comparison::Wrong),
                comparison => Ok(comparison),
            })
            .await;
        match compared {
            Ok(Comparison::Right { .. }) => permit.succeeded().await?,
            Ok(Comparison::Wrong) => {}
            Err(_) => permit.not_judged().await?,
        }
        compared
    }

    async fn in_turn<T, F>(&self, work: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Fault> + Send + 'static,
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
        .map_err(Problem::from)
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

fn hash(argon2: &Argon2<'_>, password: &str) -> Result<String, Fault> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(internal)?;
    let salt = SaltString::encode_b64(&salt).map_err(internal)?;
    let hash = argon2.hash_password(password.as_bytes(), &salt).map_err(internal)?;
    Ok(hash.to_string())
}

fn compare(argon2: &Argon2<'_>, password: &str, stored: &str) -> Result<Comparison, Fault> {
    let stored = PasswordHash::new(stored).map_err(internal)?;
    if argon2.verify_password(password.as_bytes(), &stored).is_err() {
        return Ok(Comparison::Wrong);
    }
    let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
    let stored = Params::try_from(&stored).map_err(internal)?;
    let rehashed = (cost(&stored) != cost(argon2.params())).then(|| hash(argon2, password));
    Ok(Comparison::Right {
        rehashed: rehashed.transpose()?,
    })
}

fn internal(error: impl std::fmt::Display) -> Fault {
    // The errors of argon2 do not implement `Error` for every target.
    Fault::internal(format!("a password could not be hashed: {error}"))
}
