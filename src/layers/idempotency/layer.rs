//! Decides about requests: [`with_idempotency`], its layer, service and future.

use std::{
    convert::Infallible,
    fmt,
    future::{Future, poll_fn},
    mem,
    panic::resume_unwind,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header, request::Parts};
use http_body::Body;
use pin_project_lite::pin_project;
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    answer::REPLAYED,
    key::{BARE_PATTERN, FIELD, IdempotencyKey},
    policy::{Idempotency, Options},
    store::Claim,
    task::{Outcome, Tasks},
};
use crate::{
    contract::{
        Description, Place, Placed, ReplyBody, Sometimes,
        description::{Answer, InputSource, RequestInput},
        finish, log_passing, placed, stage,
    },
    request::{
        RequestHead,
        key::{self, Key, KeyPart, KeySha256, KeyWriter},
    },
    support::shared_guards::SharedGuards,
    wire::{
        BoxError, Problem,
        field::{Repeated, only_line},
        read_body::{BodyReader, ReadError, announces_more},
    },
};

pub(super) const NAME: &str = "with_idempotency";

/// Runs each request with an idempotency key once, and repeats its answer; see
/// [`idempotency`](crate::idempotency).
pub fn with_idempotency<K: Key>(policy: Idempotency<K>) -> Placed<IdempotencyLayer<K>> {
    let Idempotency { key, options } = policy;
    placed(IdempotencyLayer {
        scope: Arc::new(key),
        compiled: Arc::new(CompiledIdempotency {
            refusals: Refusals::new(&options),
            options,
            tasks: Tasks::default(),
        }),
    })
}

/// The layer of [`with_idempotency`]. Clones share the store and the tasks.
#[must_use]
pub struct IdempotencyLayer<K: Key> {
    scope: Arc<K>,
    compiled: Arc<CompiledIdempotency>,
}

/// A policy without its scope type, so that the rest is compiled once for all scopes.
pub(super) struct CompiledIdempotency {
    pub(super) options: Options,
    pub(super) refusals: Refusals,
    tasks: Tasks,
}

impl<K: Key> IdempotencyLayer<K> {
    /// The requests in progress, which you can wait for when the server stops.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use tokio::time::timeout;
    /// use wythe::{Idempotency, with_idempotency};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let layer = with_idempotency(Idempotency::in_memory().by_peer());
    /// let tasks = layer.inner().tasks();
    ///
    /// // After the server has stopped:
    /// if timeout(Duration::from_secs(30), tasks.wait_idle()).await.is_err() {
    ///     eprintln!("{} requests were not finished", tasks.running());
    /// }
    /// # }
    /// ```
    pub fn tasks(&self) -> Tasks {
        self.compiled.tasks.clone()
    }

    /// The hash of a request's key, with its client and its route; `None` if the request passes
    /// without a key. The handler gets the key itself.
    fn key(&self, head: &mut Parts) -> Result<Option<[u8; 32]>, Problem> {
        let CompiledIdempotency {
            options, refusals, ..
        } = &*self.compiled;
        let line = only_line(&head.headers, FIELD).map_err(|Repeated| refusals.repeated.clone())?;
        let Some(line) = line else {
            return if options.is_required {
                Err(refusals.missing.clone())
            } else {
                Ok(None)
            };
        };
        let Some(key) = IdempotencyKey::parse(line.as_bytes()) else {
            return Err(refusals.malformed.clone());
        };
        let hash = hash(|writer| {
            writer.tuple(3);
            self.scope.write(head, writer)?;
            let head = RequestHead::from(&*head);
            let route = head.known_route();
            // If the route is unknown, the whole path is used instead.
            let path = route.is_none().then(|| head.path());
            (head.method().as_str(), route, path).write(writer);
            key.as_str().write(writer);
            Ok::<(), Problem>(())
        })?;
        head.extensions.insert(key);
        Ok(Some(hash))
    }
}

/// The SHA-256 of what is written, if all of it could be written.
fn hash<E>(write: impl FnOnce(&mut KeyWriter<'_>) -> Result<(), E>) -> Result<[u8; 32], E> {
    let mut hash = KeySha256(Sha256::new());
    write(&mut KeyWriter::new(&mut hash))?;
    Ok(hash.0.finalize().into())
}

impl<K: Key> Place for IdempotencyLayer<K> {
    type Stage = stage::Replay;
    type Provides = Sometimes<IdempotencyKey>;
    type Needs = K::Needs;

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        key::describe(&*self.scope, self.compiled.describe())
    }
}

