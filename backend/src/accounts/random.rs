//! Random bytes of the operating system.

use crate::fault::Fault;

/// Bytes that nobody can guess.
pub fn random<const BYTES: usize>() -> Result<[u8; BYTES], Fault> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| Fault::internal(format!("the system has no random bytes: {error}")))?;
    Ok(bytes)
}
