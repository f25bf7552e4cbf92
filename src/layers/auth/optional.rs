//! Lets requests without credentials pass: [`With::optional`].

use std::fmt;

use http::{HeaderMap, Request, Response, StatusCode};

use super::{Auth, Authenticate, Authentication};
use crate::contract::{
    Description, Later, Middleware, Place, ReplyBody, Sometimes, Step, With, stage, with,
};

/// The middleware of [`with_auth`](crate::with_auth) when credentials are
/// [optional](With::optional).
#[must_use]
pub struct OptionalAuthentication<A>(Authentication<A>);

impl<A> With<Authentication<A>> {
    /// Lets requests without credentials pass: the handler asks for `Option<Auth<Principal>>`.
    ///
    /// Wrong credentials are still answered 401. Who sends an expired token believes to be signed
    /// in, and would otherwise be shown the page of a stranger. Only what a browser sends of its
    /// own accord may count as nothing: see [`Refusal::unless_optional`](crate::Refusal).
    ///
    /// # Example
    ///
    /// ```
    /// use http::{HeaderValue, request::Parts};
    /// use wythe::{Authenticate, Verdict, compose, with_auth};
    /// # #[derive(Clone)] struct Staff;
    /// # struct Badge;
    /// # impl Authenticate for Badge {
    /// #     type Principal = Staff;
    /// #     fn challenge(&self) -> HeaderValue { HeaderValue::from_static("Badge") }
    /// #     fn authenticate(&self, _: &Parts) -> Verdict<Staff> { Verdict::Missing }
    /// # }
    ///
    /// let stack = compose((with_auth(Badge).optional(),));
    /// ```
    pub fn optional(self) -> With<OptionalAuthentication<A>> {
        with(OptionalAuthentication(self.into_middleware()))
    }
}

impl<A> Clone for OptionalAuthentication<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A> fmt::Debug for OptionalAuthentication<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Description::of::<Self>().name())
    }
}

impl<A: Authenticate> Place for OptionalAuthentication<A> {
    type Stage = stage::Authenticate;
    type Provides = Sometimes<Auth<A::Principal>>;
    type Needs = ();

    fn describe(&self) -> Description {
        let layer = Description::new("with_auth")
            .suffix(".optional()")
            .answers(StatusCode::UNAUTHORIZED, "with wrong credentials");
        self.0.0.scheme.describe(layer)
    }
}

impl<A, B> Middleware<B> for OptionalAuthentication<A>
where
    A: Authenticate<Principal: Clone + Send + Sync + 'static> + Send + Sync + 'static,
    B: Send + 'static,
{
    type Carry = Option<Box<HeaderMap>>;

    fn name(&self) -> &'static str {
        "with_auth"
    }

    fn before(&self, request: Request<B>) -> Later<Step<B, Self::Carry>> {
        self.0.judge(request, true)
    }

    fn after<R: ReplyBody>(&self, fields: Self::Carry, response: &mut Response<R>) {
        Middleware::<B>::after(&self.0, fields, response);
    }
}