impl<K: Key, S> Layer<S> for IdempotencyLayer<K> {
    type Service = Idempotent<K, S>;

    fn layer(&self, inner: S) -> Idempotent<K, S> {
        let layer = self.clone();
        Idempotent { layer, inner }
    }
}

/// A service that runs each request with a key once.
///
/// It is not a [`Middleware`](crate::Middleware), because it calls the inner service in a separate
/// task, which continues when the client disconnects, and because it reads the body of the response.
pub struct Idempotent<K: Key, S> {
    layer: IdempotencyLayer<K>,
    inner: S,
}

impl<K, S, B, R> Service<Request<B>> for Idempotent<K, S>
where
    K: Key,
    B: Body<Error: Into<BoxError>> + From<Bytes> + Send + Unpin + 'static,
    S: Service<Request<B>, Response = Response<R>, Error: Send + 'static, Future: Send>
        + Clone
        + Send
        + 'static,
    R: ReplyBody + Body<Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = IdempotentFuture<S::Future, R, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let compiled = &self.layer.compiled;
        if !compiled.options.methods.contains(request.method()) {
            return IdempotentFuture::passing(self.inner.call(request));
        }
        let (mut head, body) = request.into_parts();
        let key = self.layer.key(&mut head);
        let request = Request::from_parts(head, body);
        let state = match key {
            Ok(None) => return IdempotentFuture::passing(self.inner.call(request)),
            Ok(Some(key)) => {
                // `poll_ready` was called on this inner service, so this is the one to call; its clone
                // may not be ready.
                let clone = self.inner.clone();
                let inner = mem::replace(&mut self.inner, clone);
                let answer = Arc::clone(compiled).answer(key, inner, request);
                IdempotentState::Keyed {
                    answer: Box::pin(answer),
                }
            }
            Err(problem) => IdempotentState::Refusing {
                refusal: Some(refuse(problem)),
            },
        };
        IdempotentFuture { state }
    }
}

/// `HEAD` is never a method with keys, so the content is sent.
fn refuse(problem: Problem) -> Response<Bytes> {
    finish(NAME, problem.into(), false)
}

pin_project! {
    /// The response future of [`Idempotent`]. Dropping it does not stop the work on a request with a
    /// key.
    #[must_use = "futures do nothing unless polled"]
    pub struct IdempotentFuture<F, R, E> {
        #[pin]
        state: IdempotentState<F, R, E>,
    }
}

pin_project! {
    #[project = IdempotentStateProjection]
    enum IdempotentState<F, R, E> {
        Passing {
            #[pin]
            call: F,
        },
        Keyed {
            answer: Pin<Box<dyn Future<Output = Result<Response<R>, E>> + Send>>,
        },
        Refusing {
            refusal: Option<Response<Bytes>>,
        },
    }
}

impl<F, R, E> IdempotentFuture<F, R, E> {
    const fn passing(call: F) -> Self {
        Self {
            state: IdempotentState::Passing { call },
        }
    }
}

impl<F, R, E> Future for IdempotentFuture<F, R, E>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: ReplyBody,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut response = match self.project().state.project() {
            IdempotentStateProjection::Passing { call } => ready!(call.poll(cx))?,
            IdempotentStateProjection::Keyed { answer } => ready!(answer.as_mut().poll(cx))?,
            IdempotentStateProjection::Refusing { refusal } => {
                let Some(refusal) = refusal.take() else {
                    // Polled again after completion, for which `Future` specifies no behavior.
                    return Poll::Pending;
                };
                return Poll::Ready(Ok(refusal.map(R::from)));
            }
        };
        log_passing(&mut response);
        Poll::Ready(Ok(response))
    }
}

