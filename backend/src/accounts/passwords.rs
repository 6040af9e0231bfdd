//! Passwords: checking new ones, and hashing with Argon2id on blocking threads, at most one per CPU core, in a fair queue.

use std::thread::available_parallelism;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use shared::account;
use shared::problem::FieldError;

use crate::accounts::fair_queue::Requester;
use crate::accounts::hash_queue::HashQueue;
use crate::accounts::password_strength;
use crate::accounts::rate_limit::Permit;
use crate::config::Argon2Cost;
use crate::fault::Fault;
use crate::http::client::Client;
use crate::http::problem::Problem;

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
    queue: HashQueue,
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
            queue: HashQueue::new(cores),
        })
    }

    /// Minimum length of new passwords, in characters.
    pub fn min_length(&self) -> u32 {
        self.min_length
    }

    /// Checks a new password for an account with that name and e-mail address, and hashes it into a PHC string.
    /// [`Problem::Invalid`] if it breaks a rule or is too easy to guess; `field` is its member in the request body.
    /// [`Problem::Busy`] if the queue is full.
    pub async fn hash_new_password(
        &self,
        client: &Client,
        password: &str,
        field: &str,
        name: &str,
        email: &str,
    ) -> Result<String, Problem> {
        let refused = |detail| Problem::Invalid(vec![FieldError::of(field, detail)]);
        let password = account::new_password(password, name, email).map_err(refused)?;
        let min = self.min_length;
        if password.chars().count() < min as usize {
            return Err(refused(format!("A password needs at least {min} characters.")));
        }
        let (argon2, name, email) = (self.argon2.clone(), name.to_owned(), email.to_owned());
        let hashed = self
            .run_blocking(&Requester::new(client, None), move || {
                Ok(match password_strength::check(&password, &name, &email) {
                    Ok(()) => Ok(hash(&argon2, &password)?),
                    Err(advice) => Err(advice),
                })
            })
            .await?;
        hashed.map_err(|advice| refused(advice.to_owned()))
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
            .run_blocking(permit.requester(), move || {
                match compare(&argon2, &password, &stored)? {
                    Verification::Valid { .. } if !known => Ok(Verification::Invalid),
                    comparison => Ok(comparison),
                }
            })
            .await;
        match compared {
            Ok(Verification::Valid { .. }) => permit.succeeded().await?,
            Ok(Verification::Invalid) => {}
            Err(_) => permit.cancel().await?,
        }
        compared
    }

    async fn run_blocking<T, F>(&self, requester: &Requester, work: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Fault> + Send + 'static,
    {
        let turn = self.queue.turn(requester).await?;
        tokio::task::spawn_blocking(move || {
            // Held until the work is done, even if the caller is cancelled.
            let _turn = turn;
            work()
        })
        .await
        .map_err(internal)?
        .map_err(Problem::from)
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
