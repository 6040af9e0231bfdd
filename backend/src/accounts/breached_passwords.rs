//! The filter of breached passwords in the binary. `just breached-passwords` generates its file, as
//! `specs/001-spec-meta/research.md` describes.

mod key;

use xorf::{BinaryFuse16, BinaryFuse16Ref, DmaSerializable, Filter, FilterRef};

/// The filter reads its 16-bit fingerprints in place, so they have to be aligned.
#[repr(C, align(2))]
struct Aligned<T: ?Sized>(T);

/// The descriptor and the fingerprints of a [`BinaryFuse16`], little-endian.
static FILTER: &Aligned<[u8]> = &Aligned(*include_bytes!("../../data/breached_passwords.bin"));

/// Whether `password`, in any case, is in the list of breached passwords. One of 65,536 other passwords matches, too.
pub fn is_breached(password: &str) -> bool {
    let (descriptor, fingerprints) = FILTER.0.split_at(BinaryFuse16::DESCRIPTOR_LEN);
    BinaryFuse16Ref::from_dma(descriptor, fingerprints).contains(&key::key(password))
}
