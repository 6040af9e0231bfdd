//! Rate limit policies: how many attempts are allowed, and how long the next one has to wait. Pure computation.

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

/// Maximum delay of the exponential backoff.
const DELAY_MAX: TimeDelta = TimeDelta::minutes(15);
/// The prefix lengths of the IPv6 networks of a client, from the smallest: a subscriber, a customer of a hosting provider, a
/// site. An IPv4 address has only one network, itself.
pub const PREFIXES: [u8; 3] = [64, 56, 48];

/// A policy for each prefix length in [`PREFIXES`]. Larger networks have larger quotas.
pub type NetworkPolicies = [Policy; 3];

/// Failed attempts from one network, for any account.
pub static ADDRESS: NetworkPolicies =
    Policy::window("address", 60, TimeDelta::minutes(10)).for_networks(["address-56", "address-48"], 4);
/// Failed attempts for one account from one network.
pub static ACCOUNT_AT_ADDRESS: NetworkPolicies =
    Policy::backoff("account-at-address", 5, DELAY_MAX).for_networks(["account-at-56", "account-at-48"], 2);
/// Failed passwords for one account from all networks, except on known devices.
pub static ACCOUNT: Policy = Policy::window("account", 40, TimeDelta::hours(1));
/// Failed two-factor codes for one account from all networks, except on known devices. A success of the owner must not give an
/// attacker further attempts without a delay.
pub static ACCOUNT_CODES: Policy = Policy::backoff("account-codes", 10, DELAY_MAX).on_success(OnSuccess::Uncount);
/// The first attempts for one account from a network. They share the counters of [`ACCOUNT_AT_ADDRESS`].
pub static NEW_NETWORK: NetworkPolicies =
    Policy::first("account-at-address", 3).for_networks(["account-at-56", "account-at-48"], 1);
/// Failed attempts for one account from all new networks, after [`ACCOUNT`] is exhausted. The delay is short, so that an
/// attacker with many networks delays the owner on a new device by a minute and not by an hour.
pub static NEW_NETWORKS: Policy =
    Policy::backoff("new-networks", 60, TimeDelta::minutes(1)).on_success(OnSuccess::Uncount);
/// Attempts for one account from one network, or in one session, including those that succeed.
pub static SIGN_INS: NetworkPolicies = Policy::window("sign-ins", 200, TimeDelta::minutes(20))
    .on_success(OnSuccess::Keep)
    .for_networks(["sign-ins-56", "sign-ins-48"], 2);
/// Failed attempts for one account on one known device.
pub static DEVICE: Policy = Policy::backoff("device", 5, DELAY_MAX);
/// Failed attempts for one account on all of its known devices. The quota is more than one device can reach in an hour.
pub static KNOWN_DEVICES: Policy = Policy::window("known-devices", 20, TimeDelta::hours(1));
/// Failed verifications of the password in one session.
pub static SESSION: Policy = Policy::backoff("session", 5, DELAY_MAX);
/// Sign-ups from one network.
pub static SIGN_UP: NetworkPolicies =
    Policy::window("sign-up", 30, TimeDelta::hours(1)).for_networks(["sign-up-56", "sign-up-48"], 4);
/// Mails requested from one network.
pub static MAIL_FROM_ADDRESS: NetworkPolicies =
    Policy::window("mail-from-address", 20, TimeDelta::hours(1)).for_networks(["mail-from-56", "mail-from-48"], 4);
/// Mails of one kind to one e-mail address.
pub static MAIL_TO_ACCOUNT: Policy = Policy::window("mail-to-account", 5, TimeDelta::hours(1));
/// Failed sign-ins to one account within a day, of which the last one within the quota causes a mail.
pub static FAILURES: Policy = Policy::window("failures", 10, TimeDelta::days(1));
/// Mails to one account about events of one kind.
pub static MAILS_ABOUT_EVENTS: Policy = Policy::window("mails-about-events", 10, TimeDelta::days(1));

/// A rate limit policy.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// The name in the `RateLimit` header fields.
    pub name: &'static str,
    /// Number of attempts without a delay.
    pub quota: i64,
    /// Lifetime of a count: from the first attempt, or with a backoff from the last one.
    pub window: TimeDelta,
    /// What a successful attempt does to the count.
    pub on_success: OnSuccess,
    kind: Kind,
}

/// What a successful attempt does to a count, to which it was added before it was evaluated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OnSuccess {
    /// The attempt remains counted.
    Keep,
    /// The attempt is subtracted.
    Uncount,
    /// The count starts anew.
    Reset,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// `quota` attempts until the window ends, which starts with the first attempt.
    Window,
    /// After `quota` attempts the delay starts at one second and doubles with each attempt up to `delay_max`.
    Backoff { delay_max: TimeDelta },
    /// `quota` attempts. The count is reset by a day without attempts.
    First,
}

impl Policy {
    /// A fixed window. Successes are not counted.
    const fn window(name: &'static str, quota: i64, window: TimeDelta) -> Self {
        Self {
            name,
            quota,
            window,
            on_success: OnSuccess::Uncount,
            kind: Kind::Window,
        }
    }

    /// An exponential backoff. It is reset by a success, or by a day without attempts.
    const fn backoff(name: &'static str, quota: i64, delay_max: TimeDelta) -> Self {
        Self {
            name,
            quota,
            window: TimeDelta::days(1),
            on_success: OnSuccess::Reset,
            kind: Kind::Backoff { delay_max },
        }
    }

