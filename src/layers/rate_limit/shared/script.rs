//! The one script that runs in the server, and how it is called.

use std::sync::LazyLock;

use redis::{Cmd, Script};

use super::super::{
    rule::Rule,
    verdict::{MOST_QUOTAS, Verdict},
};

const SOURCE: &str = include_str!("script.lua");

/// The source with its SHA-1, by which servers know it.
static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(SOURCE));

/// The furthest that a key can be ahead: 104 days. Numbers in Lua are exact up to here.
pub(super) const FURTHEST: u64 = (1 << 53) - 1;

/// The quotas of a plan, as the script takes them.
pub(super) struct Terms(Box<[Term]>);

struct Term {
    name: String,
    interval: String,
    whole: String,
}

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
    /// Let nothing through for so many nanoseconds.
    Block(u64),
    Peek,
    Reset,
}

/// What the script answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reply {
    pub(super) taken: u32,
    pub(super) verdict: Verdict,
}

impl Terms {
    pub(super) fn new(rules: &[Rule]) -> Self {
        let terms = rules.iter().map(|rule| Term {
            name: rule.name().to_owned(),
            interval: rule.interval().to_string(),
            whole: rule.whole().to_string(),
        });
        Self(terms.collect())
    }

    /// The call of the script; `now` if the limit has a clock of its own. `whole_text` sends the
    /// source as well, for servers that do not have it.
    pub(super) fn call(
        &self,
        key: &str,
        operation: Operation,
        now: Option<u64>,
        whole_text: bool,
    ) -> Cmd {
        let mut call = if whole_text {
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
            Operation::Take { least, most, back } => {
                call.arg("take").arg(least).arg(most).arg(back)
            }
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
        for term in &self.0 {
            call.arg(&term.name).arg(&term.interval).arg(&term.whole);
        }
        call
    }
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
            verdict: Verdict::new(u8::try_from(*violated).ok()?, ahead),
        })
    }
}
