//! The only script that runs in the server, its calls, and the names of keys in these calls.

use std::fmt;

use redis::Cmd;
use sha2::{Digest, Sha256};

use crate::{
    layers::rate_limit::gcra::{Decision, Gcra, MAX_QUOTAS},
    request::key::{KeySha256, KeyWriter},
    support::redis::{Script, ScriptForm},
};

static SCRIPT: Script = Script::new(include_str!("script.lua"));

/// The longest time until a quota is full: 104 days. Lua's numbers are exact up to here.
pub(super) const MAX_UNTIL_FULL: u64 = (1 << 53) - 1;

/// What to do with a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operation {
    /// Take units from every quota: as many as are available, but not fewer than `min` and not more
    /// than `max`. `returned` units are given back before.
    Take {
        min: u32,
        max: u32,
        returned: u32,
    },
    /// Charge units, however much is left; negative to give back.
    Charge(i64),
    /// Let nothing through for this number of nanoseconds.
    Block(u64),
    Peek,
    Reset,
}

/// The script's answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reply {
    pub(super) taken: u32,
    pub(super) decision: Decision,
}

/// The call of the script; `now` if the limit has its own clock.
pub(super) fn call(
    quotas: &[Gcra],
    key: &str,
    operation: Operation,
    now: Option<u64>,
    form: ScriptForm,
) -> Cmd {
    let mut call = SCRIPT.call(form, key);
    match operation {
        Operation::Take { min, max, returned } => call.arg("take").arg(min).arg(max).arg(returned),
        Operation::Charge(units) => call.arg("charge").arg(units).arg(0).arg(0),
        Operation::Block(duration) => {
            let duration = duration.min(MAX_UNTIL_FULL);
            call.arg("block").arg(duration).arg(0).arg(0)
        }
        Operation::Peek => call.arg("peek").arg(0).arg(0).arg(0),
        Operation::Reset => call.arg("reset").arg(0).arg(0).arg(0),
    };
    match now {
        Some(now) => call.arg(now),
        None => call.arg(""),
    };
    for quota in quotas {
        call.arg(quota.name_in_store())
            .arg(quota.interval())
            .arg(quota.refill_time());
    }
    call
}

impl Reply {
    /// `None` if it is not an answer of the script.
    pub(super) fn read(numbers: &[i64]) -> Option<Self> {
        let [taken, violated, rest @ ..] = numbers else {
            return None;
        };
        let mut until_full = [0; MAX_QUOTAS];
        for (to, from) in until_full.iter_mut().zip(rest) {
            *to = u64::try_from(*from).ok()?;
        }
        Some(Self {
            taken: u32::try_from(*taken).ok()?,
            decision: Decision::from_parts(u8::try_from(*violated).ok()?, until_full),
        })
    }
}

/// Names the keys of a limit so that nothing about a client can be read in the server: the common
/// prefix, and the common start of the hash.
#[derive(Clone)]
pub(super) struct Names {
    /// `prefix:limit:{`
    start: String,
    /// Has hashed the secret and the name of the limit.
    hash: Sha256,
}

/// The name of a key.
#[derive(Clone)]
pub(in crate::layers::rate_limit) struct Name {
    text: String,
    id: u128,
}

impl Names {
    /// With another `secret`, names differ; it may be empty.
    pub(super) fn new(prefix: &str, limit: &str, secret: &[u8]) -> Self {
        let mut hash = KeySha256(Sha256::new());
        KeyWriter::new(&mut hash).bytes(secret);
        KeyWriter::new(&mut hash).bytes(limit.as_bytes());
        Self {
            start: format!("{prefix}:{limit}:{{"),
            hash: hash.0,
        }
    }

    /// `prefix:limit:{hash}` of the written key, if all of it could be written. In a cluster the hash
    /// alone determines the slot.
    pub(super) fn name<E>(
        &self,
        write: impl FnOnce(&mut KeyWriter<'_>) -> Result<(), E>,
    ) -> Result<Name, E> {
        let mut hash = KeySha256(self.hash.clone());
        write(&mut KeyWriter::new(&mut hash))?;
        let mut half = [0; 16];
        for (to, from) in half.iter_mut().zip(hash.0.finalize()) {
            *to = from;
        }
        let id = u128::from_be_bytes(half);
        let mut text = String::with_capacity(self.start.len().saturating_add(23));
        text.push_str(&self.start);
        write_base64url(id, &mut text);
        text.push('}');
        Ok(Name { text, id })
    }
}

impl Name {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The hash in it.
    pub(in crate::layers::rate_limit) const fn id(&self) -> u128 {
        self.id
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Name(..)")
    }
}

/// 128 bits in 22 characters, without padding.
fn write_base64url(number: u128, out: &mut String) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for n in 0..22_u32 {
        // The last character stands for two bits.
        let shifted = match 122_u32.checked_sub(n.saturating_mul(6)) {
            Some(right) => number >> right,
            None => number << 4,
        };
        let digit = usize::try_from(shifted & 63).unwrap_or_default();
        out.push(char::from(ALPHABET.get(digit).copied().unwrap_or_default()));
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

    use super::{Name, Names, write_base64url};
    use crate::request::key::KeyPart;

    fn name(names: &Names, key: &str) -> Name {
        let Ok(name) = names.name::<Infallible>(|writer| {
            key.write(writer);
            Ok(())
        });
        name
    }

    #[test]
    fn hashes_are_written_in_base64url() {
        for number in [0, 1, u128::MAX, 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210] {
            let mut text = String::new();
            write_base64url(number, &mut text);
            assert_eq!(text, BASE64_URL_SAFE_NO_PAD.encode(number.to_be_bytes()));
        }
    }

    #[test]
    fn names_reveal_the_limit_but_not_the_key() {
        let names = Names::new("wythe", "login", b"");
        let name = name(&names, "ada@example.com");
        let text = name.text();
        assert!(text.starts_with("wythe:login:{") && text.ends_with('}'));
        assert_eq!(text.len(), "wythe:login:{}".len() + 22);
        assert!(!text.contains("ada"));
    }

    /// Processes of other versions must count under the same keys.
    #[test]
    fn names_never_change() {
        let name = name(&Names::new("wythe", "login", b""), "ada");
        assert_eq!(name.text(), "wythe:login:{fnSwv5Lmf8bGD3U1Yy3gnA}");
    }

    #[test]
    fn names_differ_by_limit_secret_and_key() {
        let id = |limit, secret: &[u8], key| name(&Names::new("wythe", limit, secret), key).id();
        let ids = [
            id("login", b"", "ada"),
            id("logi", b"", "nada"),
            id("login", b"", "bob"),
            id("api", b"", "ada"),
            id("login", b"pepper", "ada"),
        ];
        for (n, id) in ids.iter().enumerate() {
            assert!(!ids[..n].contains(id), "{n}");
        }
    }
}
