//! The processing of an event: its body is read, its signature verified, and the store asked whether
//! it is new.

use std::{
    error::Error,
    fmt,
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{Extensions, HeaderValue, Request, Response, StatusCode, header};
use http_body::Body;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::{
    refusal::Refusal,
    scheme::{SignatureCheck, WebhookScheme},
    store::{Claim, DynWebhookStore, EventKey, EventState, poll_now},
    verified::Verified,
};
use crate::{
    contract::{
        Description, Later, Step,
        description::{Answer, InputSource, RequestInput},
    },
    wire::{
        BoxError, Problem,
        read_body::{BodyReader, ReadError, announces_more, is_encoded},
    },
};

pub(super) const NAME: &str = "with_webhook";

/// The layer without the type of its events.
pub(super) struct CompiledWebhook {
    pub(super) scheme: WebhookScheme,
    /// Parses an event and leaves it in the extensions.
    pub(super) read: fn(Verified<Bytes>, &mut Extensions) -> Result<(), Problem>,
    pub(super) is_json: bool,
    pub(super) options: Options,
    too_large: Problem,
    content_coding: Problem,
    in_progress: Problem,
}

#[derive(Clone)]
pub(super) struct Options {
    pub(super) max_body_bytes: usize,
    pub(super) store: Option<Arc<dyn DynWebhookStore>>,
    pub(super) scope: Option<&'static str>,
    pub(super) lease: Duration,
    pub(super) keep: Duration,
    pub(super) handles_without_store: bool,
}

/// The event that is in progress, if the layer records events.
pub struct EventInProgress(Option<Claim>);

impl fmt::Debug for EventInProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventInProgress")
    }
}

impl Options {
    pub(super) fn new(scheme: &WebhookScheme) -> Self {
        const THREE_DAYS: Duration = Duration::from_secs(3 * 24 * 60 * 60);

        Self {
            max_body_bytes: 1024 * 1024,
            store: None,
            scope: None,
            lease: Duration::from_secs(60),
            keep: scheme.valid_for().unwrap_or_default().max(THREE_DAYS),
            handles_without_store: false,
        }
    }
}

impl CompiledWebhook {
    pub(super) fn new(
        scheme: WebhookScheme,
        is_json: bool,
        read: fn(Verified<Bytes>, &mut Extensions) -> Result<(), Problem>,
        options: Options,
    ) -> Self {
        let max_body_bytes = options.max_body_bytes;
        Self {
            scheme,
            read,
            is_json,
            options,
            too_large: Problem::large_body(max_body_bytes),
            content_coding: Problem::coded_body(),
            in_progress: Problem::new(StatusCode::CONFLICT)
                .reason("in_progress")
                .detail("This event is being handled. Send it again later."),
        }
    }

    pub(super) fn describe(&self, type_name: String) -> Description {
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
            let handled = Answer::new(StatusCode::OK).content("application/json");
            let handled = handled.when("when the event was handled before");
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

    pub(super) fn before<B>(
        self: &Arc<Self>,
        mut request: Request<B>,
    ) -> Later<Step<B, EventInProgress>>
    where
        B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + From<Bytes> + Send + Unpin + 'static,
    {
        let mut check = match self.admit(&request) {
            Ok(check) => check,
            Err(problem) => return Step::reply(problem),
        };
        let mut reader = BodyReader::new(self.options.max_body_bytes);
        // A body that is already in memory needs no future. Any other is polled again with the task's
        // own waker before anything waits.
        let noop_context = &mut Context::from_waker(Waker::noop());
        let body = reader.poll_each(request.body_mut(), noop_context, |part| check.update(part));
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

    /// Adds the event to the request, once the body has been read, and returns the event's key in the
    /// store.
    fn finish<B: From<Bytes>>(
        &self,
        request: &mut Request<B>,
        check: SignatureCheck,
        body: Result<Bytes, ReadError>,
    ) -> Result<Option<EventKey>, Problem> {
        let body = body.map_err(|error| match error {
            ReadError::TooLarge => self.too_large.clone(),
            ReadError::TooSlow => Problem::slow_body(),
            ReadError::Broken(error) => Problem::broken_body().because(error),
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

    /// Continues with the request if its event is new.
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
            // The claim is released when it is dropped: the store may have recorded it in spite of the
            // error.
            Err(_) if self.options.handles_without_store => {
                Step::Next(request, EventInProgress(Some(claim)))
            }
            Err(error) => Step::Reply(Problem::unavailable(error).into()),
        }
    }

    /// A successful response means that the event was handled.
    pub(super) fn after(&self, EventInProgress(claim): EventInProgress, status: StatusCode) {
        if let Some(claim) = claim
            && status.is_success()
        {
            claim.complete(self.options.keep);
        }
    }
}

/// The answer to an event that was handled before, which tells the sender to stop retrying.
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
