//! Decides about requests and responses: [`with_conditional`].

use std::sync::Arc;

use bytes::Bytes;
use http::{Extensions, HeaderMap, HeaderName, Method, Request, Response, StatusCode, header};
use tower_layer::Layer;

use super::{
    body_tag::Tagged,
    policy::{Conditional, Options},
    precondition::{ExpectedVersion, NoPrecondition, Precondition, is_write},
    validators::{Fields, Outcome, Validators, is_read},
};
use crate::{
    contract::{
        Always, Description, Later, Middleware, Place, Placed, Provided, ReplyBody, Step, With,
        Wrapped,
        description::{Answer, InputSource, RequestInput},
        finish, placed, stage, with,
    },
    request::RequestHead,
    wire::Problem,
};

const NAME: &str = "with_conditional";

const ROUTE_UNKNOWN: &str = "`current` asks for the route, which is not known here: put the layer \
    around routes, with `Stack::handler`, `Router::layer` or `Router::route_layer`";

/// Answers conditional requests; see [`conditional`](crate::conditional).
pub const fn with_conditional<G>(policy: Conditional<G>) -> Placed<ConditionalLayer<G>> {
    placed(ConditionalLayer(with(policy)))
}

/// The layer of [`with_conditional`].
#[derive(Debug)]
#[must_use]
pub struct ConditionalLayer<G>(With<Conditional<G>>);

impl<G> Clone for ConditionalLayer<G> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<G: Given> Place for ConditionalLayer<G> {
    type Stage = stage::Cache;
    type Provides = Always<G>;
    type Needs = ();

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        self.0.describe()
    }
}

impl<G, S> Layer<S> for ConditionalLayer<G> {
    type Service = Wrapped<Conditional<G>, Tagged<S>>;

    fn layer(&self, inner: S) -> Self::Service {
        let max_bytes = self.0.middleware().options.tag_bodies;
        self.0.layer(Tagged::new(inner, max_bytes))
    }
}

/// What a policy gives to handlers: a [`Precondition`] or an [`ExpectedVersion`].
pub trait Given: Provided + sealed::Sealed + Send + Sync + 'static {}
impl Given for Precondition {}
impl Given for ExpectedVersion {}

mod sealed {
    #[expect(unnameable_types, reason = "that is what seals it")]
    pub trait Sealed {}
    impl Sealed for super::Precondition {}
    impl Sealed for super::ExpectedVersion {}
}

impl<G: Given> Place for Conditional<G> {
    type Stage = stage::Cache;
    type Provides = Always<G>;
    type Needs = ();

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        self.options.describe()
    }
}

impl<B: Send + 'static, G: Given> Middleware<B> for Conditional<G> {
    type Carry = Option<Comparison>;

    fn before(&self, mut request: Request<B>) -> Later<Step<B, Self::Carry>> {
        let options = &self.options;
        let method = request.method();
        if !is_write(method) {
            let fields = is_read(method)
                .then(|| Fields::of(request.headers(), method))
                .flatten();
            let head_only = *method == Method::HEAD;
            request.extensions_mut().insert(NoPrecondition);
            return Step::next(
                request,
                fields.map(|fields| Comparison { fields, head_only }),
            );
        }
        let Some(fields) = Fields::of(request.headers(), method) else {
            if options.is_required {
                return Step::reply(options.missing.clone());
            }
            request.extensions_mut().insert(NoPrecondition);
            return Step::next(request, None);
        };
        if fields.are_malformed() {
            return Step::reply(options.malformed.clone());
        }
        let precondition = Precondition {
            fields,
            required: options.is_required.then(|| options.missing.clone()),
        };
        let Some(current) = &options.current else {
            request.extensions_mut().insert(precondition);
            return Step::next(request, None);
        };
        let head = RequestHead::from(&request);
        let current = current(&head);
        if head.take_route_missed() {
            return Step::reply(options.failed.clone().because(ROUTE_UNKNOWN));
        }
        match current {
            Later::Ready(current) => Later::Ready(checked(&precondition, current, request)),
            Later::Pending(current) => Later::pending(async move {
                let current = current.await;
                checked(&precondition, current, request)
            }),
        }
    }

    fn after<R: ReplyBody>(&self, carry: Self::Carry, response: &mut Response<R>) {
        // RFC 9110, section 13.2.1: preconditions are ignored where the response is not a success.
        let Some(Comparison { fields, head_only }) =
            carry.filter(|_| response.status().is_success())
        else {
            return;
        };
        match fields.evaluate(true, Some(&Validators::of(response.headers()))) {
            Outcome::Perform => {}
            Outcome::NotModified => make_not_modified(response),
            Outcome::Failed => {
                let failed = self.options.failed.clone().into_response();
                *response = finish(NAME, failed, head_only).map(R::from);
            }
        }
    }
}

