//! Recovery codes: one signs in once when the authenticator app is gone.

use base32::Alphabet;
use sha2::{Digest, Sha256};

use crate::accounts::random::random;
use crate::fault::Fault;

/// How many recovery codes there are at a time.
const RECOVERY_CODES: usize = 10;

/// New recovery codes.
pub struct RecoveryCodes {
    /// As they are shown, once.
    pub shown: Vec<String>,
    /// As they are stored.
    pub hashes: Vec<[u8; 32]>,
}

impl RecoveryCodes {
    /// Ten codes of 80 random bits.
    pub fn generate() -> Result<Self, Fault> {
        let code = |_| Ok(base32::encode(Alphabet::Rfc4648 { padding: false }, &random::<10>()?));
        let codes = (0..RECOVERY_CODES).map(code).collect::<Result<Vec<String>, Fault>>()?;
        Ok(Self {
            hashes: codes.iter().map(|code| recovery_code_hash(code)).collect(),
            shown: codes.iter().map(|code| grouped(code)).collect(),
        })
    }
}

/// What is stored of a recovery code in normal form: upper case, without dashes.
pub fn recovery_code_hash(code: &str) -> [u8; 32] {
    Sha256::digest(code).into()
}

/// Groups of four are easy to copy by hand.
fn grouped(code: &str) -> String {
    let letters: Vec<char> = code.chars().collect();
    let groups: Vec<String> = letters.chunks(4).map(String::from_iter).collect();
    groups.join("-")
}