impl CompiledIdempotency {
    /// The answer to a request with a key, from a task that continues if this future is dropped.
    async fn answer<S, B, R>(
        self: Arc<Self>,
        key: [u8; 32],
        inner: S,
        mut request: Request<B>,
    ) -> Result<Response<R>, S::Error>
    where
        B: Body<Error: Into<BoxError>> + From<Bytes> + Send + Unpin + 'static,
        S: Service<Request<B>, Response = Response<R>, Error: Send + 'static, Future: Send>
            + Send
            + 'static,
        R: ReplyBody + Body<Error: Into<BoxError>> + Send + 'static,
    {
        let refused = |problem| Ok(refuse(problem).map(R::from));
        let claim = match self.read(&mut request).await {
            Ok((payload, owner)) => Claim::new(key, payload, owner),
            Err(problem) => return refused(problem),
        };
        // Before the key is acquired, so that a request that is not handled never holds a key.
        let Some(running) = self.tasks.begin(self.options.max_tasks) else {
            return refused(self.refusals.too_many.clone());
        };
        let is_read_by_script = request.headers().contains_key(header::ORIGIN);
        let (waiter, answer) = oneshot::channel();
        let shared_guards = SharedGuards::of_outer_layers();
        let task = Arc::clone(&self).run(claim, inner, request, waiter);
        let task = async move {
            let _given_back_at_the_end = (running, shared_guards);
            task.await;
        };
        #[cfg(feature = "tracing")]
        let task = tracing::Instrument::in_current_span(task);
        // The task ends by itself, and nobody stops it.
        drop(tokio::spawn(task));
        match answer.await {
            Ok(Outcome::Handled(answer)) => answer,
            Ok(Outcome::Replayed(mut answer)) => {
                let headers = answer.headers_mut();
                headers.insert(REPLAYED, HeaderValue::from_static("true"));
                if is_read_by_script {
                    // Otherwise a browser hides the field from scripts of other origins.
                    let name = HeaderValue::from_static("Idempotent-Replayed");
                    headers.append(header::ACCESS_CONTROL_EXPOSE_HEADERS, name);
                }
                Ok(answer.map(R::from))
            }
            Ok(Outcome::Refused(problem)) => refused(problem),
            // As if the handler had been called here.
            Ok(Outcome::Panicked(panic)) => resume_unwind(panic),
            Err(_) => refused(Problem::internal("the task of the request was stopped")),
        }
    }

    /// Reads the body of a request and puts it back. Returns the claim: the key, the hash of what the
    /// request asks for, and a random owner.
    async fn read<B>(&self, request: &mut Request<B>) -> Result<([u8; 32], [u8; 16]), Problem>
    where
        B: Body<Error: Into<BoxError>> + From<Bytes> + Unpin,
    {
        let max_bytes = self.options.max_body_bytes;
        if announces_more(request.headers(), request.body(), max_bytes) {
            return Err(self.refusals.too_large.clone());
        }
        let mut reader = BodyReader::new(max_bytes);
        let body = poll_fn(|cx| reader.poll(request.body_mut(), cx)).await;
        let body = body.map_err(|error| match error {
            ReadError::TooLarge => self.refusals.too_large.clone(),
            ReadError::TooSlow => Problem::slow_body(),
            ReadError::Broken(error) => self.refusals.broken_body.clone().because(error),
        })?;
        let Ok(payload) = hash(|writer| {
            let head = RequestHead::from(&*request);
            let content_type = head.headers().get(header::CONTENT_TYPE);
            let media_type = content_type.map(HeaderValue::as_bytes);
            let method = head.method().as_str();
            (method, head.path(), head.query(), media_type, &*body).write(writer);
            Ok::<(), Infallible>(())
        });
        *request.body_mut() = B::from(body);
        let mut owner = [0; 16];
        getrandom::fill(&mut owner).map_err(Problem::internal)?;
        Ok((payload, owner))
    }

    fn describe(&self) -> Description {
        let Self {
            options, refusals, ..
        } = self;
        let mut field = RequestInput::parameter(InputSource::Header, FIELD.to_string())
            .description(
                "A key that the client makes up for each operation, such as a UUID. A request that is \
                 sent again with the same key gets the same response.",
            )
            .pattern(BARE_PATTERN);
        let mut bad_request = Answer::of(&refusals.malformed)
            .or(&refusals.repeated)
            .or(&refusals.broken_body);
        if options.is_required {
            bad_request = bad_request
                .or(&refusals.missing)
                .when("without an `Idempotency-Key`, or with a malformed one")
                .provoked_by(|head| drop(head.headers.remove(FIELD)));
        } else {
            field = field.optional();
            bad_request = bad_request
                .when("with a malformed `Idempotency-Key`")
                .provoked_by(|head| {
                    let malformed = HeaderValue::from_static("\"");
                    head.headers.insert(FIELD, malformed);
                });
        }
        let used_before = "an earlier request must have used the key";
        let in_progress =
            "while a request with the key is in progress, or if its answer is not kept";
        let too_large = format!(
            "when the body has more than {} bytes",
            options.max_body_bytes
        );
        let not_caused = "it is not caused by the request";
        Description::new(NAME)
            .reads(field)
            .answer(bad_request)
            .answer(
                Answer::of(&Problem::slow_body())
                    .when("when a limit outside stops a body that is too slow")
                    .not_provoked("no request in a test is that slow"),
            )
            .answer(
                Answer::of(&refusals.in_progress)
                    .or(&refusals.not_kept)
                    .when(in_progress)
                    .not_provoked(used_before),
            )
            .answer(
                Answer::of(&refusals.too_large)
                    .when(too_large)
                    .not_provoked("the body would be too large for a test"),
            )
            .answer(
                Answer::of(&refusals.other_payload)
                    .when("when the key was used for another request")
                    .not_provoked(used_before),
            )
            .answer(
                Answer::of(&refusals.too_many)
                    .when("when too many requests with keys are in progress")
                    .not_provoked(not_caused),
            )
            .answer(Answer::unavailable().when("when the store of answers is not available"))
            .answer(
                Answer::of(&refusals.too_slow)
                    .when("when the handler takes too long")
                    .not_provoked(not_caused),
            )
            .field(REPLAYED)
            .field(header::ACCESS_CONTROL_EXPOSE_HEADERS)
    }
}

