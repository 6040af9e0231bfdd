//! Random bytes from the operating system.

use crate::fault::Fault;

/// Cryptographically secure random bytes.
pub fn random<const BYTES: usize>() -> Result<[u8; BYTES], Fault> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| Fault::internal(format!("the system has no random bytes: {error}")))?;
    Ok(bytes)
}