    /// The first `quota` attempts in the counter of a backoff, which has the same name and a larger quota.
    const fn first(name: &'static str, quota: i64) -> Self {
        Self {
            kind: Kind::First,
            ..Self::backoff(name, quota, DELAY_MAX)
        }
    }

    const fn on_success(self, on_success: OnSuccess) -> Self {
        Self { on_success, ..self }
    }

    /// This policy for the smallest network, and policies with these names for the larger ones, each with `factor` times the
    /// quota of the one before.
    const fn for_networks(self, [middle, large]: [&'static str; 2], factor: i64) -> NetworkPolicies {
        let middle = Self {
            name: middle,
            quota: self.quota * factor,
            ..self
        };
        let large = Self {
            name: large,
            quota: middle.quota * factor,
            ..self
        };
        [self, middle, large]
    }

    /// Counts one attempt: the new tally, or a refusal with the time to wait.
    pub fn count(&'static self, before: Tally, now: DateTime<Utc>) -> Result<Tally, Refusal> {
        let is_new = before.hits == 0 || before.expires_at <= now;
        let allowed_at = match self.kind {
            Kind::First if !is_new && before.hits >= self.quota => before.expires_at,
            _ => before.retry_at,
        };
        if allowed_at > now {
            return Err(Refusal {
                policy: self,
                wait: allowed_at - now,
            });
        }
        let hits = if is_new { 1 } else { before.hits + 1 };
        let expires_at = match self.kind {
            Kind::Window if !is_new => before.expires_at,
            _ => now + self.window,
        };
        let retry_at = match (self.kind, hits - self.quota) {
            (Kind::Backoff { delay_max }, beyond @ 0..) => now + TimeDelta::seconds(1 << beyond.min(10)).min(delay_max),
            (Kind::Window, 0..) => expires_at,
            _ => DateTime::UNIX_EPOCH,
        };
        Ok(Tally {
            hits,
            retry_at,
            expires_at,
        })
    }
}

/// The stored state of a counter.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub struct Tally {
    /// Number of attempts.
    pub hits: i64,
    /// Attempts before this time are refused. In the past if the next attempt is allowed.
    pub retry_at: DateTime<Utc>,
    /// When the counter expires.
    pub expires_at: DateTime<Utc>,
}

/// A policy and the subject to which it is applied.
#[derive(Clone, Debug)]
pub struct Counter {
    /// The policy.
    pub policy: &'static Policy,
    /// SHA-256 of the policy name and the subject, so that the table contains no personal data.
    pub key: [u8; 32],
}

impl Counter {
    /// The counter of `policy` for the subject that `parts` identify.
    pub fn of(policy: &'static Policy, parts: &[&str]) -> Self {
        let mut hash = Sha256::new().chain_update(policy.name);
        for part in parts {
            // A separator that no part contains, so that different lists have different hashes.
            hash.update([0]);
            hash.update(part);
        }
        let key = hash.finalize().into();
        Self { policy, key }
    }
}

/// An exceeded rate limit.
#[derive(Clone, Copy, Debug)]
pub struct Refusal {
    /// The exceeded policy.
    pub policy: &'static Policy,
    /// Time until the next attempt is allowed.
    pub wait: TimeDelta,
}

impl Refusal {
    /// The time to wait in seconds, rounded up, at least one.
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

    /// The seconds that each of consecutive attempts has to wait, as in `Retry-After`.
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
    fn the_backoff_doubles_up_to_the_maximum() {
        let expected = [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900];
        assert_eq!(waits(&ACCOUNT_AT_ADDRESS[0], expected.len()), expected);
    }

    #[test]
    fn one_device_cannot_exhaust_the_quota_of_all_known_devices() {
        let hour = KNOWN_DEVICES.window.num_seconds();
        let mut elapsed = 0;
        let within_the_hour = |wait: &i64| {
            elapsed += wait;
            elapsed < hour
        };
        let guesses = waits(&DEVICE, 100).iter().copied().take_while(within_the_hour).count();
        assert_eq!((guesses, KNOWN_DEVICES.quota), (17, 20));
    }

    /// How many attempts are possible in a day, if each is made as soon as it is allowed, after `before` attempts.
    fn attempts_in_a_day(policy: &'static Policy, before: usize) -> usize {
        let mut elapsed = 0;
        let within_the_day = |wait: &i64| {
            elapsed += wait;
            elapsed <= TimeDelta::days(1).num_seconds()
        };
        let waits = waits(policy, before + 200);
        waits[before..].iter().copied().take_while(within_the_day).count()
    }

    #[test]
    fn a_guesser_of_codes_has_114_attempts_on_the_first_day_and_96_on_later_days() {
        assert_eq!(attempts_in_a_day(&ACCOUNT_CODES, 0), 114);
        assert_eq!(attempts_in_a_day(&ACCOUNT_CODES, 114), 96);
    }

    #[test]
    fn the_backoff_is_reset_by_a_day_without_attempts() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(1);
        let policy = &ACCOUNT_AT_ADDRESS[0];
        let tally = policy
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
        assert_eq!(policy.count(tally, tally.expires_at).unwrap().hits, 1);
    }

    #[test]
    fn a_window_starts_with_the_first_attempt() {
        assert_eq!(waits(&SIGN_UP[0], 31), [vec![0; 30], vec![3600]].concat());
    }

    #[test]
    fn the_time_to_wait_is_rounded_up_to_seconds() {
        for (milliseconds, seconds) in [(1, 1), (1000, 1), (1001, 2), (899_999, 900)] {
            let wait = TimeDelta::milliseconds(milliseconds);
            assert_eq!(Refusal { policy: &ACCOUNT, wait }.seconds(), seconds);
        }
    }
}
