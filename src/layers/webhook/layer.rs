//! The layer: how it is built, and what it does with a request.

use std::{
    error::Error,
    fmt,
    future::poll_fn,
    marker::PhantomData,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{Extensions, HeaderValue, Request, Response, StatusCode, header};
use http_body::Body;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use tower_layer::Layer;

use super::{
    refusal::Refusal,
    scheme::{SignatureCheck, WebhookScheme},
    store::{Claim, DynWebhookStore, EventKey, EventState, WebhookStore, poll_now},
    verified::Verified,
};
use crate::{
    compose::{RouteList, When},
    contract::{
        Always, Description, IntoPolicy, Later, Middleware, Place, Placed, ReplyBody, Step, With,
        Wrapped,
        description::{Answer, InputSource, RequestInput},
        placed, stage, with,
    },
    request::RequestHead,
    wire::{
        BoxError, ConfigError, Problem,
        read_body::{BodyReader, ReadError, announces_more, is_encoded},
        type_name,
    },
};

const NAME: &str = "with_webhook";

/// Verifies the signature of an event, and gives it to the handler as a [`Verified<T>`](Verified),
/// parsed from JSON.
///
/// See the [module](crate::webhook) for what passes and what is rejected. In an OpenAPI document the body
/// is any JSON: `request_body::<T>("application/json")` of the route adds its schema.
pub fn with_webhook<T>(scheme: impl IntoPolicy<WebhookScheme>) -> Placed<Webhook<T>>
where
    T: DeserializeOwned + Send + 'static,
{
    placed(Webhook::new(
        scheme.into_policy(),
        true,
        |event, extensions| {
            event.json::<T>()?.provide(extensions);
            Ok(())
        },
    ))
}

/// Verifies the signature of an event, and gives the handler its bytes as a
/// [`Verified<Bytes>`](Verified): for events that are not JSON, such as the forms of Slack.
///
/// The body stays in the request: [`with_validation`](crate::validation) inside this layer can read it.
pub fn with_raw_webhook(scheme: impl IntoPolicy<WebhookScheme>) -> Placed<Webhook<Bytes>> {
    placed(Webhook::new(
        scheme.into_policy(),
        false,
        |event, extensions| {
            event.provide(extensions);
            Ok(())
        },
    ))
}

/// The layer of [`with_webhook`]: how events are read, verified and recorded; see the
/// [module](crate::webhook).
// The event is erased inside, so that the service is compiled once for all of them.
#[must_use]
pub struct Webhook<T> {
    compiled: Arc<CompiledWebhook>,
    event: PhantomData<fn() -> T>,
}

struct CompiledWebhook {
    scheme: WebhookScheme,
    /// Parses an event and leaves it in the extensions.
    read: fn(Verified<Bytes>, &mut Extensions) -> Result<(), Problem>,
    is_json: bool,
    options: Options,
    too_large: Problem,
    content_coding: Problem,
    in_progress: Problem,
}

#[derive(Clone)]
struct Options {
    max_body_bytes: usize,
    store: Option<Arc<dyn DynWebhookStore>>,
    scope: Option<&'static str>,
    lease: Duration,
    keep: Duration,
    handles_without_store: bool,
}

impl<T> Webhook<T> {
    fn new(
        scheme: WebhookScheme,
        is_json: bool,
        read: fn(Verified<Bytes>, &mut Extensions) -> Result<(), Problem>,
    ) -> Self {
        let options = Options {
            max_body_bytes: 1024 * 1024,
            store: None,
            scope: None,
            lease: Duration::from_secs(60),
            keep: Duration::from_secs(3 * 24 * 60 * 60),
            handles_without_store: false,
        };
        Self::of(scheme, is_json, read, options)
    }

    fn of(
        scheme: WebhookScheme,
        is_json: bool,
        read: fn(Verified<Bytes>, &mut Extensions) -> Result<(), Problem>,
        options: Options,
    ) -> Self {
        let max_body_bytes = options.max_body_bytes;
        let compiled = CompiledWebhook {
            scheme,
            read,
            is_json,
            options,
            too_large: Problem::new(StatusCode::PAYLOAD_TOO_LARGE)
                .reason("too_large")
                .detail(format!(
                    "The body must not be larger than {max_body_bytes} bytes."
                ))
                .extension("max_body_bytes", max_body_bytes),
            content_coding: Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE)
                .reason("content_coding")
                .detail("The body must not have a content coding such as compression.")
                .header(
                    header::ACCEPT_ENCODING,
                    HeaderValue::from_static("identity"),
                ),
            in_progress: Problem::new(StatusCode::CONFLICT)
                .reason("in_progress")
                .detail("This event is being handled. Send it again later."),
        };
        Self {
            compiled: Arc::new(compiled),
            event: PhantomData,
        }
    }

    /// The largest body that is read, in bytes; 1,048,576 by default.
    pub fn max_body_bytes(self, bytes: usize) -> Self {
        self.change(|options| options.max_body_bytes = bytes)
    }

    /// Handles each event once: see [Replays](crate::webhook#replays). By default, an event that is sent
    /// again is handled again.
    pub fn once(self, store: impl WebhookStore) -> Self {
        let store: Arc<dyn DynWebhookStore> = Arc::new(store);
        self.change(|options| options.store = Some(store))
    }

    /// Separates the events of this layer from those of others in the same store. By default, events of
    /// senders with the same scheme are the same if their ids, or their bodies, are: give each its own
    /// scope where two accounts or endpoints share a store.
    pub fn scope(self, scope: &'static str) -> Self {
        self.change(|options| options.scope = Some(scope))
    }

    /// How long an event is in progress at most, after the process was killed: 60 seconds by default.
    /// It must be longer than a handler takes; otherwise the event may be handled twice at once.
    ///
    /// # Errors
    ///
    /// If it is zero.
    pub fn lease(self, lease: Duration) -> Result<Self, ConfigError> {
        if lease.is_zero() {
            return Err(ConfigError::new(
                "Webhook",
                "with a lease of 0 an event would be handled twice at once: use more time than a \
                 handler takes",
            ));
        }
        Ok(self.change(|options| options.lease = lease))
    }

    /// How long an event is remembered after it was handled: three days by default, as long as Stripe
    /// sends an event again.
    ///
    /// # Errors
    ///
    /// If it is zero, or shorter than the times during which the timestamp of an event is valid: twice
    /// the tolerance.
    pub fn keep(self, keep: Duration) -> Result<Self, ConfigError> {
        let error = |message| Err(ConfigError::new("Webhook", message));
        if keep.is_zero() {
            return error(format!(
                "an event that is remembered for {keep:?} is handled again: keep it for as long as the \
                 sender sends it again"
            ));
        }
        let scheme = &self.compiled.scheme;
        let valid = scheme.longest_difference().saturating_mul(2);
        if scheme.has_timestamp() && keep < valid {
            return error(format!(
                "an event is remembered for {keep:?}, but its signature is valid for {valid:?}, so that \
                 it could be replayed: keep it longer"
            ));
        }
        Ok(self.change(|options| options.keep = keep))
    }

    /// Handles events while the [store](Self::once) is not available. By default they are answered 503,
    /// and the sender sends them again.
    ///
    /// # Security
    ///
    /// Meanwhile an event can be handled twice, and replayed.
    pub fn dangerously_handle_without_store(self) -> Self {
        self.change(|options| options.handles_without_store = true)
    }

    fn change(self, change: impl FnOnce(&mut Options)) -> Self {
        let CompiledWebhook {
            scheme,
            read,
            is_json,
            options,
            ..
        } = &*self.compiled;
        let mut options = options.clone();
        change(&mut options);
        Self::of(scheme.clone(), *is_json, *read, options)
    }
}

