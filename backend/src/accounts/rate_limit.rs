//! Rate limits on sign-ins, codes, sign-ups and mails. An attempt is counted in the database before it is judged, so that
//! concurrent attempts, on several servers too, are all counted; one that succeeds is uncounted.

use std::net::IpAddr;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use uuid::Uuid;

use crate::accounts::device::KnownDevice;
use crate::accounts::event::Event;
use crate::accounts::policy::{
    ACCOUNT, ACCOUNT_AT_ADDRESS, ADDRESS, Counter, DEVICE, KNOWN_DEVICES, MAIL_FROM_ADDRESS, MAIL_TO_ACCOUNT, Refusal,
    SESSION, SIGN_UP,
};
use crate::accounts::store::sweep::Sweeper;
use crate::accounts::user_id::UserId;
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

/// An attempt to prove who one is by something that can be guessed.
pub enum Attempt<'a> {
    /// The password of the account with an e-mail address in normal form, whether there is one or not.
    SignIn {
        client: &'a Client,
        email: &'a str,
        device: Option<KnownDevice>,
    },
    /// The code of the second factor of the user with that id.
    Code {
        client: &'a Client,
        user_id: &'a UserId,
        device: Option<KnownDevice>,
    },
    /// The password, asked for again in a session.
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

    /// What is counted; `device` is the known one, if it counts as such.
    fn counters(&self, device: Option<&KnownDevice>) -> Vec<Counter> {
        let (client, kind, account) = match self {
            Self::Password { session, .. } => return vec![Counter::of(&SESSION, &[&session.to_string()])],
            Self::SignIn { client, email, .. } => (client, "password", email),
            Self::Code { client, user_id, .. } => (client, "code", &user_id.as_str()),
        };
        // Nobody without a known device can use these up, so a stranger cannot lock the owner out.
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
            Counter::of(&ACCOUNT, &[kind, account]),
        ]
    }
}

/// Logs an exceeded limit.
fn log(abort: &Abort<Refusal>, client: &Client, user: Option<&UserId>) {
    if let Abort::Refused(refusal) = abort {
        Event::RateLimited.log_with_reason(client, user, refusal.policy.name);
    }
}

/// The address, or for IPv6 the /64 that a household has to itself.
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

/// Leave to judge one attempt, which is counted already. Only [`RateLimiter::attempt`] gives it.
pub struct Permit {
    db: Db,
    counters: Vec<Counter>,
}

impl Permit {
    /// The attempt succeeded: it does not count, and no delay is left.
    pub async fn succeeded(self) -> Result<(), Problem> {
        Ok(self.db.give_back(self.counters, true).await?)
    }

    /// The attempt could not be judged: it does not count, but those before it do.
    pub async fn not_judged(self) -> Result<(), Problem> {
        Ok(self.db.give_back(self.counters, false).await?)
    }
}

/// Counts attempts and requests. All it knows is in the database.
pub struct RateLimiter {
    db: Db,
    sweeper: Sweeper,
    on: bool,
}

impl RateLimiter {
    /// Counts nothing unless `on`.
    pub fn new(db: Db, on: bool) -> Self {
        let sweeper = Sweeper::start(db.clone());
        Self { db, sweeper, on }
    }

    /// Counts an attempt before it is judged. [`Problem::TooMany`] if it must not be judged now.
    pub async fn attempt(&self, attempt: Attempt<'_>) -> Result<Permit, Problem> {
        let counted = match self.count(attempt.counters(attempt.device())).await {
            // A thief can use up the attempts of the known devices. Knowing a device must not be worse than not knowing it.
            Err(Abort::Refused(refusal)) if std::ptr::eq(refusal.policy, &KNOWN_DEVICES) => {
                self.count(attempt.counters(None)).await
            }
            counted => counted,
        };
        let counters = counted.inspect_err(|abort| log(abort, attempt.client(), attempt.user()))?;
        let db = self.db.clone();
        Ok(Permit { db, counters })
    }

    /// Counts a sign-up, successful or not. [`Problem::TooMany`] if there were too many from that address.
    pub async fn sign_up(&self, client: &Client) -> Result<(), Problem> {
        let counted = self.count(vec![Counter::of(&SIGN_UP, &[&network(client)])]).await;
        counted.inspect_err(|abort| log(abort, client, None))?;
        Ok(())
    }

    /// Counts a mail that somebody asks for, to an e-mail address in normal form, whether it has an account or not. Each
    /// `kind` counts apart, so that nobody can keep a link to a new password from its owner by asking for other mails.
    /// [`Problem::TooMany`] if there were too many.
    pub async fn mail(&self, client: &Client, kind: &str, email: &str) -> Result<(), Problem> {
        let counters = vec![
            Counter::of(&MAIL_FROM_ADDRESS, &[&network(client)]),
            Counter::of(&MAIL_TO_ACCOUNT, &[kind, email]),
        ];
        let counted = self.count(counters).await;
        counted.inspect_err(|abort| log(abort, client, None))?;
        Ok(())
    }

    /// What was counted.
    async fn count(&self, mut counters: Vec<Counter>) -> Result<Vec<Counter>, Abort<Refusal>> {
        self.sweeper.wake();
        if !self.on {
            return Ok(Vec::new());
        }
        // Rows are locked in the same order everywhere, so that no two attempts wait for each other.
        counters.sort_unstable_by_key(|counter| counter.key);
        self.db.count(counters.clone()).await?;
        Ok(counters)
    }
}
