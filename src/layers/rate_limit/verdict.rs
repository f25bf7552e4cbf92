//! Decides about one request by all quotas of a limit: all or nothing.

use super::rule::{FURTHEST, Rule, Standing};

/// The most quotas that one limit can have.
pub(super) const MOST_QUOTAS: usize = 8;

/// The decision about one request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Verdict {
    /// A bit for each quota that is spent; if there is one, nothing was taken from the others.
    violated: u8,
    /// For each quota, how many nanoseconds from now it will be whole.
    ahead: [u64; MOST_QUOTAS],
}

/// Takes units from every quota of a key, or from none. `times` are those at which the quotas will
/// be whole.
pub(super) fn judge(rules: &[Rule], times: &mut [u64], now: u64, units: u32) -> Verdict {
    let before = Verdict::standing_at(times, now);
    let mut after = before;
    for (n, (rule, ahead)) in rules.iter().zip(&mut after.ahead).enumerate() {
        match rule.take(*ahead, units) {
            Some(further) => *ahead = further,
            None => after.violated |= 1 << n,
        }
    }
    if after.violated != 0 {
        return Verdict {
            violated: after.violated,
            ..before
        };
    }
    after.keep(times, now);
    after
}

/// Changes every quota of a key, whatever is left of it.
pub(super) fn force(
    rules: &[Rule],
    times: &mut [u64],
    now: u64,
    change: impl Fn(&Rule, u64) -> u64,
) -> Verdict {
    let mut verdict = Verdict::standing_at(times, now);
    verdict.change(rules, change);
    verdict.keep(times, now);
    verdict
}

#[cfg(feature = "rate-limit-redis")]
impl Verdict {
    /// All quotas are whole.
    pub(super) const WHOLE: Self = Self::new(0, [0; MOST_QUOTAS]);

    pub(super) const fn new(violated: u8, ahead: [u64; MOST_QUOTAS]) -> Self {
        Self { violated, ahead }
    }

    /// Nanoseconds after which a refused request of so many units would pass.
    pub(super) fn wait(&self, rules: &[Rule], units: u32) -> u64 {
        let both = rules.iter().zip(self.ahead).enumerate();
        let spent = both.filter(|(n, _)| self.violates(*n));
        let waits = spent.map(|(_, (rule, ahead))| rule.wait_nanoseconds(ahead, units.max(1)));
        waits.max().unwrap_or_default()
    }
}

impl Verdict {
    /// What the times say, before anything is taken.
    pub(super) fn standing_at(times: &[u64], now: u64) -> Self {
        let mut verdict = Self::default();
        for (ahead, time) in verdict.ahead.iter_mut().zip(times) {
            // A clock that was set back far leaves times that are further ahead than any quota.
            *ahead = time.saturating_sub(now).min(FURTHEST);
        }
        verdict
    }

    fn keep(&self, times: &mut [u64], now: u64) {
        for (time, ahead) in times.iter_mut().zip(self.ahead) {
            *time = now.saturating_add(ahead);
        }
    }

    /// Changes the distance of every quota.
    pub(super) fn change(&mut self, rules: &[Rule], change: impl Fn(&Rule, u64) -> u64) {
        for (rule, ahead) in rules.iter().zip(&mut self.ahead) {
            *ahead = change(rule, *ahead);
        }
    }

    pub(super) const fn passes(&self) -> bool {
        self.violated == 0
    }

    /// A bit for each quota that is spent.
    pub(super) const fn violated(&self) -> u8 {
        self.violated
    }

    pub(super) const fn violates(&self, n: usize) -> bool {
        self.violated & (1 << n) != 0
    }

    /// The quotas, and what is left of each.
    pub(super) fn standings<'a>(
        &'a self,
        rules: &'a [Rule],
    ) -> impl Iterator<Item = (usize, &'a Rule, Standing)> {
        let both = rules.iter().zip(self.ahead).enumerate();
        both.map(|(n, (rule, ahead))| (n, rule, rule.standing(ahead)))
    }

    /// Seconds after which a refused request of so many units would pass: never 0, and never
    /// sooner than what is said of a quota that is spent.
    pub(super) fn retry_after(&self, rules: &[Rule], units: u32) -> u64 {
        let both = rules.iter().zip(self.ahead).enumerate();
        let spent = both.filter(|(n, _)| self.violates(*n));
        let waits = spent.map(|(_, (rule, ahead))| rule.wait(ahead, units.max(1)));
        waits.max().unwrap_or_default().max(1)
    }
}
