//! Generates the filter of breached passwords, for `just breached-passwords`: reads passwords from standard input, one a line,
//! and writes the filter of those with at least eight characters to standard output.

#[path = "../src/accounts/breached_passwords/key.rs"]
mod key;

use std::collections::BTreeSet;
use std::io::{self, Write};

use shared::account::PASSWORD_MIN;
use xorf::{BinaryFuse16, DmaSerializable};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut keys = BTreeSet::new();
    for password in io::stdin().lines() {
        let password = password?;
        if password.chars().count() >= PASSWORD_MIN {
            keys.insert(key::key(&password));
        }
    }
    let keys: Vec<u64> = keys.into_iter().collect();
    let filter = BinaryFuse16::try_from(&keys)?;
    let mut descriptor = [0; BinaryFuse16::DESCRIPTOR_LEN];
    filter.dma_copy_descriptor_to(&mut descriptor);
    let mut output = io::stdout().lock();
    output.write_all(&descriptor)?;
    output.write_all(filter.dma_fingerprints())?;
    eprintln!("The filter has {} passwords.", keys.len());
    Ok(())
}
