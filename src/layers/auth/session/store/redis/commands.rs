//! The commands to the server, its answers, and the stored value of a session.

use std::sync::Arc;

use ::redis::{Cmd, RedisResult, ToRedisArgs, Value, cmd};
use base64::{
    display::Base64Display,
    engine::{GeneralPurpose, general_purpose::URL_SAFE_NO_PAD},
};
use bytes::Bytes;

use super::super::record::{
    SessionId, SessionOwner, SessionRecord, SessionStoreError, StoreFailure, nanos, time,
};
use crate::support::redis::{Failure, Script, ScriptForm};

static INDEX: Script = Script::new(include_str!("index.lua"));
static UPDATE: Script = Script::new(include_str!("update.lua"));
static TOUCH: Script = Script::new(include_str!("touch.lua"));

/// How long the index keeps sessions after they expire, in milliseconds: assumes that clocks differ by
/// less than a day.
const GRACE: u64 = 24 * 60 * 60 * 1_000;

/// A hundred years in milliseconds: the server rejects times that are out of range.
const MAX_TTL: u64 = 100 * 365 * 24 * 60 * 60 * 1_000;

/// How many sessions one command removes.
const BATCH: isize = 100;

const ALPHABET: &GeneralPurpose = &URL_SAFE_NO_PAD;

/// The keys of a store.
#[derive(Clone)]
pub(super) struct Keys(pub(super) Arc<str>);

impl From<&str> for Keys {
    fn from(prefix: &str) -> Self {
        Self(prefix.into())
    }
}

impl Keys {
    pub(super) fn session(&self, id: &SessionId) -> String {
        format!("{}:{}", self.0, Base64Display::new(id.as_bytes(), ALPHABET))
    }

    fn owner(&self, owner: &SessionOwner) -> String {
        let owner = Base64Display::new(owner.as_bytes(), ALPHABET);
        format!("{}:owner:{owner}", self.0)
    }

    pub(super) fn get(&self, id: &SessionId) -> Cmd {
        with("GET", self.session(id))
    }

    pub(super) fn get_all(&self, ids: &[SessionId]) -> Cmd {
        let keys: Vec<_> = ids.iter().map(|id| self.session(id)).collect();
        with("MGET", keys)
    }

    /// Writes a new session that expires in `left` milliseconds, at least 1.
    pub(super) fn set(&self, id: &SessionId, value: &[u8], left: u64) -> Cmd {
        let mut set = with("SET", self.session(id));
        set.arg(value).arg("PX").arg(left.min(MAX_TTL)).arg("NX");
        set
    }

    pub(super) fn update(&self, id: &SessionId, from: &[u8], to: &[u8], form: ScriptForm) -> Cmd {
        let mut call = UPDATE.call(form, self.session(id));
        call.arg(to).arg(from);
        call
    }

    /// Takes the serialized expiry, and the milliseconds until then.
    pub(super) fn touch(
        &self,
        id: &SessionId,
        (ends, left): (&[u8; 8], u64),
        owner: Option<&SessionOwner>,
        form: ScriptForm,
    ) -> Cmd {
        let mut call = TOUCH.call(form, self.session(id));
        let owner = owner.map(SessionOwner::as_bytes);
        call.arg(&ends[..]).arg(left.min(MAX_TTL));
        call.arg(owner.map_or(&[][..], |owner| owner));
        call
    }

    pub(super) fn delete(&self, id: &SessionId) -> Cmd {
        with("DEL", self.session(id))
    }

    pub(super) fn delete_all(&self, ids: &[SessionId]) -> Cmd {
        let keys: Vec<_> = ids.iter().map(|id| self.session(id)).collect();
        with("DEL", keys)
    }

    /// Adds a session to the index of its owner, until this time, in milliseconds.
    pub(super) fn add_to_index(
        &self,
        owner: &SessionOwner,
        id: &SessionId,
        (ends, now): (u64, u64),
        form: ScriptForm,
    ) -> Cmd {
        let mut call = INDEX.call(form, self.owner(owner));
        call.arg(&id.as_bytes()[..]);
        let ends = ends.min(now.saturating_add(MAX_TTL));
        call.arg(ends).arg(now).arg(GRACE);
        call
    }

    /// A batch of an owner's sessions.
    pub(super) fn index_page(&self, owner: &SessionOwner) -> Cmd {
        let mut range = with("ZRANGE", self.owner(owner));
        range.arg(0).arg(BATCH - 1);
        range
    }

    pub(super) fn remove_from_index(&self, owner: &SessionOwner, ids: &[SessionId]) -> Cmd {
        let mut command = with("ZREM", self.owner(owner));
        for id in ids {
            command.arg(&id.as_bytes()[..]);
        }
        command
    }
}

