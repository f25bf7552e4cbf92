//! The requirements on a principal, all items of a list or any of them, and the answer otherwise.

use std::{fmt, sync::Arc};

use http::{Request, StatusCode};

use crate::{
    contract::{
        Later, Step,
        description::{Answer, NameList},
    },
    request::Auth,
    wire::{ConfigError, Problem, type_name},
};

/// How a policy finds out which scopes or roles a principal has: it asks the principal, which
/// implements [`HasScopes`](crate::HasScopes) or [`HasRoles`](crate::HasRoles).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Itself;

/// How a policy finds out which scopes or roles a principal has: it calls a closure.
#[derive(Clone)]
pub struct By<F>(pub(super) F);

impl<F> fmt::Debug for By<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("By(..)")
    }
}

/// The scopes or roles of a policy. Each refusal is built once, with its cause, and cloned.
pub(super) enum Required<T: ?Sized> {
    /// All of them; the refusal names the first that is missing.
    All(Vec<(Arc<T>, Problem)>),
    /// One of them.
    Any(Vec<Arc<T>>, Problem),
}

/// Whether a principal must have all items of a list or any of them.
#[derive(Clone, Copy)]
pub(super) enum Quantifier {
    All,
    Any,
}

impl<T: ?Sized + fmt::Debug> Required<T> {
    /// The list of a policy; `what` is the kind of its items, and `reason` goes to the log.
    pub(super) fn new(
        items: Vec<Arc<T>>,
        quantifier: Quantifier,
        what: &'static str,
        reason: &'static str,
        policy: &'static str,
    ) -> Result<Self, ConfigError> {
        if items.is_empty() {
            let message = format!("an empty list of {what}s would allow everybody or nobody");
            return Err(ConfigError::new(policy, message));
        }
        let forbidden = Problem::new(StatusCode::FORBIDDEN).reason(reason);
        Ok(match quantifier {
            Quantifier::All => {
                let refused = |item: Arc<T>| {
                    let cause = format!("the principal lacks the {what} {item:?}");
                    (item, forbidden.clone().because(cause))
                };
                Self::All(items.into_iter().map(refused).collect())
            }
            Quantifier::Any => {
                let cause = format!("the principal has none of the {what}s {}", listed(&items));
                Self::Any(items, forbidden.because(cause))
            }
        })
    }

    /// Lets a request pass if its principal meets the requirement.
    pub(super) fn check<C, B>(
        &self,
        layer: &str,
        request: Request<B>,
        has: impl Fn(&C, &T) -> bool,
    ) -> Later<Step<B, ()>>
    where
        C: Send + Sync + 'static,
    {
        let Some(Auth(principal)) = request.extensions().get() else {
            return Step::reply(missing::<C>(layer));
        };
        match self.refusal(|item| has(principal, item)) {
            Some(refusal) => Step::reply(refusal.clone()),
            None => Step::next(request, ()),
        }
    }

    /// The answer to a principal that does not meet the requirement.
    fn refusal(&self, has: impl Fn(&T) -> bool) -> Option<&Problem> {
        match self {
            Self::All(items) => items
                .iter()
                .find(|(item, _)| !has(item))
                .map(|(_, refusal)| refusal),
            Self::Any(items, refusal) => {
                let found = items.iter().any(|item| has(item));
                (!found).then_some(refusal)
            }
        }
    }

    /// The same requirement with other refusals.
    pub(super) fn map_refusals(self, change: impl Fn(Problem) -> Problem) -> Self {
        match self {
            Self::All(items) => {
                let changed = items
                    .into_iter()
                    .map(|(item, refusal)| (item, change(refusal)));
                Self::All(changed.collect())
            }
            Self::Any(items, refusal) => Self::Any(items, change(refusal)),
        }
    }

    /// A minimal set with which a principal passes: all items, or the first one if any item is enough.
    pub(super) fn sufficient(&self) -> Vec<&T> {
        match self {
            Self::All(items) => items.iter().map(|(item, _)| &**item).collect(),
            Self::Any(items, _) => items.iter().take(1).map(|item| &**item).collect(),
        }
    }

    /// The requirement as data.
    pub(super) fn names(&self) -> NameList {
        // `Debug` puts strings in quotes.
        let name = |item: &Arc<T>| format!("{item:?}").trim_matches('"').to_owned();
        match self {
            Self::All(items) => NameList::AllOf(items.iter().map(|(item, _)| name(item)).collect()),
            Self::Any(items, _) => NameList::AnyOf(items.iter().map(name).collect()),
        }
    }

    /// The answer to a principal that does not meet the requirement.
    pub(super) fn answer(&self) -> Answer {
        match self {
            Self::All(items) => {
                let forbidden = Problem::new(StatusCode::FORBIDDEN);
                let refusal = items.first().map(|(_, refusal)| refusal);
                Answer::of(refusal.unwrap_or(&forbidden))
            }
            Self::Any(_, refusal) => Answer::of(refusal),
        }
    }
}

impl<T: ?Sized> Clone for Required<T> {
    fn clone(&self) -> Self {
        match self {
            Self::All(items) => Self::All(items.clone()),
            Self::Any(items, refusal) => Self::Any(items.clone(), refusal.clone()),
        }
    }
}

fn listed<T: fmt::Debug>(items: &[T]) -> String {
    let items: Vec<_> = items.iter().map(|item| format!("{item:?}")).collect();
    items.join(", ")
}

/// The 500 of a layer that finds no principal, although one was assumed in its stack.
pub(super) fn missing<C>(layer: &str) -> Problem {
    let auth = type_name::<Auth<C>>();
    Problem::misconfigured(format!(
        "`{layer}` finds no `{auth}` in the request's extensions: the layer that was assumed to \
         put it there did not run; put `with_auth` outside `{layer}`"
    ))
}
