//! Holds what a principal must have, all of a list or one of it, and what is answered without.

use std::{fmt, sync::Arc};

use http::{Request, StatusCode};

use super::missing;
use crate::{
    contract::{Later, Step},
    request::Auth,
    wire::{ConfigError, Problem},
};

/// The scopes or roles of a layer. Each refusal is made once, with its cause, and cloned.
pub(super) enum Required<T: ?Sized> {
    /// All of them; the refusal is that of the first which is missing.
    All(Vec<(Arc<T>, Problem)>),
    /// One of them.
    Any(Vec<Arc<T>>, Problem),
}

/// How many of a list a principal must have.
#[derive(Clone, Copy)]
pub(super) enum HowMany {
    All,
    Any,
}

impl<T: ?Sized + fmt::Debug> Required<T> {
    /// The list of a layer; `what` is it, in one word, and `code` why it refuses.
    pub(super) fn new(
        items: Vec<Arc<T>>,
        how_many: HowMany,
        what: &'static str,
        code: &'static str,
        policy: &'static str,
    ) -> Result<Self, ConfigError> {
        if items.is_empty() {
            let message = format!("an empty list of {what}s would let everybody pass, or nobody");
            return Err(ConfigError::new(policy, message));
        }
        let forbidden = Problem::new(StatusCode::FORBIDDEN).reason(code);
        Ok(match how_many {
            HowMany::All => {
                let refused = |item: Arc<T>| {
                    let cause = format!("the principal lacks the {what} {item:?}");
                    (item, forbidden.clone().because(cause))
                };
                Self::All(items.into_iter().map(refused).collect())
            }
            HowMany::Any => {
                let cause = format!("the principal has none of the {what}s {}", listed(&items));
                Self::Any(items, forbidden.because(cause))
            }
        })
    }

    /// Lets a request pass whose principal has what is required.
    pub(super) fn judge<C, B>(
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

    /// The answer to a principal who does not have it.
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

    /// The same with refusals that were changed.
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

    /// What a principal must have so that it passes for certain: all, or the first of several.
    pub(super) fn sufficient(&self) -> Vec<&T> {
        match self {
            Self::All(items) => items.iter().map(|(item, _)| &**item).collect(),
            Self::Any(items, _) => items.iter().take(1).map(|item| &**item).collect(),
        }
    }

    /// The name of the layer that asks for all of them, or for one.
    pub(super) const fn layer(&self, all: &'static str, any: &'static str) -> &'static str {
        match self {
            Self::All(_) => all,
            Self::Any(..) => any,
        }
    }

    /// When it is refused, in words: `without the scope "read"`.
    pub(super) fn when_refused(&self, what: &str) -> String {
        match self {
            Self::All(items) => {
                let s = if items.len() == 1 { "" } else { "s" };
                let items: Vec<_> = items.iter().map(|(item, _)| item).collect();
                format!("without the {what}{s} {}", listed(&items))
            }
            Self::Any(items, _) => format!("without one of the {what}s {}", listed(items)),
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
