//! What a middleware is: what it decides about a request, and what it does to the response.

use std::{any::type_name, fmt, future::Future, pin::Pin};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;

/// What a middleware decides about a request.
#[expect(
    clippy::exhaustive_enums,
    reason = "the contract: go on, answer, or wait"
)]
pub enum Step<B, C> {
    /// Go on, and remember `C` for the response.
    Next(Request<B>, C),
    /// Answer in the handler's place.
    Reply(Response<Bytes>),
    /// Not known yet: a body to read, a store to ask. The only case that allocates.
    Wait(Pin<Box<dyn Future<Output = Result<(Request<B>, C), Response<Bytes>>> + Send>>),
}

impl<B, C> Step<B, C> {
    /// Decides later: the future yields the request to go on with, or the answer.
    pub fn wait<F>(decision: F) -> Self
    where
        F: Future<Output = Result<(Request<B>, C), Response<Bytes>>> + Send + 'static,
    {
        Self::Wait(Box::pin(decision))
    }
}

impl<B, C> fmt::Debug for Step<B, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Next(..) => "Next",
            Self::Reply(_) => "Reply",
            Self::Wait(_) => "Wait",
        })
    }
}

/// A middleware: a policy over requests, and over the responses that come back.
///
/// There is no future to write and no readiness to forward; [`With`](super::With) does both. A clone must be
/// cheap: keep what is large behind one `Arc`.
///
/// # Example
///
/// A middleware that refuses requests while the site is being maintained:
///
/// ```
/// use http::{Request, StatusCode};
/// use wythe::{Middleware, Place, Problem, Step, compose, stage, with};
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
///     fn before(&self, request: Request<B>) -> Step<B, ()> {
///         if self.0 {
///             return Step::Reply(Problem::new(StatusCode::SERVICE_UNAVAILABLE).into());
///         }
///         Step::Next(request, ())
///     }
/// }
///
/// let stack = compose((with(Maintenance(true)),));
/// ```
pub trait Middleware<B>: Clone {
    /// What [`before`](Self::before) remembers for [`after`](Self::after).
    type Carry;

    /// The layer's name in the log: how it is written in a stack, best. The type's path, unless
    /// told.
    fn name(&self) -> &'static str {
        type_name::<Self>()
    }

    /// Decides about the request.
    fn before(&self, request: Request<B>) -> Step<B, Self::Carry>;

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
            the layer or service inside it that makes this body"
)]
pub trait ReplyBody: Body + From<Bytes> {}

#[diagnostic::do_not_recommend]
impl<R: Body + From<Bytes>> ReplyBody for R {}
