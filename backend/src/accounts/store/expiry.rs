//! When the rows of accounts expire.

use chrono::TimeDelta;

use crate::db::sweep::{Expiry, delete_expired};

/// How long the events that concern the security of an account are kept.
const SECURITY_EVENTS: TimeDelta = TimeDelta::days(180);
/// How long the other events of an account are kept.
const OTHER_EVENTS: TimeDelta = TimeDelta::days(90);

/// Deletes the counters beyond the 100,000 of the table: those with the fewest attempts first, and of those the ones that
/// expire first, so that an attacker cannot displace important counters by creating many new ones.
const SURPLUS_COUNTERS: &str = "DELETE FROM throttles WHERE key IN (SELECT key FROM throttles WHERE expires_at > $1 \
     ORDER BY hits, expires_at LIMIT (SELECT CASE WHEN count(*) > 100000 + $2 THEN $2 \
     WHEN count(*) > 100000 THEN count(*) - 100000 ELSE 0 END FROM throttles))";

/// The expired rows of all tables of accounts.
pub const EXPIRIES: [Expiry; 10] = [
    Expiry::after(TimeDelta::zero(), delete_expired!("throttles", "key", "expires_at")),
    Expiry::after(TimeDelta::zero(), SURPLUS_COUNTERS),
    Expiry::after(TimeDelta::zero(), delete_expired!("sessions", "id", "expires_at")),
    Expiry::after(
        TimeDelta::zero(),
        delete_expired!("one_time_tokens", "hash", "expires_at"),
    ),
    Expiry::after(
        TimeDelta::zero(),
        delete_expired!("known_devices", "user_id, hash", "expires_at"),
    ),
    Expiry::after(TimeDelta::zero(), delete_expired!("email_links", "hash", "expires_at")),
    Expiry::after(
        TimeDelta::zero(),
        delete_expired!("pending_sign_ups", "hash", "expires_at"),
    ),
    Expiry::after(
        TimeDelta::zero(),
        delete_expired!("events_without_account", "address_hash, id", "expires_at"),
    ),
    Expiry::after(
        SECURITY_EVENTS,
        delete_expired!("audit_events", "user_id, id", "created_at", "is_security = TRUE"),
    ),
    Expiry::after(
        OTHER_EVENTS,
        delete_expired!("audit_events", "user_id, id", "created_at", "is_security = FALSE"),
    ),
];
