//! The layer and its options.

use std::{error::Error, fmt, marker::PhantomData, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Extensions, Request, Response};
use http_body::Body;
use serde::de::DeserializeOwned;
use tower_layer::Layer;

use super::{
    event::{CompiledWebhook, EventInProgress, NAME, Options},
    scheme::WebhookScheme,
    store::{DynWebhookStore, WebhookStore},
    verified::Verified,
};
use crate::{
    compose::{RouteList, When},
    contract::{
        Always, Description, IntoPolicy, Later, Middleware, Place, Placed, ReplyBody, Step, With,
        Wrapped, placed, stage, with,
    },
    request::RequestHead,
    wire::{ConfigError, Problem, type_name},
};

/// Verifies the signature of an event, and gives it to the handler as a [`Verified<T>`](Verified),
/// parsed from JSON.
///
/// See the [module](crate::webhook) for what passes and what is rejected. In an OpenAPI document the
/// body is arbitrary JSON: `request_body::<T>("application/json")` of the route adds its schema.
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
// The event's type is erased inside, so that the service is compiled once for all of them.
#[must_use]
pub struct Webhook<T> {
    compiled: Arc<CompiledWebhook>,
    event: PhantomData<fn() -> T>,
}

impl<T> Webhook<T> {
    fn new(
        scheme: WebhookScheme,
        is_json: bool,
        read: fn(Verified<Bytes>, &mut Extensions) -> Result<(), Problem>,
    ) -> Self {
        let options = Options::new(&scheme);
        Self::of(CompiledWebhook::new(scheme, is_json, read, options))
    }

    fn of(compiled: CompiledWebhook) -> Self {
        Self {
            compiled: Arc::new(compiled),
            event: PhantomData,
        }
    }

    /// The maximum size of a body in bytes; 1,048,576 by default.
    pub fn max_body_bytes(self, bytes: usize) -> Self {
        self.change(|options| options.max_body_bytes = bytes)
    }

    /// Handles each event once: see [Replays](crate::webhook#replays). By default, an event that is
    /// sent again is handled again.
    pub fn once(self, store: impl WebhookStore) -> Self {
        let store: Arc<dyn DynWebhookStore> = Arc::new(store);
        self.change(|options| options.store = Some(store))
    }

    /// Separates the events of this layer from those of others in the same store. By default, two
    /// events of senders with the same scheme count as the same if their ids, or else their bodies,
    /// are equal: set a different scope for each account or endpoint that shares a store.
    pub fn scope(self, scope: &'static str) -> Self {
        self.change(|options| options.scope = Some(scope))
    }

    /// How long an event stays in progress after the process was killed: 60 seconds by default. It
    /// must be longer than a handler takes; otherwise the event may be handled twice at the same time.
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

    /// How long an event is remembered after it was handled. By default three days, which is how long
    /// Stripe retries, or as long as its timestamp is valid if that is longer.
    ///
    /// # Errors
    ///
    /// If it is zero, or shorter than the period in which the timestamp of an event is valid: twice
    /// the tolerance.
    pub fn keep(self, keep: Duration) -> Result<Self, ConfigError> {
        let error = |message| Err(ConfigError::new("Webhook", message));
        if keep.is_zero() {
            return error(format!(
                "an event that is remembered for {keep:?} would be handled again: keep it for as \
                 long as the sender may send it again"
            ));
        }
        let valid = self.compiled.scheme.valid_for();
        if let Some(valid) = valid.filter(|valid| keep < *valid) {
            return error(format!(
                "an event is remembered for {keep:?}, but its signature is valid for {valid:?}, so \
                 it could be replayed: keep it for at least as long"
            ));
        }
        Ok(self.change(|options| options.keep = keep))
    }

    /// Handles events even while the [store](Self::once) is not available. By default they are
    /// answered 503, and the sender sends them again.
    ///
    /// # Security
    ///
    /// During that time an event can be handled twice, and replayed.
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
        Self::of(CompiledWebhook::new(
            scheme.clone(),
            *is_json,
            *read,
            options,
        ))
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
