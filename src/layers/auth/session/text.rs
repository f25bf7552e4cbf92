//! How a session is serialized: `1.created.seen.id.data`, the data as JSON.
//!
//! The data is separate, so that it is not serialized again when a use of the session is noted: an
//! older version of the program would drop fields that it does not know. In a store, noting a use does
//! not even change `seen`, only the expiry of the record.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::{lifetime::Times, store::SessionId};

const VERSION: &str = "1";

/// A serialized session.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Text<'a> {
    pub(super) id: SessionId,
    pub(super) times: Times,
    pub(super) data: &'a str,
}

impl<'a> Text<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(5, '.');
        if parts.next()? != VERSION {
            return None;
        }
        let (created, seen) = (parts.next()?, parts.next()?);
        let times = Times {
            created: created.parse().ok()?,
            seen: seen.parse().ok()?,
        };
        let id = decode(parts.next()?.as_bytes())?;
        Some(Self {
            id: SessionId::from_bytes(*id),
            times,
            data: parts.next()?,
        })
    }

    pub(super) fn write(&self) -> String {
        let Times { created, seen } = self.times;
        let id = encode(self.id.as_bytes());
        format!("{VERSION}.{created}.{seen}.{id}.{}", self.data)
    }
}

/// 43 characters; there is only one encoding of each id.
pub(super) fn encode(bytes: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn decode(text: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    // Text that decodes to another length is not an id.
    let length = URL_SAFE_NO_PAD.decode_slice(text, bytes.as_mut()).ok()?;
    (length == bytes.len()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{SessionId, Text, Times};

    #[test]
    fn rejects_other_versions_and_malformed_texts() {
        let right = "1.1.2.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.{}";
        assert!(Text::parse(right).is_some());
        for wrong in [
            "",
            "1",
            "2.1.2.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.{}",
            "1.x.2.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.{}",
            "1.1.18446744073709551616.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.{}",
            "1.1.2.AAAA.{}",
            "1.1.2.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB.{}",
            "1.1.2.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            assert_eq!(Text::parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn reads_what_was_written(id: [u8; 32], created: u64, seen: u64, data in "(?s).{0,40}") {
            let (id, times) = (SessionId::from_bytes(id), Times { created, seen });
            let text = Text { id, times, data: &data };
            let written = text.write();
            prop_assert_eq!(Text::parse(&written), Some(text));
        }

        #[test]
        fn never_panics(text in any::<String>()) {
            let _: Option<Text<'_>> = Text::parse(&text);
        }
    }
}
