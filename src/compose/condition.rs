//! Applies a layer to some requests only: `.when(..)` and `.except(..)`.

use std::fmt;

use http::{Request, Response, request::Parts};

use crate::contract::{
    Description, Later, Middleware, Place, Provision, ReplyBody, Step, With, with,
};

/// A middleware that is applied only to requests that meet a condition.
#[derive(Clone)]
pub struct When<M, F> {
    middleware: M,
    condition: F,
    holds: bool,
}

impl<M> With<M> {
    /// Applies the layer only to requests for which the condition holds; other requests bypass it.
    ///
    /// The values that the layer provides become optional: a handler asks for `Option<X>`.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{CacheControl, with_cache_control};
    ///
    /// let layer = with_cache_control(CacheControl::no_store())
    ///     .when(|head| head.uri.path().starts_with("/account"));
    /// ```
    pub fn when<F>(self, condition: F) -> With<When<M, F>>
    where
        F: Fn(&Parts) -> bool + Clone,
    {
        self.conditional(condition, true)
    }

    /// Applies the layer to all requests except those for which the condition holds, which bypass it.
    ///
    /// The values that the layer provides become optional: a handler asks for `Option<X>`.
    pub fn except<F>(self, condition: F) -> With<When<M, F>>
    where
        F: Fn(&Parts) -> bool + Clone,
    {
        self.conditional(condition, false)
    }

    fn conditional<F>(self, condition: F, holds: bool) -> With<When<M, F>> {
        with(When {
            middleware: self.into_middleware(),
            condition,
            holds,
        })
    }
}

impl<M: Place, F> Place for When<M, F> {
    type Stage = M::Stage;
    type Provides = <M::Provides as Provision>::Weak;
    type Needs = M::Needs;

    fn describe(&self) -> Description {
        let words = if self.holds {
            ".when(..)"
        } else {
            ".except(..)"
        };
        self.middleware.describe().suffix(words)
    }
}

impl<M, F, B> Middleware<B> for When<M, F>
where
    M: Middleware<B>,
    M::Carry: Send + 'static,
    F: Fn(&Parts) -> bool + Clone,
    B: 'static,
{
    type Carry = Option<M::Carry>;

    fn name(&self) -> &'static str {
        self.middleware.name()
    }

    fn before(&self, request: Request<B>) -> Later<Step<B, Self::Carry>> {
        let (head, body) = request.into_parts();
        let acts = (self.condition)(&head) == self.holds;
        let request = Request::from_parts(head, body);
        if !acts {
            return Step::next(request, None);
        }
        self.middleware.before(request).map(|step| match step {
            Step::Next(request, carry) => Step::Next(request, Some(carry)),
            Step::Reply(reply) => Step::Reply(reply),
        })
    }

    fn after<R>(&self, carry: Self::Carry, response: &mut Response<R>)
    where
        R: ReplyBody,
    {
        if let Some(carry) = carry {
            self.middleware.after(carry, response);
        }
    }
}

impl<M: fmt::Debug, F> fmt::Debug for When<M, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.holds { "When" } else { "Except" };
        f.debug_tuple(name).field(&self.middleware).finish()
    }
}
