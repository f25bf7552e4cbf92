//! The policy: where the current version of a resource comes from, and what is required of clients.

use std::{error::Error, fmt, future::Future, marker::PhantomData, sync::Arc};

use http::StatusCode;

use super::{
    precondition::{ExpectedVersion, Precondition},
    validators::Validators,
};
use crate::{contract::Later, request::RequestHead, wire::Problem};

/// The policy of [`with_conditional`](crate::with_conditional).
///
/// # Example
///
/// ```
/// use wythe::{Conditional, ETag, with_conditional};
///
/// // Responses only: 304 to clients that have the version in the handler's `ETag`.
/// let reads = with_conditional(Conditional::new());
///
/// // Also writes: they are compared with the current version before the handler runs.
/// let writes = Conditional::new()
///     .current(|head| match head.path() {
///         "/settings" => Some(ETag::version(7)),
///         _ => None,
///     })
///     .require_precondition();
/// let writes = with_conditional(writes);
/// ```
// `G` is what handlers are given: a `Precondition` to check, or an `ExpectedVersion`.
#[must_use]
pub struct Conditional<G = Precondition> {
    pub(super) options: Arc<Options>,
    given: PhantomData<fn() -> G>,
}

#[derive(Clone)]
pub(super) struct Options {
    pub(super) current: Option<Current>,
    pub(super) can_fail: bool,
    pub(super) is_required: bool,
    pub(super) tag_bodies: Option<usize>,
    pub(super) missing: Problem,
    pub(super) failed: Problem,
    pub(super) malformed: Problem,
}

/// The current validators of a resource; `None` if it does not exist.
pub(super) type Current =
    Arc<dyn Fn(&RequestHead<'_>) -> Later<Result<Option<Validators>, Problem>> + Send + Sync>;

impl Conditional {
    /// Compares responses to GET and HEAD with what the client has. The handlers of other methods get
    /// the preconditions of the request as a [`Precondition`], and check them.
    pub fn new() -> Self {
        Self {
            options: Arc::new(Options {
                current: None,
                can_fail: false,
                is_required: false,
                tag_bodies: None,
                missing: Problem::new(StatusCode::PRECONDITION_REQUIRED)
                    .reason("no_precondition")
                    .detail("A precondition is required: send the `ETag` of the resource in `If-Match`."),
                failed: precondition_failed(),
                malformed: Problem::new(StatusCode::BAD_REQUEST)
                    .reason("malformed_precondition")
                    .detail("`If-Match` or `If-None-Match` is neither `*` nor a list of entity tags in quotes."),
            }),
            given: PhantomData,
        }
    }

    /// Checks the preconditions of writes before the handler runs, against the version that this closure
    /// yields, at once or as a future: `Option<ETag>`, where `None` says that the resource does not
    /// exist, or a `Result` of it. Handlers get an [`ExpectedVersion`] then.
    ///
    /// The closure is called for a request with a precondition that is neither `GET` nor `HEAD`. An
    /// error that is a [`Problem`] is sent unchanged, any other is a 503 with the cause in the log. If it
    /// asks for a [route](RequestHead::route) that is not known, the precondition fails.
    ///
    /// # Example: asking a database
    ///
    /// The future owns what it needs: clone it before `async move`.
    ///
    /// ```
    /// use wythe::{Conditional, ETag};
    ///
    /// #[derive(Clone)]
    /// struct Users;
    ///
    /// impl Users {
    ///     async fn version(&self, id: &str) -> Result<Option<i64>, std::io::Error> {
    ///         Ok((id == "7").then_some(3))
    ///     }
    /// }
    ///
    /// let users = Users;
    /// let policy = Conditional::new().current(move |head| {
    ///     let users = users.clone();
    ///     let id = head.path().trim_start_matches("/users/").to_owned();
    ///     async move {
    ///         let version = users.version(&id).await?;
    ///         Ok::<_, std::io::Error>(version.map(ETag::version))
    ///     }
    /// });
    /// ```
    pub fn current<F, V, K>(self, version: F) -> Conditional<ExpectedVersion>
    where
        F: Fn(&RequestHead<'_>) -> V + Send + Sync + 'static,
        V: CurrentVersion<K>,
    {
        Conditional {
            options: Arc::new(Options {
                current: Some(Arc::new(move |head| version(head).current())),
                can_fail: V::CAN_FAIL,
                ..(*self.options).clone()
            }),
            given: PhantomData,
        }
    }
}

impl<G> Conditional<G> {
    /// Answers 428 to requests without a precondition, unless they are `GET`, `HEAD`, `OPTIONS`, `TRACE`,
    /// `CONNECT` or `QUERY`. `If-Match: *` is also a precondition: the client overwrites what is there
    /// on purpose.
    pub fn require_precondition(self) -> Self {
        self.change(|options| options.is_required = true)
    }

    /// Makes an `ETag` for each 200 to GET and HEAD that has none, from the body, if the body is in
    /// memory and has at most this many bytes; with 0, for none. See
    /// [the module](crate::conditional#tags-of-bodies).
    pub fn tag_bodies(self, max_bytes: usize) -> Self {
        self.change(|options| options.tag_bodies = Some(max_bytes))
    }

    fn change(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(Arc::make_mut(&mut self.options));
        self
    }
}

/// The 412 for a precondition that is false.
pub(super) fn precondition_failed() -> Problem {
    Problem::new(StatusCode::PRECONDITION_FAILED)
        .reason("precondition_failed")
        .detail("The resource is not in the state that the precondition of the request requires.")
}

impl Default for Conditional {
    fn default() -> Self {
        Self::new()
    }
}

impl<G> Clone for Conditional<G> {
    fn clone(&self) -> Self {
        Self {
            options: Arc::clone(&self.options),
            given: PhantomData,
        }
    }
}

impl<G> fmt::Debug for Conditional<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conditional")
            .field("checks_writes", &self.options.current.is_some())
            .field("require_precondition", &self.options.is_required)
            .field("tag_bodies", &self.options.tag_bodies)
            .finish()
    }
}

