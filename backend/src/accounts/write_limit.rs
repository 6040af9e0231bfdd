//! Limits the writes of a user with a token bucket. The state is in memory: each server has its own limit, and a restart
//! fills the buckets.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::accounts::user_id::UserId;
use crate::http::problem::{Problem, RateLimited};

/// The name in the `RateLimit` header fields.
const POLICY: &str = "writes";
/// Tokens per second.
const RATE: u32 = 60;
/// Tokens of a full bucket.
const BURST: u32 = 600;
/// The time in which a bucket gains a token.
const INTERVAL: Duration = Duration::from_nanos(1_000_000_000 / RATE as u64);
/// The time in which an empty bucket is filled.
const WINDOW: Duration = Duration::from_secs((BURST / RATE) as u64);
/// Maximum number of buckets. Full buckets are deleted when it is reached.
const BUCKETS_MAX: usize = 100_000;

/// The time at which a bucket is full again.
type FullAt = Instant;

/// Counts the writes of users.
pub struct WriteLimit {
    /// The buckets that are not full, as far as they have not been filled since.
    buckets: Mutex<HashMap<UserId, FullAt>>,
    is_enabled: bool,
}

impl WriteLimit {
    /// Allows every write unless `is_enabled`.
    pub fn new(is_enabled: bool) -> Self {
        let buckets = Mutex::default();
        Self { buckets, is_enabled }
    }

    /// Counts a write, successful or not. [`Problem::TooMany`] if the bucket of the user is empty.
    pub fn count(&self, user: &UserId) -> Result<(), Problem> {
        if !self.is_enabled {
            return Ok(());
        }
        let now = Instant::now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = take(buckets.get(user).copied(), now).map_err(refusal)?;
        if buckets.len() >= BUCKETS_MAX {
            make_space(&mut buckets, now);
        }
        buckets.insert(user.clone(), full_at);
        Ok(())
    }
}

/// Takes a token out of a bucket. The error is the time until there is one.
fn take(full_at: Option<FullAt>, now: Instant) -> Result<FullAt, Duration> {
    let full_at = full_at.map_or(now, |full_at| full_at.max(now)) + INTERVAL;
    match full_at.saturating_duration_since(now + WINDOW) {
        Duration::ZERO => Ok(full_at),
        wait => Err(wait),
    }
}

/// Deletes full buckets. If hardly any is full, deletes all, so that the next writes do not search in vain.
fn make_space(buckets: &mut HashMap<UserId, FullAt>, now: Instant) {
    buckets.retain(|_, full_at| *full_at > now);
    if buckets.len() > BUCKETS_MAX / 2 {
        buckets.clear();
    }
}

fn refusal(wait: Duration) -> Problem {
    Problem::TooMany(RateLimited {
        what: "changes",
        policy: POLICY,
        quota: BURST.into(),
        window: i64::try_from(WINDOW.as_secs()).unwrap_or(i64::MAX),
        // Rounded up.
        wait: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX) + 1,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Takes `tokens`, each at `now`. Returns how many there are.
    fn take_all(full_at: &mut Option<FullAt>, tokens: usize, now: Instant) -> usize {
        let taken = (0..tokens).filter(|_| match take(*full_at, now) {
            Ok(after) => full_at.replace(after).is_some() || after > now,
            Err(_) => false,
        });
        taken.count()
    }

    #[test]
    fn a_bucket_has_600_tokens_and_gains_60_a_second() {
        let now = Instant::now();
        let mut full_at = None;
        assert_eq!(take_all(&mut full_at, 1000, now), 600);
        let wait = take(full_at, now).unwrap_err();
        assert!(wait <= INTERVAL, "{wait:?}");
        let second = Duration::from_secs(1);
        assert_eq!(take_all(&mut full_at, 1000, now + second), 60);
        assert_eq!(take_all(&mut full_at, 1000, now + 2 * second), 60);
        // It never has more.
        assert_eq!(take_all(&mut full_at, 1000, now + 3600 * second), 600);
    }

    #[test]
    fn the_number_of_buckets_is_bounded() {
        let now = Instant::now();
        let bucket = |number: usize| {
            let full_at = if number.is_multiple_of(4) { now + WINDOW } else { now };
            (UserId::new(number.to_string()), full_at)
        };
        let mut buckets: HashMap<_, _> = (0..BUCKETS_MAX).map(bucket).collect();
        make_space(&mut buckets, now);
        assert_eq!(buckets.len(), BUCKETS_MAX / 4);
        let mut buckets: HashMap<_, _> = (0..BUCKETS_MAX).map(|number| bucket(4 * number)).collect();
        make_space(&mut buckets, now);
        assert_eq!(buckets.len(), 0);
    }
}
