//! What a middleware is: what it decides about a request, and what it does to the response.

use std::fmt;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;

use super::Later;

/// What a middleware decides about a request.
///
/// [`next`](Self::next) and [`reply`](Self::reply) write a decision that is made at once; one that
/// has to wait is a [`Later::pending`] that yields a `Step`.
#[expect(clippy::exhaustive_enums, reason = "a request goes on or is answered")]
pub enum Step<B, C> {
    /// Go on with the request, and keep `C` for the response.
    Next(Request<B>, C),
    /// Answer in the handler's place.
    Reply(Response<Bytes>),
}

impl<B, C> Step<B, C> {
    /// Goes on with the request, and keeps `carry` for the response.
    pub const fn next(request: Request<B>, carry: C) -> Later<Self> {
        Later::Ready(Self::Next(request, carry))
    }

    /// Answers in the handler's place, with a [`Problem`](crate::Problem) or a whole response.
    pub fn reply(answer: impl Into<Response<Bytes>>) -> Later<Self> {
        Later::Ready(Self::Reply(answer.into()))
    }
}

/// Goes on with what is `Ok`, and answers with the error.
impl<B, C, E: Into<Response<Bytes>>> From<Result<(Request<B>, C), E>> for Step<B, C> {
    fn from(decision: Result<(Request<B>, C), E>) -> Self {
        match decision {
            Ok((request, carry)) => Self::Next(request, carry),
            Err(answer) => Self::Reply(answer.into()),
        }
    }
}

impl<B, C> fmt::Debug for Step<B, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Next(..) => "Next",
            Self::Reply(_) => "Reply",
        })
    }
}

/// A middleware: a policy over requests, and over the responses that come back.
///
/// There is no future to write and no readiness to forward; [`With`](super::With) does both.
/// Clones must be cheap: keep what is large behind an `Arc`.
///
/// # Example
///
/// A middleware that refuses requests while the site is under maintenance:
///
/// ```
/// use http::{Request, StatusCode};
/// use wythe::{Later, Middleware, Place, Problem, Step, compose, stage, with};
///
/// #[derive(Clone)]
/// struct Maintenance(bool);
///
/// impl Place for Maintenance {
///     type Stage = stage::Admit;
///     type Provides = ();
///     type Needs = ();
/// }
///
/// impl<B> Middleware<B> for Maintenance {
///     type Carry = ();
///
///     fn before(&self, request: Request<B>) -> Later<Step<B, ()>> {
///         if self.0 {
///             return Step::reply(Problem::new(StatusCode::SERVICE_UNAVAILABLE));
///         }
///         Step::next(request, ())
///     }
/// }
///
/// let stack = compose((with(Maintenance(true)),));
/// ```
pub trait Middleware<B>: Clone {
    /// What [`before`](Self::before) remembers for [`after`](Self::after).
    type Carry;

    /// Decides about the request.
    fn before(&self, request: Request<B>) -> Later<Step<B, Self::Carry>>;

    /// Changes the response that came back from further in. It is not called for an answer of
    /// this middleware's own.
    fn after<R>(&self, carry: Self::Carry, response: &mut Response<R>)
    where
        R: ReplyBody,
    {
        drop(carry);
        let _: &mut Response<R> = response;
    }
}

/// A response body that a middleware can answer with in the handler's place: any body that is
/// made from [`Bytes`], such as `axum::body::Body` and `http_body_util::Full<Bytes>`.
#[diagnostic::on_unimplemented(
    message = "a layer of this stack can't answer with a body of type `{Self}`",
    label = "`{Self}` is not `From<Bytes>`",
    note = "a layer answers some requests itself, with bytes; list `with_body_adapter()` between it and \
            the layer or service inside it that makes this body",
    note = "a function of your own returns a body that is made from bytes, such as `Full<Bytes>`"
)]
pub trait ReplyBody: Body + From<Bytes> {}

#[diagnostic::do_not_recommend]
impl<R: Body + From<Bytes>> ReplyBody for R {}
