//! Rate limit policies: how many attempts are free, and how long the next one has to wait. Arithmetic alone.

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

/// The longest delay between two attempts.
const DELAY_MAX: TimeDelta = TimeDelta::minutes(15);

/// From one network address, whoever it is that signs in there.
pub static ADDRESS: Policy = Policy::window("address", 60, TimeDelta::minutes(10));
/// For one account from one address.
pub static ACCOUNT_AT_ADDRESS: Policy = Policy::delay("account-at-address", 5);
/// For one account from everywhere, known devices aside.
pub static ACCOUNT: Policy = Policy::window("account", 100, TimeDelta::hours(1));
/// On a device that has signed in to the account before.
pub static DEVICE: Policy = Policy::delay("device", 5);
/// For one account on all of its known devices together. More than one device alone can use up in an hour.
pub static KNOWN_DEVICES: Policy = Policy::window("known-devices", 20, TimeDelta::hours(1));
/// In a session that has to prove its password again.
pub static SESSION: Policy = Policy::delay("session", 5);
/// New accounts from one address.
pub static SIGN_UP: Policy = Policy::window("sign-up", 30, TimeDelta::hours(1));
/// Mails asked for from one address.
pub static MAIL_FROM_ADDRESS: Policy = Policy::window("mail-from-address", 20, TimeDelta::hours(1));
/// Mails of one kind to one account.
pub static MAIL_TO_ACCOUNT: Policy = Policy::window("mail-to-account", 5, TimeDelta::hours(1));

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
    /// A counter of `policy` for what `what` identifies.
    pub fn of(policy: &'static Policy, what: &[&str]) -> Self {
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
