//! The key of a password in the filter of breached passwords, which the generator of the filter includes, too.

use sha2::{Digest, Sha256};

/// The first 64 bits of the SHA-256 hash of the lower-case password.
pub fn key(password: &str) -> u64 {
    let hash = Sha256::digest(password.to_lowercase());
    hash.iter().take(8).fold(0, |key, byte| key << 8 | u64::from(*byte))
}
