//! The one script that runs in the server, and how it is called.

use std::sync::LazyLock;

use redis::{Cmd, Script};

use crate::layers::rate_limit::gcra::{Decision, Gcra, MOST_QUOTAS};

const SOURCE: &str = include_str!("script.lua");

/// The source with its SHA-1, by which servers know it.
static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(SOURCE));

/// The furthest that a key can be ahead: 104 days. Numbers in Lua are exact up to here.
pub(super) const FURTHEST: u64 = (1 << 53) - 1;

/// What to do with a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operation {
    /// Take units from every quota: as many as there are, but not fewer than `least` and not more
    /// than `most`. `back` are given back before.
    Take {
        least: u32,
        most: u32,
        back: u32,
    },
    /// Charge units, whatever is left; negative to give back.
    Charge(i64),
    /// Let nothing through for this many nanoseconds.
    Block(u64),
    Peek,
    Reset,
}

/// What the script answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reply {
    pub(super) taken: u32,
    pub(super) decision: Decision,
}

/// The call of the script; `now` if the limit has a clock of its own. `source` sends the script as
/// well, to servers that do not have it.
pub(super) fn call(
    quotas: &[Gcra],
    key: &str,
    operation: Operation,
    now: Option<u64>,
    source: bool,
) -> Cmd {
    let mut call = if source {
        let mut call = redis::cmd("EVAL");
        call.arg(SOURCE);
        call
    } else {
        let mut call = redis::cmd("EVALSHA");
        call.arg(SCRIPT.get_hash());
        call
    };
    call.arg(1).arg(key);
    match operation {
        Operation::Take { least, most, back } => call.arg("take").arg(least).arg(most).arg(back),
        Operation::Charge(units) => call.arg("charge").arg(units).arg(0).arg(0),
        Operation::Block(duration) => {
            let duration = duration.min(FURTHEST);
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
            .arg(quota.whole());
    }
    call
}

impl Reply {
    /// `None` if it is not what the script answers.
    pub(super) fn read(numbers: &[i64]) -> Option<Self> {
        let [taken, violated, rest @ ..] = numbers else {
            return None;
        };
        let mut ahead = [0; MOST_QUOTAS];
        for (to, from) in ahead.iter_mut().zip(rest) {
            *to = u64::try_from(*from).ok()?;
        }
        Some(Self {
            taken: u32::try_from(*taken).ok()?,
            decision: Decision::made(u8::try_from(*violated).ok()?, ahead),
        })
    }
}
