//! How often somebody may guess. An attempt is counted before it is judged, in the database, so that guesses made at the same
//! moment or on several servers are all counted; one that succeeds is given back.

use std::net::IpAddr;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::device::KnownDevice;
use crate::client::Client;
use crate::db::Db;
use crate::db::sweep::Sweeper;
use crate::problem::Problem;

/// The longest delay between two attempts.
const DELAY_MAX: TimeDelta = TimeDelta::minutes(15);

/// From one network address, whoever it is that signs in there.
static ADDRESS: Policy = Policy::window("address", 60, TimeDelta::minutes(10));
/// For one account from one address.
static ACCOUNT_AT_ADDRESS: Policy = Policy::delay("account-at-address", 5);
/// For one account from everywhere, known devices aside.
pub static ACCOUNT: Policy = Policy::window("account", 100, TimeDelta::hours(1));
/// On a device that has signed in to the account before.
static DEVICE: Policy = Policy::delay("device", 5);
/// For one account on all of its known devices together. More than one device alone can use up in an hour.
static KNOWN_DEVICES: Policy = Policy::window("known-devices", 20, TimeDelta::hours(1));
/// In a session that has to prove its password again.
static SESSION: Policy = Policy::delay("session", 5);
/// New accounts from one address.
static SIGN_UP: Policy = Policy::window("sign-up", 30, TimeDelta::hours(1));
/// Mails asked for from one address.
static MAIL_FROM_ADDRESS: Policy = Policy::window("mail-from-address", 20, TimeDelta::hours(1));
/// Mails of one kind to one account.
static MAIL_TO_ACCOUNT: Policy = Policy::window("mail-to-account", 5, TimeDelta::hours(1));

/// How often something may be done.
#[derive(Debug)]
pub struct Policy {
    /// What it is called in the `RateLimit` fields.
    pub name: &'static str,
    /// So many are free.
    pub quota: i64,
    /// So long a count lasts: from the first, or from the last when more than the quota only costs a delay.
    pub window: TimeDelta,
    grows: bool,
}

impl Policy {
    /// More than `quota` have to wait until the window ends that began with the first.
    const fn window(name: &'static str, quota: i64, window: TimeDelta) -> Self {
        Self {
            name,
            quota,
            window,
            grows: false,
        }
    }

    /// After `quota`, each has to wait twice as long as the one before, beginning with a second, until a day was quiet.
    const fn delay(name: &'static str, quota: i64) -> Self {
        Self {
            name,
            quota,
            window: TimeDelta::days(1),
            grows: true,
        }
    }

    /// The tally with one more, or how long to wait.
    pub fn count(&'static self, before: Tally, now: DateTime<Utc>) -> Result<Tally, Refusal> {
        if before.retry_at > now {
            return Err(Refusal {
                policy: self,
                wait: before.retry_at - now,
            });
        }
        let begins = before.hits == 0 || before.expires_at <= now;
        let hits = if begins { 1 } else { before.hits + 1 };
        let expires_at = if begins || self.grows {
            now + self.window
        } else {
            before.expires_at
        };
        let retry_at = match hits - self.quota {
            ..0 => DateTime::UNIX_EPOCH,
            beyond if self.grows => now + TimeDelta::seconds(1 << beyond.min(10)).min(DELAY_MAX),
            _ => expires_at,
        };
        Ok(Tally {
            hits,
            retry_at,
            expires_at,
        })
    }

    /// Whether one that succeeded wipes all those before away, and not just itself.
    pub fn forgets(&self) -> bool {
        self.grows
    }
}

/// What is stored of a count.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub struct Tally {
    /// Attempts since it began.
    pub hits: i64,
    /// Until then the next attempt is refused; long ago when it is not.
    pub retry_at: DateTime<Utc>,
    /// When it is forgotten.
    pub expires_at: DateTime<Utc>,
}

/// A policy, and what it is applied to.
#[derive(Clone, Debug)]
pub struct Counter {
    /// The policy.
    pub policy: &'static Policy,
    /// SHA-256 of its name and of what is counted, so that the table tells nothing of people and addresses.
    pub key: [u8; 32],
}

impl Counter {
    fn of(policy: &'static Policy, what: &[&str]) -> Self {
        let mut hash = Sha256::new().chain_update(policy.name);
        for part in what {
            // No part contains it, so no two lists are hashed alike.
            hash.update([0]);
            hash.update(part);
        }
        let key = hash.finalize().into();
        Self { policy, key }
    }
}

/// Why an attempt was not admitted, and for how long none is.
#[derive(Clone, Copy, Debug)]
pub struct Refusal {
    /// What was exceeded.
    pub policy: &'static Policy,
    /// How long to wait.
    pub wait: TimeDelta,
}

impl Refusal {
    /// How long to wait, in whole seconds, at least one.
    pub fn seconds(&self) -> i64 {
        (self.wait.num_milliseconds() + 999).div_euclid(1000).max(1)
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
        user_id: &'a str,
        device: Option<KnownDevice>,
    },
    /// The password, asked for again in a session.
    Password { session: Uuid },
}