fn with(name: &str, argument: impl ToRedisArgs) -> Cmd {
    let mut command = cmd(name);
    command.arg(argument);
    command
}

/// The answer to a command, or an error that concerns only this command.
pub(super) type CommandResult = Result<Value, SessionStoreError>;

/// Separates out the errors that concern only one command: a key with a value of another type, and a
/// server that is out of memory, which can still be read.
pub(super) fn command_result(answer: RedisResult<Value>) -> RedisResult<CommandResult> {
    let error = match answer {
        Ok(answer) => return Ok(Ok(answer)),
        Err(error) => error,
    };
    match error.code() {
        Some("WRONGTYPE") => Ok(Err(StoreFailure::Unreadable("of another type").into())),
        Some("OOM") => Ok(Err(StoreFailure::Server(Failure::Server(error)).into())),
        _ => Err(error),
    }
}

/// The answer to a conditional `SET`: whether the condition was met.
pub(super) const fn was_set(answer: &Value) -> Option<bool> {
    match answer {
        Value::Okay => Some(true),
        Value::Nil => Some(false),
        _ => None,
    }
}

pub(super) fn number(answer: &Value) -> Option<u64> {
    match answer {
        Value::Int(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}

/// The result of changing the expiry of a session.
pub(super) enum Touched {
    Done,
    Gone,
    /// The index of this owner has to be updated first: see [`indexed_until`].
    Owned(SessionOwner),
}

pub(super) fn touched(answer: Value) -> Option<Touched> {
    match answer {
        Value::Int(0) => Some(Touched::Gone),
        Value::Int(_) => Some(Touched::Done),
        Value::BulkString(owner) => {
            let owner = <[u8; 32]>::try_from(owner).ok()?;
            Some(Touched::Owned(SessionOwner::from_bytes(owner)))
        }
        _ => None,
    }
}

/// The ids in an index; `None` if the answer is something else.
pub(super) fn ids(answer: Value) -> Option<Vec<SessionId>> {
    let Value::Array(values) = answer else {
        return None;
    };
    let id = |value| match value {
        Value::BulkString(bytes) => <[u8; 32]>::try_from(bytes).ok().map(SessionId::from_bytes),
        _ => None,
    };
    values.into_iter().map(id).collect()
}

// The value of a session: a version, the expiry, the owner, and the data. `update.lua` and `touch.lua`
// depend on this layout.

/// The version of a session without an owner, and of one with an owner.
const UNOWNED: u8 = 1;
const OWNED: u8 = 2;

pub(super) fn write_value(record: &SessionRecord) -> Vec<u8> {
    let owner = record.owner.as_ref().map(SessionOwner::as_bytes);
    let owner = owner.map_or(&[][..], |owner| owner);
    let version = if owner.is_empty() { UNOWNED } else { OWNED };
    let ends = expiry_bytes(nanos(record.expires));
    [&[version], &ends[..], owner, &record.data].concat()
}

/// Until when the owner's index lists a session with this expiry, in nanoseconds. It is the same for
/// all times that share their first two bytes, which cover 3.26 days, so that noting a use seldom
/// changes the index.
pub(super) const fn indexed_until(expires: u64) -> u64 {
    expires | (u64::MAX >> 16)
}

/// The expiry as it is stored after the version: in nanoseconds since 1970.
pub(super) const fn expiry_bytes(expires: u64) -> [u8; 8] {
    expires.to_be_bytes()
}

/// The session in a value; `None` if it is something else.
pub(super) fn read_value(value: Vec<u8>) -> Option<SessionRecord> {
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

    use super::{SessionOwner, SessionRecord, read_value, write_value};

    proptest! {
        #[test]
        fn reads_what_was_written(data: Vec<u8>, nanos: u64, owner: Option<[u8; 32]>) {
            let ends = UNIX_EPOCH + Duration::from_nanos(nanos);
            let mut record = SessionRecord::new(Bytes::from(data), ends);
            record.owner = owner.map(SessionOwner::from_bytes);
            prop_assert_eq!(read_value(write_value(&record)), Some(record));
        }

        #[test]
        fn writes_what_was_read(value: Vec<u8>) {
            if let Some(record) = read_value(value.clone()) {
                prop_assert_eq!(write_value(&record), value);
            }
        }
    }

    #[test]
    fn rejects_other_values() {
        let cases: [(&str, &[u8]); 5] = [
            ("nothing", b""),
            ("another version", &[3; 64]),
            ("text", b"another application's"),
            ("no time", &[1; 8]),
            ("half an owner", &[2; 40]),
        ];
        for (name, value) in cases {
            assert_eq!(read_value(value.to_vec()), None, "{name}");
        }
    }
}
