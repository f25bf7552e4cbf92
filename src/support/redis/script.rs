//! Scripts that run in the server.

use std::{sync::OnceLock, time::Duration};

use redis::{Cmd, ToRedisArgs, cmd};

/// A script that runs in the server, for one key.
pub(crate) struct Script {
    source: &'static str,
    /// Has the SHA-1 of the source.
    hashed: OnceLock<redis::Script>,
}

/// How a call names its script.
#[derive(Clone, Copy)]
pub(crate) enum ScriptForm {
    /// By its SHA-1, which is short, but the server may not know it.
    Hash,
    /// By its source.
    Source,
}

impl Script {
    pub(crate) const fn new(source: &'static str) -> Self {
        Self {
            source,
            hashed: OnceLock::new(),
        }
    }

    /// The call of the script for this key; its arguments are to be added.
    pub(crate) fn call(&self, form: ScriptForm, key: impl ToRedisArgs) -> Cmd {
        let mut call = match form {
            ScriptForm::Hash => {
                let hashed = self.hashed.get_or_init(|| redis::Script::new(self.source));
                let mut call = cmd("EVALSHA");
                call.arg(hashed.get_hash());
                call
            }
            ScriptForm::Source => {
                let mut call = cmd("EVAL");
                call.arg(self.source);
                call
            }
        };
        call.arg(1).arg(key);
        call
    }
}

/// A time to live in milliseconds: rounded up, at least 1, and at most a hundred years, because the
/// server rejects times that are out of range.
pub(crate) fn milliseconds(time: Duration) -> u64 {
    const MAX: u64 = 100 * 365 * 24 * 60 * 60 * 1_000;

    let milliseconds = time.as_nanos().div_ceil(1_000_000);
    u64::try_from(milliseconds).map_or(MAX, |time| time.clamp(1, MAX))
}