impl Attempt<'_> {
    fn device(&self) -> Option<&KnownDevice> {
        match self {
            Self::SignIn { device, .. } | Self::Code { device, .. } => device.as_ref(),
            Self::Password { .. } => None,
        }
    }

    /// What is counted; `device` is the known one, if it counts as such.
    fn counters(&self, device: Option<&KnownDevice>) -> Vec<Counter> {
        let (client, kind, account) = match self {
            Self::Password { session } => return vec![Counter::of(&SESSION, &[&session.to_string()])],
            Self::SignIn { client, email, .. } => (client, "password", email),
            Self::Code { client, user_id, .. } => (client, "code", user_id),
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

/// Leave to judge one attempt, which is counted already. Only [`Throttle::attempt`] gives it.
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
pub struct Throttle {
    db: Db,
    sweeper: Sweeper,
    on: bool,
}

impl Throttle {
    /// Counts nothing unless `on`.
    pub fn new(db: Db, on: bool) -> Self {
        let sweeper = Sweeper::start(db.clone());
        Self { db, sweeper, on }
    }

    /// Counts an attempt before it is judged. [`Problem::TooMany`] if it must not be judged now.
    pub async fn attempt(&self, attempt: Attempt<'_>) -> Result<Permit, Problem> {
        let counted = match self.count(attempt.counters(attempt.device())).await {
            // A thief can use up the attempts of the known devices. Knowing a device must not be worse than not knowing it.
            Err(Problem::TooMany(refusal)) if std::ptr::eq(refusal.policy, &KNOWN_DEVICES) => {
                self.count(attempt.counters(None)).await
            }
            counted => counted,
        };
        let counters = counted?;
        let db = self.db.clone();
        Ok(Permit { db, counters })
    }

    /// Counts a sign-up, successful or not. [`Problem::TooMany`] if there were too many from that address.
    pub async fn sign_up(&self, client: &Client) -> Result<(), Problem> {
        self.count(vec![Counter::of(&SIGN_UP, &[&network(client)])]).await?;
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
        self.count(counters).await?;
        Ok(())
    }

    /// What was counted.
    async fn count(&self, mut counters: Vec<Counter>) -> Result<Vec<Counter>, Problem> {
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const NONE: Tally = Tally {
        hits: 0,
        retry_at: DateTime::UNIX_EPOCH,
        expires_at: DateTime::UNIX_EPOCH,
    };

    /// Attempts without a pause: how many seconds each has to wait, as the answer would say.
    fn waits(policy: &'static Policy, attempts: usize) -> Vec<i64> {
        let mut now = DateTime::UNIX_EPOCH + TimeDelta::days(1);
        let mut tally = NONE;
        let mut waits = Vec::new();
        for _ in 0..attempts {
            let wait = policy.count(tally, now).err().map_or(0, |refusal| refusal.seconds());
            now += TimeDelta::seconds(wait);
            tally = policy.count(tally, now).unwrap();
            waits.push(wait);
        }
        waits
    }

    #[test]
    fn after_the_free_ones_the_delay_doubles_up_to_the_longest() {
        let expected = [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900];
        assert_eq!(waits(&ACCOUNT_AT_ADDRESS, expected.len()), expected);
    }

    #[test]
    fn one_device_alone_leaves_guesses_for_the_others() {
        let hour = KNOWN_DEVICES.window.num_seconds();
        let mut elapsed = 0;
        let within_the_hour = |wait: &i64| {
            elapsed += wait;
            elapsed < hour
        };
        let guesses = waits(&DEVICE, 100).iter().copied().take_while(within_the_hour).count();
        assert_eq!((guesses, KNOWN_DEVICES.quota), (17, 20));
    }

    #[test]
    fn a_delay_is_forgotten_after_a_quiet_day() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(1);
        let tally = ACCOUNT_AT_ADDRESS
            .count(
                Tally {
                    hits: 40,
                    expires_at: now + TimeDelta::hours(1),
                    ..NONE
                },
                now,
            )
            .unwrap();
        assert_eq!((tally.hits, tally.expires_at), (41, now + TimeDelta::days(1)));
        assert_eq!(ACCOUNT_AT_ADDRESS.count(tally, tally.expires_at).unwrap().hits, 1);
    }

    #[test]
    fn a_window_begins_with_the_first_and_ends_for_all() {
        assert_eq!(waits(&SIGN_UP, 31), [vec![0; 30], vec![3600]].concat());
    }

    #[test]
    fn people_wait_for_whole_seconds() {
        for (milliseconds, seconds) in [(1, 1), (1000, 1), (1001, 2), (899_999, 900)] {
            let wait = TimeDelta::milliseconds(milliseconds);
            assert_eq!(Refusal { policy: &ACCOUNT, wait }.seconds(), seconds);
        }
    }
}
