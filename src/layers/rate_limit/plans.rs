//! Quotas by plan: what a customer pays for decides what they may do.

use std::{fmt, sync::Arc};

use http::request::Parts;

use super::{
    policy::{Quotas, RateLimit, rules},
    quota::Quota,
    rule::{Rule, error},
};
use crate::wire::ConfigError;

/// Quotas for each plan, checked; made by [`RateLimit::plans`]. What is missing is how the plan of
/// a request is found.
#[derive(Clone)]
#[must_use]
pub struct Plans<P> {
    plans: Vec<P>,
    rules: Vec<Arc<[Rule]>>,
}

/// The quotas of every plan, and which of them a request has.
#[derive(Clone)]
pub(super) struct Choice {
    pub(super) rules: Arc<[Arc<[Rule]>]>,
    pub(super) which: Option<Arc<dyn Fn(&Parts) -> Option<usize> + Send + Sync>>,
}

impl Choice {
    /// One set of quotas for all.
    pub(super) fn only(rules: Arc<[Rule]>) -> Self {
        Self {
            rules: Arc::new([rules]),
            which: None,
        }
    }
}

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.rules {
            [only] => only.fmt(f),
            plans => plans.fmt(f),
        }
    }
}

impl RateLimit<()> {
    /// Limits by quotas that depend on the plan of who sends the request.
    ///
    /// Each plan counts apart: who changes plans has the new quotas whole.
    ///
    /// # Example: ten times as much for those who pay
    ///
    /// ```
    /// use wythe::{Quota, RateLimit, with_rate_limit};
    ///
    /// #[derive(Clone, Copy, PartialEq)]
    /// enum Plan {
    ///     Free,
    ///     Paid,
    /// }
    ///
    /// #[derive(Clone)]
    /// struct User {
    ///     id: u64,
    ///     plan: Plan,
    /// }
    ///
    /// let plans = RateLimit::plans([
    ///     (Plan::Free, [Quota::per_minute(60)]),
    ///     (Plan::Paid, [Quota::per_minute(600)]),
    /// ])?;
    /// let limit = plans
    ///     .chosen_by_principal(|user: &User| user.plan)
    ///     .by_principal(|user: &User| &user.id);
    /// let layer = with_rate_limit(limit);
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - no plan, or one that is listed twice;
    /// - the quotas of a plan are impossible; see [`RateLimit::of`].
    pub fn plans<P, Q>(plans: impl IntoIterator<Item = (P, Q)>) -> Result<Plans<P>, ConfigError>
    where
        P: PartialEq,
        Q: IntoIterator<Item = Quota>,
    {
        let mut checked = Plans {
            plans: Vec::new(),
            rules: Vec::new(),
        };
        for (plan, quotas) in plans {
            if checked.plans.contains(&plan) {
                return Err(error("a plan is listed twice"));
            }
            checked.plans.push(plan);
            checked.rules.push(rules(quotas)?);
        }
        if checked.plans.is_empty() {
            return Err(error("a limit without a plan would refuse everything"));
        }
        Ok(checked)
    }
}

impl<P: PartialEq + Send + Sync + 'static> Plans<P> {
    /// The plan of a request, by its head and what outer layers have left in its extensions.
    ///
    /// A plan that is not listed is a mistake in the program: the request is answered with 500,
    /// never let through unlimited.
    pub fn chosen_by(self, plan: impl Fn(&Parts) -> P + Send + Sync + 'static) -> Quotas {
        self.chosen(move |head| Some(plan(head)))
    }

    /// The plan of the principal, whom [`with_auth`](crate::with_auth) has verified.
    ///
    /// Count [`by_principal`](Quotas::by_principal) as well, and the stack does not compile without
    /// that layer. Where there is no principal, the request is answered with 500.
    #[cfg(feature = "auth")]
    pub fn chosen_by_principal<C: Send + Sync + 'static>(
        self,
        plan: impl Fn(&C) -> P + Send + Sync + 'static,
    ) -> Quotas {
        self.chosen(move |head| {
            let auth: Option<&crate::request::Auth<C>> = head.extensions.get();
            auth.map(|auth| plan(&auth.0))
        })
    }

    fn chosen(self, plan: impl Fn(&Parts) -> Option<P> + Send + Sync + 'static) -> Quotas {
        let plans = self.plans;
        Quotas(Choice {
            rules: self.rules.into(),
            which: Some(Arc::new(move |head| {
                let plan = plan(head)?;
                plans.iter().position(|listed| *listed == plan)
            })),
        })
    }
}

impl<P> fmt::Debug for Plans<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Plans").field(&self.rules).finish()
    }
}