impl<T> Placed<Webhook<T>> {
    /// See [`Webhook::max_body_bytes`].
    pub fn max_body_bytes(self, bytes: usize) -> Self {
        placed(self.into_inner().max_body_bytes(bytes))
    }

    /// See [`Webhook::once`].
    pub fn once(self, store: impl WebhookStore) -> Self {
        placed(self.into_inner().once(store))
    }

    /// See [`Webhook::scope`].
    pub fn scope(self, scope: &'static str) -> Self {
        placed(self.into_inner().scope(scope))
    }

    /// See [`Webhook::lease`].
    ///
    /// # Errors
    ///
    /// As for [`Webhook::lease`].
    pub fn lease(self, lease: Duration) -> Result<Self, ConfigError> {
        self.into_inner().lease(lease).map(placed)
    }

    /// See [`Webhook::keep`].
    ///
    /// # Errors
    ///
    /// As for [`Webhook::keep`].
    pub fn keep(self, keep: Duration) -> Result<Self, ConfigError> {
        self.into_inner().keep(keep).map(placed)
    }

    /// See [`Webhook::dangerously_handle_without_store`].
    pub fn dangerously_handle_without_store(self) -> Self {
        placed(self.into_inner().dangerously_handle_without_store())
    }

    /// See [`With::when`].
    pub fn when<F>(self, condition: F) -> With<When<Webhook<T>, F>>
    where
        F: Fn(&RequestHead<'_>) -> bool + Clone,
    {
        with(self.into_inner()).when(condition)
    }

    /// See [`With::except`].
    pub fn except<F>(self, condition: F) -> With<When<Webhook<T>, F>>
    where
        F: Fn(&RequestHead<'_>) -> bool + Clone,
    {
        with(self.into_inner()).except(condition)
    }

    /// See [`With::only_routes`].
    ///
    /// # Errors
    ///
    /// As for [`With::only_routes`].
    pub fn only_routes<R>(self, routes: R) -> Result<With<When<Webhook<T>, RouteList>>, ConfigError>
    where
        R: IntoIterator<Item: AsRef<str>>,
    {
        with(self.into_inner()).only_routes(routes)
    }

    /// See [`With::except_routes`].
    ///
    /// # Errors
    ///
    /// As for [`With::except_routes`].
    pub fn except_routes<R>(
        self,
        routes: R,
    ) -> Result<With<When<Webhook<T>, RouteList>>, ConfigError>
    where
        R: IntoIterator<Item: AsRef<str>>,
    {
        with(self.into_inner()).except_routes(routes)
    }
}

impl<T, S> Layer<S> for Webhook<T> {
    type Service = Wrapped<ErasedWebhook, S>;

    fn layer(&self, inner: S) -> Self::Service {
        with(ErasedWebhook(Arc::clone(&self.compiled))).layer(inner)
    }
}

/// A [`Webhook`] whose type does not name the event, so that the service is compiled once for all
/// events.
#[derive(Clone)]
pub struct ErasedWebhook(Arc<CompiledWebhook>);

impl fmt::Debug for ErasedWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ErasedWebhook")
    }
}

