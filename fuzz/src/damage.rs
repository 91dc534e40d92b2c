//! Damage to bytes that a decoder understands.

/// `right`, longer or shorter by `resize` as int8, and changed: `changes` has three bytes for each change, where (16
/// bits, little-endian, modulo the length) and what to XOR there.
pub(crate) fn damaged(right: &[u8], resize: u8, changes: &[u8]) -> Vec<u8> {
	let mut damaged = right.to_vec();
	damaged.resize(right.len().saturating_add_signed(isize::from(resize as i8)), 0);
	for [low, high, flip] in changes.as_chunks::<3>().0 {
		let at = usize::from(u16::from_le_bytes([*low, *high])) % damaged.len().max(1);
		if let Some(byte) = damaged.get_mut(at) {
			*byte ^= flip;
		}
	}
	damaged
}
