//! Rate limits of sign-ins, codes, sign-ups and mails. An attempt is counted in the database before it is evaluated, so that
//! concurrent attempts on any number of servers are counted. A successful attempt is subtracted again, except from the counts
//! that limit successes.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use uuid::Uuid;

use crate::accounts::device::KnownDevice;
use crate::accounts::event::Event;
use crate::accounts::fair_queue::Requester;
use crate::accounts::rate_limit_policy::{
    ACCOUNT, ACCOUNT_AT_ADDRESS, ACCOUNT_CODES, ADDRESS, Counter, DEVICE, KNOWN_DEVICES, MAIL_FROM_ADDRESS,
    MAIL_TO_ACCOUNT, NEW_NETWORK, NEW_NETWORKS, NetworkPolicies, PREFIXES, Policy, Refusal, SESSION, SIGN_INS, SIGN_UP,
};
use crate::accounts::user_id::UserId;
use crate::db::sweep::Sweeper;
use crate::db::{Abort, Db};
use crate::http::client::Client;
use crate::http::problem::{Problem, RateLimited};

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::TooMany(RateLimited {
            what: "attempts",
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
    /// The password of a user, verified again in a session.
    Password {
        client: &'a Client,
        user_id: &'a UserId,
        session: Uuid,
    },
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

    fn requester(&self) -> Requester {
        let (client, account) = match self {
            Self::SignIn { client, email, .. } => (client, *email),
            Self::Code { client, user_id, .. } | Self::Password { client, user_id, .. } => (client, user_id.as_str()),
        };
        Requester::new(client, Some(account))
    }

    /// The counters of the attempt. The next alternative applies if the limit of an account in the one before is exceeded.
    fn alternatives(&self) -> Vec<Vec<Counter>> {
        let (client, kind, account) = match self {
            Self::Password { session, .. } => {
                let session = &session.to_string();
                return vec![vec![
                    Counter::of(&SESSION, &[session]),
                    Counter::of(&SIGN_INS[0], &[session]),
                ]];
            }
            Self::SignIn { client, email, .. } => (client, "password", *email),
            Self::Code { client, user_id, .. } => (client, "code", user_id.as_str()),
        };
        let subject = [kind, account];
        let from_network = [
            of_networks(&ADDRESS, client, &[]),
            of_networks(&SIGN_INS, client, &subject),
        ]
        .concat();
        let ordinary = of_networks(&ACCOUNT_AT_ADDRESS, client, &subject);
        let of_account = match self {
            Self::Code { .. } => &ACCOUNT_CODES,
            _ => &ACCOUNT,
        };
        let mut alternatives = vec![[from_network.clone(), ordinary, vec![Counter::of(of_account, &subject)]].concat()];
        // An attacker with many networks can exhaust the limit of the account. New networks have a limit of their own, so that the
        // owner can still sign in on a new device. Codes have no such limit: an attacker who enters them knows the password, and
        // six digits are too few to allow more attempts.
        if matches!(self, Self::SignIn { .. }) {
            let new_network = of_networks(&NEW_NETWORK, client, &subject);
            alternatives.push([from_network, new_network, vec![Counter::of(&NEW_NETWORKS, &subject)]].concat());
        }
        if let Some(known) = self.device() {
            let id = BASE64_URL_SAFE_NO_PAD.encode(known.device().hash());
            // Only known devices count here, so an attacker without one cannot lock the owner out. An attacker with a stolen
            // device can, and a known device must not be worse off than an unknown one.
            let on_device = vec![
                Counter::of(&DEVICE, &[kind, account, &id]),
                Counter::of(&KNOWN_DEVICES, &subject),
            ];
            alternatives.insert(0, [on_device, of_networks(&SIGN_INS, client, &subject)].concat());
        }
        alternatives
    }
}

/// A counter for each network of the client, and the subject that `parts` identify.
fn of_networks(policies: &'static NetworkPolicies, client: &Client, parts: &[&str]) -> Vec<Counter> {
    let counter = |(policy, prefix): (&'static Policy, u8)| {
        Counter::of(policy, &[parts, &[client.network(prefix).as_str()]].concat())
    };
    let is_ipv6 = client.address.is_some_and(|address| address.is_ipv6());
    let networks = if is_ipv6 { PREFIXES.len() } else { 1 };
    policies.iter().zip(PREFIXES).take(networks).map(counter).collect()
}

/// Logs an exceeded limit.
fn log(abort: &Abort<Refusal>, client: &Client, user: Option<&UserId>) {
    if let Abort::Refused(refusal) = abort {
        Event::RateLimited.log_with_reason(client, user, refusal.policy.name);
    }
}

/// Permission to evaluate one attempt, which is already counted. Only [`RateLimiter::attempt`] constructs it.
pub struct Permit {
    db: Db,
    requester: Requester,
    counters: Vec<Counter>,
}

impl Permit {
    /// Who evaluates the attempt.
    pub fn requester(&self) -> &Requester {
        &self.requester
    }

    /// The attempt succeeded: uncounts it where successes are not counted, and resets backoffs.
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
        let counted = self.count_alternatives(attempt.alternatives()).await;
        let counters = counted.inspect_err(|abort| log(abort, attempt.client(), attempt.user()))?;
        Ok(Permit {
            db: self.db.clone(),
            requester: attempt.requester(),
            counters,
        })
    }

    /// Counts in the first alternative that allows it, and returns its counters. The refusal is the one with the shortest time to
    /// wait.
    async fn count_alternatives(&self, alternatives: Vec<Vec<Counter>>) -> Result<Vec<Counter>, Abort<Refusal>> {
        let mut shortest: Option<Refusal> = None;
        for counters in alternatives {
            let refusal = match self.count(counters).await {
                Err(Abort::Refused(refusal)) => refusal,
                counted => return counted,
            };
            shortest = Some(
                shortest
                    .filter(|shortest| shortest.wait <= refusal.wait)
                    .unwrap_or(refusal),
            );
            let is_of_account = [&KNOWN_DEVICES, &ACCOUNT]
                .iter()
                .any(|policy| std::ptr::eq(*policy, refusal.policy));
            if !is_of_account {
                break;
            }
        }
        shortest.map_or_else(|| Ok(Vec::new()), |refusal| Err(Abort::Refused(refusal)))
    }

    /// Counts a sign-up, successful or not. [`Problem::TooMany`] if a limit is exceeded.
    pub async fn sign_up(&self, client: &Client) -> Result<(), Problem> {
        let counted = self.count(of_networks(&SIGN_UP, client, &[])).await;
        counted.inspect_err(|abort| log(abort, client, None))?;
        Ok(())
    }

    /// Counts a requested mail to a normalised e-mail address, whether or not it has an account. Each `kind` has a separate
    /// limit, so that an attacker cannot prevent a password reset by requesting other mails. [`Problem::TooMany`] if a limit is
    /// exceeded.
    pub async fn mail(&self, client: &Client, kind: &str, email: &str) -> Result<(), Problem> {
        let mut counters = of_networks(&MAIL_FROM_ADDRESS, client, &[]);
        counters.push(Counter::of(&MAIL_TO_ACCOUNT, &[kind, email]));
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
        if let Some(refusal) = self.db.exceeded(&counters).await? {
            return Err(Abort::Refused(refusal));
        }
        // Rows are always locked in the same order, which prevents deadlocks.
        counters.sort_unstable_by_key(|counter| counter.key);
        self.db.count(counters.clone()).await?;
        Ok(counters)
    }
}