impl Place for ErasedWebhook {
    type Stage = stage::Body;
    type Provides = ();
    type Needs = ();

    fn name(&self) -> &'static str {
        NAME
    }
}

/// The event that is in progress, if the layer records events.
pub struct EventInProgress(Option<Claim>);

impl fmt::Debug for EventInProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventInProgress")
    }
}

impl<B> Middleware<B> for ErasedWebhook
where
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + From<Bytes> + Send + Unpin + 'static,
{
    type Carry = EventInProgress;

    fn before(&self, request: Request<B>) -> Later<Step<B, EventInProgress>> {
        self.0.before(request)
    }

    fn after<R: ReplyBody>(&self, carry: EventInProgress, response: &mut Response<R>) {
        self.0.after(carry, response.status());
    }
}

impl<T: 'static> Place for Webhook<T> {
    type Stage = stage::Body;
    type Provides = Always<Verified<T>>;
    type Needs = ();

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        self.compiled.describe(type_name::<T>())
    }
}

impl<T, B> Middleware<B> for Webhook<T>
where
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + From<Bytes> + Send + Unpin + 'static,
{
    type Carry = EventInProgress;

    fn before(&self, request: Request<B>) -> Later<Step<B, EventInProgress>> {
        self.compiled.before(request)
    }

    fn after<R: ReplyBody>(&self, carry: EventInProgress, response: &mut Response<R>) {
        self.compiled.after(carry, response.status());
    }
}

