//! What stands under the key of a session: a version, when it ends, whose it is, and the data.
//!
//! `update.lua` and `touch.lua` know where each of these is.

use bytes::Bytes;

use super::super::{
    record::{SessionOwner, SessionRecord},
    time::{nanos, time},
};

/// The version of a session of nobody in particular, and of one with an owner.
const UNOWNED: u8 = 1;
const OWNED: u8 = 2;

pub(super) fn write(record: &SessionRecord) -> Vec<u8> {
    let owner = record.owner.as_ref().map(SessionOwner::as_bytes);
    let owner = owner.map_or(&[][..], |owner| owner);
    let version = if owner.is_empty() { UNOWNED } else { OWNED };
    let ends = end(nanos(record.expires));
    [&[version], &ends[..], owner, &record.data].concat()
}

/// When it ends, as it stands after the version: in nanoseconds since 1970.
pub(super) const fn end(expires: u64) -> [u8; 8] {
    expires.to_be_bytes()
}

/// `None` if it is something else.
pub(super) fn read(value: Vec<u8>) -> Option<SessionRecord> {
    let mut data = Bytes::from(value);
    let (head, mut rest) = data.split_first_chunk::<9>()?;
    let [version, ends @ ..] = *head;
    let owner = match version {
        UNOWNED => None,
        OWNED => {
            let (owner, after) = rest.split_first_chunk::<32>()?;
            rest = after;
            Some(SessionOwner::from_bytes(*owner))
        }
        _ => return None,
    };
    let start = data.len().checked_sub(rest.len())?;
    let ends = time(u64::from_be_bytes(ends));
    let record = SessionRecord::new(data.split_off(start), ends);
    Some(match owner {
        Some(owner) => record.owned_by(owner),
        None => record,
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use bytes::Bytes;
    use proptest::prelude::*;

    use super::{SessionOwner, SessionRecord, read, write};

    proptest! {
        #[test]
        fn reads_what_was_written(data: Vec<u8>, nanos: u64, owner: Option<[u8; 32]>) {
            let ends = UNIX_EPOCH + Duration::from_nanos(nanos);
            let mut record = SessionRecord::new(Bytes::from(data), ends);
            record.owner = owner.map(SessionOwner::from_bytes);
            prop_assert_eq!(read(write(&record)), Some(record));
        }

        #[test]
        fn what_is_read_is_written_the_same(value: Vec<u8>) {
            if let Some(record) = read(value.clone()) {
                prop_assert_eq!(write(&record), value);
            }
        }
    }

    #[test]
    fn refuses_what_is_no_session() {
        let cases: [(&str, &[u8]); 5] = [
            ("nothing", b""),
            ("another version", &[3; 64]),
            ("text", b"another application's"),
            ("no time", &[1; 8]),
            ("half an owner", &[2; 40]),
        ];
        for (name, value) in cases {
            assert_eq!(read(value.to_vec()), None, "{name}");
        }
    }
}
