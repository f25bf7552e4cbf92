//! Quotas that depend on the client's plan.

use std::{fmt, iter, sync::Arc};

use super::{
    gcra::Gcra,
    policy::RateLimit,
    quota::{Quota, Quotas, checked, error},
};
use crate::{request::RequestHead, wire::ConfigError};

/// Quotas for each plan, checked; made by [`RateLimit::plans`]. How the plan of a request is found
/// is still to be chosen.
#[derive(Clone)]
#[must_use]
pub struct Plans<P> {
    names: Vec<P>,
    first: Arc<[Gcra]>,
    others: Vec<Arc<[Gcra]>>,
}

impl RateLimit<()> {
    /// Limits by quotas that depend on the client's plan.
    ///
    /// Each plan counts apart: a client that changes plans starts with whole quotas.
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
        let mut names = Vec::new();
        let mut all = Vec::new();
        for (plan, quotas) in plans {
            if names.contains(&plan) {
                return Err(error("a plan is listed twice"));
            }
            names.push(plan);
            all.push(checked(quotas)?);
        }
        let mut all = all.into_iter();
        let Some(first) = all.next() else {
            return Err(error("a limit without a plan would reject every request"));
        };
        Ok(Plans {
            names,
            first,
            others: all.collect(),
        })
    }
}

impl<P: PartialEq + Send + Sync + 'static> Plans<P> {
    /// Finds the plan of a request by its head and what outer layers have left in its extensions.
    ///
    /// A plan that is not listed is a bug: the request is answered with 500, and never let through
    /// unlimited. Requests whose [route](RequestHead::route) is not known have an empty one.
    pub fn chosen_by(self, plan: impl Fn(&RequestHead<'_>) -> P + Send + Sync + 'static) -> Quotas {
        self.chosen(move |head| Some(plan(head)))
    }

    /// Finds the plan of the principal that [`with_auth`](crate::with_auth) has verified.
    ///
    /// Count [`by_principal`](Quotas::by_principal) as well, and the stack does not compile without
    /// that layer. Where there is no principal, the request is answered with 500.
    #[cfg(feature = "auth")]
    pub fn chosen_by_principal<C: Send + Sync + 'static>(
        self,
        plan: impl Fn(&C) -> P + Send + Sync + 'static,
    ) -> Quotas {
        self.chosen(move |head| {
            let auth: Option<&crate::request::Auth<C>> = head.extensions().get();
            auth.map(|auth| plan(&auth.0))
        })
    }

    fn chosen(
        self,
        plan: impl Fn(&RequestHead<'_>) -> Option<P> + Send + Sync + 'static,
    ) -> Quotas {
        let Self {
            names,
            first,
            others,
        } = self;
        Quotas(PlanChoice {
            first,
            others: others.into(),
            choose: Some(Arc::new(move |head| {
                let plan = plan(head)?;
                names.iter().position(|name| *name == plan)
            })),
        })
    }
}

/// The quotas of every plan, and which of them a request has.
#[derive(Clone)]
pub(super) struct PlanChoice {
    pub(super) first: Arc<[Gcra]>,
    pub(super) others: Arc<[Arc<[Gcra]>]>,
    pub(super) choose: Option<Arc<dyn Fn(&RequestHead<'_>) -> Option<usize> + Send + Sync>>,
}

impl PlanChoice {
    /// One set of quotas for all requests.
    pub(super) fn only(quotas: Arc<[Gcra]>) -> Self {
        Self {
            first: quotas,
            others: Arc::default(),
            choose: None,
        }
    }

    /// The quotas of each plan, in order.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<[Gcra]>> {
        iter::once(&self.first).chain(&*self.others)
    }
}

impl fmt::Debug for PlanChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.others {
            [] => self.first.fmt(f),
            _ => f.debug_list().entries(self.all()).finish(),
        }
    }
}

impl<P> fmt::Debug for Plans<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entry(&self.first)
            .entries(&self.others)
            .finish()
    }
}