impl CompiledWebhook {
    fn describe(&self, type_name: String) -> Description {
        const NO_SECRET: &str = "a test has no secret to sign an event with";

        let max_bytes = u64::try_from(self.options.max_body_bytes).unwrap_or(u64::MAX);
        let mut input = RequestInput::new(InputSource::Body, type_name).max_bytes(max_bytes);
        let mut rejected = Answer::new(StatusCode::BAD_REQUEST);
        for reason in self.reasons() {
            rejected = rejected.reason(reason);
        }
        let when = if self.is_json {
            input = input.media_type("application/json");
            rejected = rejected.member("line").member("column");
            "without a valid signature, or when the body is not JSON"
        } else {
            "without a valid signature"
        };
        let too_large = Answer::of(&self.too_large).when(input.when_too_large());
        let mut layer = Description::new(NAME)
            .answer(rejected.when(when))
            .answer(too_large)
            .answer(Answer::of(&self.content_coding).when("when the body has a content coding"));
        if self.is_json {
            let invalid = Answer::new(StatusCode::UNPROCESSABLE_ENTITY)
                .reason("invalid")
                .member("line")
                .member("column")
                .when("when the event does not have the expected form");
            layer = layer.answer(invalid.not_provoked(NO_SECRET));
        }
        if self.options.store.is_some() {
            let handled = Answer::new(StatusCode::OK).when("when the event was handled before");
            let in_progress =
                Answer::of(&self.in_progress).when("while the event is being handled");
            layer = layer
                .answer(handled.not_provoked(NO_SECRET))
                .answer(in_progress.not_provoked(NO_SECRET));
            if !self.options.handles_without_store {
                let unavailable = Answer::unavailable();
                layer = layer.answer(unavailable.when("when the store of events is not available"));
            }
        }
        let fields = self.scheme.fields().map(|(name, text)| {
            RequestInput::parameter(InputSource::Header, name.to_string()).description(text)
        });
        fields.fold(layer.reads(input), Description::reads)
    }

    /// The reasons of a 400.
    fn reasons(&self) -> impl Iterator<Item = &'static str> {
        let signature = Refusal::REASONS.into_iter().filter(|reason| {
            self.scheme.has_timestamp() || !["too_old", "in_future"].contains(reason)
        });
        let malformed = self.is_json.then_some("malformed");
        signature.chain(malformed).chain(["broken_body"])
    }

    fn before<B>(self: &Arc<Self>, mut request: Request<B>) -> Later<Step<B, EventInProgress>>
    where
        B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + From<Bytes> + Send + Unpin + 'static,
    {
        let mut check = match self.admit(&request) {
            Ok(check) => check,
            Err(problem) => return Step::reply(problem),
        };
        let mut reader = BodyReader::new(self.options.max_body_bytes);
        // A body that is in memory already needs no future. Any other is polled again with the
        // task's own waker before anything waits.
        let at_once = &mut Context::from_waker(Waker::noop());
        let body = reader.poll_each(request.body_mut(), at_once, |part| check.update(part));
        if let Poll::Ready(body) = body {
            return match self.finish(&mut request, check, body) {
                Ok(event) => self.claim(request, event),
                Err(problem) => Step::reply(problem),
            };
        }
        let webhook = Arc::clone(self);
        Later::pending(async move {
            let body =
                poll_fn(|cx| reader.poll_each(request.body_mut(), cx, |part| check.update(part)));
            let body = body.await;
            match webhook.finish(&mut request, check, body) {
                Ok(event) => webhook.claim(request, event).wait().await,
                Err(problem) => Step::Reply(problem.into()),
            }
        })
    }

    /// Checks everything that does not need the body.
    fn admit<B: Body>(&self, request: &Request<B>) -> Result<SignatureCheck, Problem> {
        let headers = request.headers();
        if is_encoded(headers) {
            return Err(self.content_coding.clone());
        }
        if announces_more(headers, request.body(), self.options.max_body_bytes) {
            return Err(self.too_large.clone());
        }
        Ok(self.scheme.start(headers)?)
    }

    /// Gives the request its event, once the body has been read, and returns how the store knows it.
    fn finish<B: From<Bytes>>(
        &self,
        request: &mut Request<B>,
        check: SignatureCheck,
        body: Result<Bytes, ReadError>,
    ) -> Result<Option<EventKey>, Problem> {
        let body = body.map_err(|error| match error {
            ReadError::TooLarge => self.too_large.clone(),
            ReadError::TooSlow => Problem::slow_body(),
            ReadError::Broken(error) => Problem::new(StatusCode::BAD_REQUEST)
                .reason("broken_body")
                .detail("The body could not be read completely.")
                .because(error),
        })?;
        let event = check.finish(&self.scheme, body.clone())?;
        let key = self.options.store.is_some().then(|| self.key(&event));
        (self.read)(event, request.extensions_mut())?;
        *request.body_mut() = B::from(body);
        Ok(key)
    }

    fn key(&self, event: &Verified<Bytes>) -> EventKey {
        let scope = self.options.scope.unwrap_or_else(|| self.scheme.name());
        let in_body = || {
            let name = self.scheme.event_id_in_body()?;
            member(name, event.bytes())
        };
        let id = event.id().map(str::to_owned).or_else(in_body);
        EventKey::new(scope, id.as_deref().map(str::as_bytes), event.bytes())
    }

    /// Goes on with an event that is new.
    fn claim<B: Send + 'static>(
        self: &Arc<Self>,
        request: Request<B>,
        event: Option<EventKey>,
    ) -> Later<Step<B, EventInProgress>> {
        let (Some(event), Some(store)) = (event, &self.options.store) else {
            return Step::next(request, EventInProgress(None));
        };
        let claim = Claim::new(Arc::clone(store), event);
        let mut state = claim.begin(self.options.lease);
        if let Poll::Ready(state) = poll_now(&mut state) {
            return self.decide(request, claim, state).into();
        }
        let webhook = Arc::clone(self);
        Later::pending(async move {
            let state = state.await;
            webhook.decide(request, claim, state)
        })
    }

    fn decide<B>(
        &self,
        request: Request<B>,
        claim: Claim,
        state: Result<EventState, BoxError>,
    ) -> Step<B, EventInProgress> {
        match state {
            Ok(EventState::New) => Step::Next(request, EventInProgress(Some(claim))),
            Ok(EventState::InProgress) => {
                claim.abandon();
                Step::Reply(self.in_progress.clone().into())
            }
            Ok(EventState::Handled) => {
                claim.abandon();
                Step::Reply(handled())
            }
            // The claim is released when it is dropped: the store may have taken it nevertheless.
            Err(_) if self.options.handles_without_store => {
                Step::Next(request, EventInProgress(Some(claim)))
            }
            Err(error) => Step::Reply(Problem::unavailable(error).into()),
        }
    }

    /// An event was handled if the answer says so.
    fn after(&self, EventInProgress(claim): EventInProgress, status: StatusCode) {
        if let Some(claim) = claim
            && status.is_success()
        {
            claim.complete(self.options.keep);
        }
    }
}

