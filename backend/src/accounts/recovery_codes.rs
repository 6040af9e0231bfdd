//! Recovery codes, each of which replaces a code of the authenticator app once.

use base32::Alphabet;
use sha2::{Digest, Sha256};

use crate::accounts::random::random;
use crate::fault::Fault;

/// The number of recovery codes of an account.
const RECOVERY_CODES: usize = 10;

/// New recovery codes.
pub struct RecoveryCodes {
    /// Plain text, which is shown once.
    pub shown: Vec<String>,
    /// Hashes, which are stored.
    pub hashes: Vec<[u8; 32]>,
}

impl RecoveryCodes {
    /// Generates ten codes of 80 random bits.
    pub fn generate() -> Result<Self, Fault> {
        let code = |_| Ok(base32::encode(Alphabet::Rfc4648 { padding: false }, &random::<10>()?));
        let codes = (0..RECOVERY_CODES).map(code).collect::<Result<Vec<String>, Fault>>()?;
        Ok(Self {
            hashes: codes.iter().map(|code| recovery_code_hash(code)).collect(),
            shown: codes.iter().map(|code| grouped(code)).collect(),
        })
    }
}

/// The stored hash of a normalised recovery code (upper case, without dashes).
pub fn recovery_code_hash(code: &str) -> [u8; 32] {
    Sha256::digest(code).into()
}

/// Separates groups of four characters with dashes.
fn grouped(code: &str) -> String {
    let letters: Vec<char> = code.chars().collect();
    let groups: Vec<String> = letters.chunks(4).map(String::from_iter).collect();
    groups.join("-")
}
