//! Writes computed header values without an allocation for each.
//!
//! A `HeaderValue` owns its bytes, so a computed value usually costs an allocation. Here, values are
//! split off a chunk that belongs to the thread: about a hundred values share one allocation, and the
//! chunk is reused once all of them have been sent. A value that is kept for long keeps its chunk
//! alive, which is why chunks are small.

use std::{cell::Cell, thread::AccessError};

use bytes::{BufMut, BytesMut};
use http::HeaderValue;

/// The size of a chunk.
const CHUNK: usize = 4096;

thread_local! {
    static BUFFER: Cell<BytesMut> = Cell::new(BytesMut::new());
}

/// Writes a header value of at most `size` bytes; a longer one allocates.
///
/// `None` if the text is not a valid header value.
pub(crate) fn header_value(
    size: usize,
    write: impl FnOnce(&mut ValueWriter),
) -> Option<HeaderValue> {
    // Taken out and put back, so that nothing is borrowed in between. A thread that is ending has
    // none.
    let mut chunk = BUFFER.try_with(Cell::take).unwrap_or_default();
    if !chunk.try_reclaim(size) {
        chunk = BytesMut::with_capacity(CHUNK.max(size));
    }
    let mut writer = ValueWriter(chunk);
    write(&mut writer);
    let value = writer.0.split().freeze();
    // An error means that the thread is ending: the chunk goes with it.
    let _: Result<(), AccessError> = BUFFER.try_with(|cell| cell.set(writer.0));
    HeaderValue::from_maybe_shared(value).ok()
}

/// Writes the text of a value.
pub(crate) struct ValueWriter(BytesMut);

impl ValueWriter {
    pub(crate) fn text(&mut self, text: &str) {
        self.0.put_slice(text.as_bytes());
    }

    /// A number in decimal digits.
    pub(crate) fn number(&mut self, number: u64) {
        self.text(itoa::Buffer::new().format(number));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{CHUNK, header_value};

    #[test]
    fn writes_text_and_numbers() {
        for number in [0, 9, 10, 42, 1_000_000, u64::MAX] {
            let value = header_value(32, |out| {
                out.text("t=");
                out.number(number);
            });
            assert_eq!(value.unwrap(), format!("t={number}").as_str());
        }
    }

    #[test]
    fn values_that_are_kept_share_chunks_and_stay_as_they_were() {
        let values: Vec<_> = (0..1000)
            .map(|n| header_value(32, |out| out.number(1_000_000 + n)).unwrap())
            .collect();
        for (n, value) in values.iter().enumerate() {
            assert_eq!(value, (1_000_000 + n).to_string().as_str());
        }
        let end_to_end = values
            .windows(2)
            .filter(|pair| pair[0].as_bytes().as_ptr_range().end == pair[1].as_bytes().as_ptr())
            .count();
        // 7 bytes each, and a chunk is left when fewer than 32 are free.
        assert!(end_to_end > 1000 - 4, "{end_to_end}");
    }

    #[test]
    fn a_chunk_is_used_again_when_its_values_are_gone() {
        let places: HashSet<_> = (0..10 * CHUNK)
            .map(|_| {
                header_value(32, |out| out.text("gone"))
                    .unwrap()
                    .as_bytes()
                    .as_ptr()
            })
            .collect();
        assert!(places.len() <= CHUNK, "{}", places.len());
    }

    #[test]
    fn an_invalid_header_value_is_none() {
        assert!(header_value(8, |out| out.text("a\r\nb: c")).is_none());
        assert_eq!(
            header_value(8, |out| out.text("still works")).unwrap(),
            "still works"
        );
    }
}