/// What the closure of [`Conditional::current`] returns, at once or as a future.
///
/// | returned | |
/// |---|---|
/// | `Option<V>` | `V` is an [`ETag`](crate::ETag), a [`LastModified`](crate::LastModified) or [`Validators`] |
/// | `Result<Option<V>, E>` | an error is a 503; a [`Problem`] is sent unchanged |
/// | a future of one of these, which is `Send` and owns what it needs | |
#[diagnostic::on_unimplemented(
    message = "a closure cannot yield the current version as `{Self}`",
    label = "this does not say which version is current",
    note = "return `Option<ETag>`, `Option<LastModified>`, `Option<Validators>`, a `Result` of one of \
            these, or a future that is `Send` and owns what it needs"
)]
pub trait CurrentVersion<K> {
    /// Whether it can fail: the description then has a 503.
    const CAN_FAIL: bool = false;

    /// The current validators; `None` if the resource does not exist.
    fn current(self) -> Later<Result<Option<Validators>, Problem>>;
}

/// The kind of a [`CurrentVersion`] that is known at once.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct KnownNow;

/// The kind of a [`CurrentVersion`] that is a future.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct KnownLater;

impl<V: Into<Validators>> CurrentVersion<KnownNow> for Option<V> {
    fn current(self) -> Later<Result<Option<Validators>, Problem>> {
        Later::Ready(Ok(self.map(Into::into)))
    }
}

impl<V, E> CurrentVersion<KnownNow> for Result<Option<V>, E>
where
    V: Into<Validators>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    const CAN_FAIL: bool = true;

    fn current(self) -> Later<Result<Option<Validators>, Problem>> {
        let current = self.map(|version| version.map(Into::into));
        Later::Ready(
            current.map_err(|error| match error.into().downcast::<Problem>() {
                Ok(problem) => *problem,
                Err(cause) => Problem::unavailable(cause),
            }),
        )
    }
}

impl<F> CurrentVersion<KnownLater> for F
where
    F: Future<Output: CurrentVersion<KnownNow>> + Send + 'static,
{
    const CAN_FAIL: bool = <F::Output as CurrentVersion<KnownNow>>::CAN_FAIL;

    fn current(self) -> Later<Result<Option<Validators>, Problem>> {
        Later::pending(async move {
            let version = self.await.current();
            version.wait().await
        })
    }
}
