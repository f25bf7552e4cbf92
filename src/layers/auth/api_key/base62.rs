//! Writes random text and checksums in letters and digits, as GitHub's tokens do.

use std::io;

use zeroize::Zeroizing;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The characters of a checksum: 62 to the sixth is more than 2 to the 32nd.
pub(super) const CHECKSUM: usize = 6;

/// For each byte, what it makes of a checksum: CRC-32 of IEEE 802.3, the one of zip and PNG.
static TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "less than 256")]
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

/// The CRC-32 of a text, in six characters.
pub(super) fn checksum(text: &[u8]) -> [u8; CHECKSUM] {
    let crc = text.iter().fold(u32::MAX, |crc, byte| {
        let [low, ..] = (crc ^ u32::from(*byte)).to_le_bytes();
        crc >> 8 ^ TABLE.get(usize::from(low)).copied().unwrap_or_default()
    });
    let mut left = !crc;
    let mut written = [b'0'; CHECKSUM];
    for place in written.iter_mut().rev() {
        *place = character(left % 62);
        left /= 62;
    }
    written
}

/// Appends so many random characters, each of them as likely as any other.
pub(super) fn random(length: usize, text: &mut String) -> io::Result<()> {
    let end = text.len().saturating_add(length);
    let mut bytes = Zeroizing::new([0; 64]);
    while text.len() < end {
        getrandom::fill(bytes.as_mut_slice())?;
        // Six bits stand for a character, or, twice in 64, for none: a remainder would favour some.
        let places = bytes
            .iter()
            .map(|byte| byte & 63)
            .filter(|place| *place < 62);
        let missing = end.saturating_sub(text.len());
        text.extend(
            places
                .take(missing)
                .map(|place| char::from(character(place.into()))),
        );
    }
    Ok(())
}

fn character(place: u32) -> u8 {
    let place = usize::try_from(place).unwrap_or_default();
    ALPHABET.get(place).copied().unwrap_or(b'0')
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{ALPHABET, checksum, random};

    #[test]
    fn checksums_are_those_of_github() {
        // A revoked token that is often quoted: `ghp_` and this.
        assert_eq!(&checksum(b"zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ"), b"0mLq17");
        // The check value of CRC-32, 0xcbf43926.
        assert_eq!(&checksum(b"123456789"), b"3jZRME");
        assert_eq!(&checksum(b""), b"000000");
    }

    #[test]
    fn random_text_has_the_length_and_uses_the_alphabet() {
        let mut text = "before".to_owned();
        random(62 * 100, &mut text).unwrap();
        let text = text.strip_prefix("before").unwrap();
        assert_eq!(text.len(), 62 * 100);
        // Each is missing with a probability of e to the -100th.
        let used: HashSet<u8> = text.bytes().collect();
        assert_eq!(used, ALPHABET.iter().copied().collect());
    }
}