/// The refusals that are always the same, built once.
pub(super) struct Refusals {
    missing: Problem,
    repeated: Problem,
    malformed: Problem,
    broken_body: Problem,
    too_large: Problem,
    too_many: Problem,
    pub(super) in_progress: Problem,
    pub(super) not_kept: Problem,
    pub(super) other_payload: Problem,
    pub(super) too_slow: Problem,
}

/// How long a client should wait before it retries.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl Refusals {
    fn new(options: &Options) -> Self {
        let bad = |reason, detail| {
            let problem = Problem::new(StatusCode::BAD_REQUEST).reason(reason);
            problem.detail(detail)
        };
        let max_body_bytes = options.max_body_bytes;
        Self {
            missing: bad(
                "no_key",
                "The request needs an `Idempotency-Key`: a new one for each operation, and the same \
                 one when the request is sent again.",
            ),
            repeated: bad(
                "several_keys",
                "There is more than one `Idempotency-Key` field.",
            ),
            malformed: bad(
                "malformed_key",
                "The `Idempotency-Key` must have 1 to 255 printable ASCII characters, in quotes if it \
                 has spaces, commas or semicolons.",
            ),
            broken_body: Problem::broken_body(),
            too_large: Problem::large_body(max_body_bytes),
            too_many: Problem::reduced_capacity()
                .reason("tasks")
                .retry_after(RETRY_AFTER),
            in_progress: Problem::new(StatusCode::CONFLICT)
                .reason("in_progress")
                .detail(
                    "A request with this `Idempotency-Key` is in progress. Wait for the time in \
                     `Retry-After`, then send the request again.",
                )
                .retry_after(RETRY_AFTER),
            not_kept: Problem::new(StatusCode::CONFLICT)
                .reason("answer_not_kept")
                .detail(
                    "The request with this `Idempotency-Key` was processed before, and its response is \
                     no longer available.",
                ),
            other_payload: Problem::new(StatusCode::UNPROCESSABLE_ENTITY)
                .reason("key_reused")
                .detail(
                    "This `Idempotency-Key` was used for another request. Use a new key for each \
                     operation.",
                ),
            too_slow: Problem::new(StatusCode::GATEWAY_TIMEOUT)
                .reason("time_limit")
                .detail(
                    "The request was not finished in time, and it is not known whether it had an \
                     effect. Send it again with the same `Idempotency-Key`.",
                ),
        }
    }
}

impl<K: Key> Clone for IdempotencyLayer<K> {
    fn clone(&self) -> Self {
        Self {
            scope: Arc::clone(&self.scope),
            compiled: Arc::clone(&self.compiled),
        }
    }
}

impl<K: Key, S: Clone> Clone for Idempotent<K, S> {
    fn clone(&self) -> Self {
        Self {
            layer: self.layer.clone(),
            inner: self.inner.clone(),
        }
    }
}

/// The policy; never a key.
impl<K: Key> fmt::Debug for IdempotencyLayer<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IdempotencyLayer")
            .field(&self.compiled.options)
            .finish()
    }
}

impl<K: Key, S: fmt::Debug> fmt::Debug for Idempotent<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idempotent")
            .field("layer", &self.layer)
            .field("inner", &self.inner)
            .finish()
    }
}

impl<F, R, E> fmt::Debug for IdempotentFuture<F, R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdempotentFuture").finish_non_exhaustive()
    }
}