/// What the response to a read is compared with.
#[derive(Debug)]
pub struct Comparison {
    fields: Fields,
    head_only: bool,
}

/// The request with what the handler is to expect, or why it is not performed.
fn checked<B, C>(
    precondition: &Precondition,
    current: Result<Option<Validators>, Problem>,
    mut request: Request<B>,
) -> Step<B, Option<C>> {
    let expected = current.and_then(|current| precondition.check(current.as_ref()));
    match expected {
        Ok(expected) => {
            let extensions: &mut Extensions = request.extensions_mut();
            extensions.insert(expected);
            Step::Next(request, None)
        }
        Err(problem) => Step::Reply(problem.into()),
    }
}

/// Turns a success into a 304: without its content, and without the metadata of the representation, except
/// for the fields that a 304 has (RFC 9110, section 15.4.5).
///
/// Other fields, such as those of a security policy, stay: a layer further out that adds what is missing
/// would replace them in the client's stored response (RFC 9111, section 3.2).
fn make_not_modified<R: ReplyBody>(response: &mut Response<R>) {
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    *response.body_mut() = R::from(Bytes::new());
    let headers = response.headers_mut();
    // "Last-Modified might be useful if the response does not have an ETag field".
    let has_tag = headers.contains_key(header::ETAG);
    let is_metadata = |name: &HeaderName| match name.as_str() {
        "content-location" | "content-security-policy" | "content-security-policy-report-only" => {
            false
        }
        "repr-digest" | "digest" | "trailer" | "transfer-encoding" => true,
        "last-modified" => has_tag,
        name => name.starts_with("content-"),
    };
    let dropped = |headers: &HeaderMap| headers.keys().find(|name| is_metadata(name)).cloned();
    while let Some(name) = dropped(headers) {
        headers.remove(name);
    }
}

impl Options {
    fn describe(self: &Arc<Self>) -> Description {
        let read = RequestInput::parameter(InputSource::Header, "if-none-match")
            .optional()
            .to_methods(is_read)
            .description("The entity tags of the versions that the client has.");
        let mut write = RequestInput::parameter(InputSource::Header, "if-match")
            .to_methods(is_write)
            .pattern(TAGS_PATTERN)
            .description("The entity tag of the version that the client has read.");
        if !self.is_required {
            write = write.optional();
        }
        let not_modified = Answer::new(StatusCode::NOT_MODIFIED)
            .to_methods(is_read)
            .when("when the client has the current version")
            .field(header::ETAG)
            .not_provoked("the tests do not know the tag of a response");
        let mut failed = Answer::of(&self.failed).when("when a precondition is false");
        failed = if self.current.is_some() {
            failed.not_provoked("the description does not say which version is current")
        } else {
            failed.not_provoked("the handler compares the versions")
        };
        let malformed = Answer::of(&self.malformed)
            .to_methods(is_write)
            .when("when a precondition is malformed")
            .provoked_by(|request| {
                let malformed = http::HeaderValue::from_static("malformed");
                request.headers.insert(header::IF_MATCH, malformed);
            });
        let mut layer = Description::new(NAME)
            .reads(read)
            .reads(write)
            .answer(not_modified)
            .answer(malformed)
            .answer(failed);
        if self.is_required {
            let missing = Answer::of(&self.missing)
                .to_methods(is_write)
                .when("without a precondition")
                .provoked_by(|request| {
                    for name in [
                        header::IF_MATCH,
                        header::IF_NONE_MATCH,
                        header::IF_UNMODIFIED_SINCE,
                    ] {
                        request.headers.remove(name);
                    }
                });
            layer = layer.answer(missing);
        }
        if self.can_fail {
            let down = Answer::unavailable().to_methods(is_write);
            layer = layer.answer(down.when("when the current version can't be determined"));
        }
        match self.tag_bodies {
            Some(_) => layer.field(header::ETAG),
            None => layer,
        }
    }
}

/// `*`, or a list of entity tags, as a regular expression.
const TAGS_PATTERN: &str = r#"^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$"#;
