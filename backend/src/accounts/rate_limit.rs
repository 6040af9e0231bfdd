//! Rate limits of sign-ins, codes, sign-ups and mails. An attempt is counted in the database before it is evaluated, so that
//! concurrent attempts on any number of servers are counted. A successful attempt is subtracted again.

use std::net::IpAddr;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use uuid::Uuid;

use crate::accounts::device::KnownDevice;
use crate::accounts::event::Event;
use crate::accounts::rate_limit_policy::{
    ACCOUNT, ACCOUNT_AT_ADDRESS, ACCOUNT_CODES, ADDRESS, Counter, DEVICE, KNOWN_DEVICES, MAIL_FROM_ADDRESS,
    MAIL_TO_ACCOUNT, Refusal, SESSION, SIGN_UP,
};
use crate::accounts::user_id::UserId;
use crate::db::sweep::Sweeper;
use crate::db::{Abort, Db};
use crate::http::client::Client;
use crate::http::problem::{Problem, RateLimited};

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::TooMany(RateLimited {
            policy: refusal.policy.name,
            quota: refusal.policy.quota,
            window: refusal.policy.window.num_seconds(),
            wait: refusal.seconds(),
        })
    }
}

/// An attempt to authenticate with a secret that can be guessed.
pub enum Attempt<'a> {
    /// The password of the account with a normalised e-mail address, whether or not the account exists.
    SignIn {
        client: &'a Client,
        email: &'a str,
        device: Option<KnownDevice>,
    },
    /// The second-factor code of a user.
    Code {
        client: &'a Client,
        user_id: &'a UserId,
        device: Option<KnownDevice>,
    },
    /// The password, verified again in a session.
    Password { client: &'a Client, session: Uuid },
}

impl Attempt<'_> {
    fn client(&self) -> &Client {
        match self {
            Self::SignIn { client, .. } | Self::Code { client, .. } | Self::Password { client, .. } => client,
        }
    }

    /// The account, if it is known: that of an e-mail address is not.
    fn user(&self) -> Option<&UserId> {
        match self {
            Self::Code { user_id, .. } => Some(user_id),
            Self::SignIn { .. } | Self::Password { .. } => None,
        }
    }

    fn device(&self) -> Option<&KnownDevice> {
        match self {
            Self::SignIn { device, .. } | Self::Code { device, .. } => device.as_ref(),
            Self::Password { .. } => None,
        }
    }

    /// The counters of the attempt; `device` is the known device, if its separate limits apply.
    fn counters(&self, device: Option<&KnownDevice>) -> Vec<Counter> {
        let (client, kind, account, of_account) = match self {
            Self::Password { session, .. } => return vec![Counter::of(&SESSION, &[&session.to_string()])],
            Self::SignIn { client, email, .. } => (client, "password", email, &ACCOUNT),
            Self::Code { client, user_id, .. } => (client, "code", &user_id.as_str(), &ACCOUNT_CODES),
        };
        // Only known devices count here, so an attacker without one cannot lock the owner out.
        if let Some(known) = device {
            let id = BASE64_URL_SAFE_NO_PAD.encode(known.device().hash());
            return vec![
                Counter::of(&DEVICE, &[kind, account, &id]),
                Counter::of(&KNOWN_DEVICES, &[kind, account]),
            ];
        }
        let network = network(client);
        vec![
            Counter::of(&ADDRESS, &[&network]),
            Counter::of(&ACCOUNT_AT_ADDRESS, &[kind, account, &network]),
            Counter::of(of_account, &[kind, account]),
        ]
    }
}

/// Logs an exceeded limit.
fn log(abort: &Abort<Refusal>, client: &Client, user: Option<&UserId>) {
    if let Abort::Refused(refusal) = abort {
        Event::RateLimited.log_with_reason(client, user, refusal.policy.name);
    }
}

/// The IPv4 address, or the /64 network of an IPv6 address, which is assigned to one subscriber.
fn network(client: &Client) -> String {
    match client.address {
        Some(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        Some(IpAddr::V4(address)) => address.to_string(),
        None => String::new(),
    }
}

/// Permission to evaluate one attempt, which is already counted. Only [`RateLimiter::attempt`] constructs it.
pub struct Permit {
    db: Db,
    counters: Vec<Counter>,
}

impl Permit {
    /// The attempt succeeded: uncounts it, and resets backoffs.
    pub async fn succeeded(self) -> Result<(), Problem> {
        Ok(self.db.uncount(self.counters, true).await?)
    }

    /// The attempt could not be evaluated: uncounts it; earlier attempts remain counted.
    pub async fn cancel(self) -> Result<(), Problem> {
        Ok(self.db.uncount(self.counters, false).await?)
    }
}

/// Counts attempts and requests. Its state is in the database only.
pub struct RateLimiter {
    db: Db,
    sweeper: Sweeper,
    is_enabled: bool,
}

impl RateLimiter {
    /// Does nothing unless `is_enabled`.
    pub fn new(db: Db, sweeper: Sweeper, is_enabled: bool) -> Self {
        Self {
            db,
            sweeper,
            is_enabled,
        }
    }

    /// Counts an attempt before it is evaluated. [`Problem::TooMany`] if a limit is exceeded.
    pub async fn attempt(&self, attempt: Attempt<'_>) -> Result<Permit, Problem> {
        let counted = match self.count(attempt.counters(attempt.device())).await {
            // An attacker with a stolen device can exhaust this limit. A known device must not be worse off than an unknown one.
            Err(Abort::Refused(refusal)) if std::ptr::eq(refusal.policy, &KNOWN_DEVICES) => {
                self.count(attempt.counters(None)).await
            }
            counted => counted,
        };
        let counters = counted.inspect_err(|abort| log(abort, attempt.client(), attempt.user()))?;
        let db = self.db.clone();
        Ok(Permit { db, counters })
    }

    /// Counts a sign-up, successful or not. [`Problem::TooMany`] if the limit of the address is exceeded.
    pub async fn sign_up(&self, client: &Client) -> Result<(), Problem> {
        let counted = self.count(vec![Counter::of(&SIGN_UP, &[&network(client)])]).await;
        counted.inspect_err(|abort| log(abort, client, None))?;
        Ok(())
    }

    /// Counts a requested mail to a normalised e-mail address, whether or not it has an account. Each `kind` has a separate
    /// limit, so that an attacker cannot prevent a password reset by requesting other mails. [`Problem::TooMany`] if a limit is
    /// exceeded.
    pub async fn mail(&self, client: &Client, kind: &str, email: &str) -> Result<(), Problem> {
        let counters = vec![
            Counter::of(&MAIL_FROM_ADDRESS, &[&network(client)]),
            Counter::of(&MAIL_TO_ACCOUNT, &[kind, email]),
        ];
        let counted = self.count(counters).await;
        counted.inspect_err(|abort| log(abort, client, None))?;
        Ok(())
    }

    /// Counts, and returns the counters that were incremented.
    async fn count(&self, mut counters: Vec<Counter>) -> Result<Vec<Counter>, Abort<Refusal>> {
        self.sweeper.trigger();
        if !self.is_enabled {
            return Ok(Vec::new());
        }
        // Rows are always locked in the same order, which prevents deadlocks.
        counters.sort_unstable_by_key(|counter| counter.key);
        self.db.count(counters.clone()).await?;
        Ok(counters)
    }
}
