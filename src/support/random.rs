//! Random bits for identifiers, a system call for many of them at a time.
//!
//! They come from the operating system, through a buffer of each thread. They are for values that
//! must not collide; keys and tokens take theirs from the system directly, so that a copy of the
//! process's memory, a fork or a restored snapshot of a machine can't give two of them the same bits.

use std::cell::RefCell;

use super::seed::random_bits;

const BUFFER: usize = 512;

struct Buffer {
    bytes: [u8; BUFFER],
    used: usize,
}

thread_local! {
    static RANDOM: RefCell<Buffer> = const {
        RefCell::new(Buffer { bytes: [0; BUFFER], used: BUFFER })
    };
}

/// 64 random bits.
pub(crate) fn bits() -> u64 {
    let buffered = RANDOM.try_with(|buffer| buffer.try_borrow_mut().ok()?.next());
    buffered.ok().flatten().unwrap_or_else(without_buffer)
}

impl Buffer {
    /// `None` if the system has none.
    fn next(&mut self) -> Option<u64> {
        if let Some(bits) = self.unused() {
            return Some(bits);
        }
        getrandom::fill(&mut self.bytes).ok()?;
        self.used = 0;
        self.unused()
    }

    fn unused(&mut self) -> Option<u64> {
        let bytes = self.bytes.get(self.used..)?.first_chunk()?;
        self.used = self.used.saturating_add(size_of::<u64>());
        Some(u64::from_ne_bytes(*bytes))
    }
}

/// Where the thread ends, or the system has no random bits: those that hash tables are seeded with.
#[cold]
fn without_buffer() -> u64 {
    getrandom::u64().unwrap_or_else(|_| random_bits())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::bits;

    #[test]
    fn bits_do_not_repeat_where_the_buffer_is_filled_again() {
        let numbers: HashSet<u64> = (0..1_000).map(|_| bits()).collect();
        assert_eq!(numbers.len(), 1_000);
    }
}