/// The answer to an event that was handled before: the sender is not to send it again.
fn handled() -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(br#"{"received":true}"#));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// The text of a member of a JSON object; the last one, as in most parsers, if it is repeated.
fn member(name: &str, json: &[u8]) -> Option<String> {
    struct Member<'a>(&'a str);

    impl<'de> DeserializeSeed<'de> for Member<'_> {
        type Value = Option<String>;

        fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
            json.deserialize_map(self)
        }
    }

    impl<'de> Visitor<'de> for Member<'_> {
        type Value = Option<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
            let mut found = None;
            while let Some(name) = map.next_key::<String>()? {
                if name == self.0 {
                    found = map
                        .next_value::<serde_json::Value>()?
                        .as_str()
                        .filter(|id| !id.is_empty())
                        .map(str::to_owned);
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(found)
        }
    }

    let mut json = serde_json::Deserializer::from_slice(json);
    Member(name).deserialize(&mut json).ok().flatten()
}

impl<T> Clone for Webhook<T> {
    fn clone(&self) -> Self {
        Self {
            compiled: Arc::clone(&self.compiled),
            event: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Webhook<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CompiledWebhook {
            scheme, options, ..
        } = &*self.compiled;
        f.debug_struct("Webhook")
            .field("scheme", scheme)
            .field("max_body_bytes", &options.max_body_bytes)
            .field("once", &options.store.is_some())
            .field("lease", &options.lease)
            .field("keep", &options.keep)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::member;

    #[test]
    fn finds_the_id_of_an_event() {
        let cases = [
            (r#"{"id":"evt_1","object":"event"}"#, Some("evt_1")),
            (r#"{"data":{"id":"inner"},"id":"outer"}"#, Some("outer")),
            (r#"{"id":"first","id":"last"}"#, Some("last")),
            (r#"{"\u0069d":"escaped"}"#, Some("escaped")),
            (r#"{"id":7}"#, None),
            (r#"{"id":null}"#, None),
            (r#"{"data":{"id":"inner"}}"#, None),
            (r#"["id"]"#, None),
            ("token=1&id=2", None),
            ("", None),
        ];
        for (json, id) in cases {
            assert_eq!(member("id", json.as_bytes()).as_deref(), id, "{json}");
        }
    }
}
