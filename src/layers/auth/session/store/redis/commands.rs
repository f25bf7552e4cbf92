//! What the server is asked, and how its answers are read.

use std::sync::{Arc, LazyLock};

use ::redis::{Cmd, RedisResult, Script, ToRedisArgs, Value, cmd};
use base64::{
    display::Base64Display,
    engine::{GeneralPurpose, general_purpose::URL_SAFE_NO_PAD},
};

use super::super::{
    error::{Kind, SessionStoreError},
    record::{SessionId, SessionOwner},
};
use crate::support::redis::Failure;

/// A source with its SHA-1, by which servers know it.
type Known = LazyLock<(&'static str, Script)>;

macro_rules! script {
    ($file:literal) => {
        LazyLock::new(|| {
            let source = include_str!($file);
            (source, Script::new(source))
        })
    };
}

static INDEX: Known = script!("index.lua");
static UPDATE: Known = script!("update.lua");
static TOUCH: Known = script!("touch.lua");

/// Milliseconds for which the index keeps what should be over: clocks differ by less than a day.
const GRACE: u64 = 24 * 60 * 60 * 1_000;

/// A hundred years, in ms: the server refuses times that do not fit.
const LONGEST: u64 = 100 * 365 * 24 * 60 * 60 * 1_000;

/// So many sessions end with one command.
const AT_ONCE: isize = 100;

const ALPHABET: &GeneralPurpose = &URL_SAFE_NO_PAD;

/// The keys of a store.
#[derive(Clone)]
pub(super) struct Keys(pub(super) Arc<str>);

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

    /// Writes a new session, for so many milliseconds, more than 0.
    pub(super) fn set(&self, id: &SessionId, value: &[u8], left: u64) -> Cmd {
        let mut set = with("SET", self.session(id));
        set.arg(value).arg("PX").arg(left.min(LONGEST)).arg("NX");
        set
    }

    pub(super) fn update(&self, id: &SessionId, data: &[u8], source: bool) -> Cmd {
        let mut call = call(&UPDATE, self.session(id), source);
        call.arg(data);
        call
    }

    /// The end as it is written, and in how many milliseconds that is.
    pub(super) fn touch(
        &self,
        id: &SessionId,
        (ends, left): (&[u8; 8], u64),
        owner: Option<&SessionOwner>,
        source: bool,
    ) -> Cmd {
        let mut call = call(&TOUCH, self.session(id), source);
        let owner = owner.map(SessionOwner::as_bytes);
        call.arg(&ends[..]).arg(left.min(LONGEST));
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

    /// Enters a session of an owner into the index.
    pub(super) fn enter(
        &self,
        owner: &SessionOwner,
        id: &SessionId,
        (ends, now): (u64, u64),
        source: bool,
    ) -> Cmd {
        let mut call = call(&INDEX, self.owner(owner), source);
        call.arg(&id.as_bytes()[..]);
        let ends = ends.min(now.saturating_add(LONGEST));
        call.arg(ends).arg(now).arg(GRACE);
        call
    }

    /// Some sessions of an owner.
    pub(super) fn some_of(&self, owner: &SessionOwner) -> Cmd {
        let mut range = with("ZRANGE", self.owner(owner));
        range.arg(0).arg(AT_ONCE - 1);
        range
    }

    pub(super) fn strike(&self, owner: &SessionOwner, ids: &[SessionId]) -> Cmd {
        let mut strike = with("ZREM", self.owner(owner));
        for id in ids {
            strike.arg(&id.as_bytes()[..]);
        }
        strike
    }
}

/// The call of a script with this key, by its hash or with its source.
fn call((text, script): &(&'static str, Script), key: String, source: bool) -> Cmd {
    let mut call = if source {
        with("EVAL", *text)
    } else {
        with("EVALSHA", script.get_hash())
    };
    call.arg(1).arg(key);
    call
}

fn with(name: &str, argument: impl ToRedisArgs) -> Cmd {
    let mut command = cmd(name);
    command.arg(argument);
    command
}

/// What the server says to a command, if only to this one.
pub(super) type Said = Result<Value, SessionStoreError>;

/// Some errors are nothing that others should not ask the server for: a key of another kind, and a
/// server that is full, which can still be read.
pub(super) fn said(answer: RedisResult<Value>) -> RedisResult<Said> {
    let error = match answer {
        Ok(answer) => return Ok(Ok(answer)),
        Err(error) => error,
    };
    match error.code() {
        Some("WRONGTYPE") => Ok(Err(Kind::Unreadable("of another type").into())),
        Some("OOM") => Ok(Err(Kind::Server(Failure::Server(error)).into())),
        _ => Err(error),
    }
}

/// The answer of a `SET` with a condition: whether it was fulfilled.
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

/// What becomes of the end of a session.
pub(super) enum Touched {
    Done,
    Gone,
    /// The index of this owner has to know first.
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

/// The ids of an index. What is none stays `None`.
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
