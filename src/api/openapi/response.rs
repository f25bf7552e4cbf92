//! What a handler answers: [`DocumentResponse`].

use std::{borrow::Cow, convert::Infallible};

use axum::{
    Extension, Form, Json,
    response::{AppendHeaders, ErrorResponse, Html, Redirect, Sse},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode, header};
use schemars::JsonSchema;
use serde_json::{Value, json};

use super::schemas::Schemas;
use crate::{
    contract::description::Answer,
    integrations::axum::{Accepted, Created, NoContent},
    wire::Problem,
};

/// What a handler returns, for the document. A documented [`Api`](crate::Api) demands it of all routes.
///
/// | type | documented as |
/// |---|---|
/// | `Json<T>` | 200 with the schema of `T` |
/// | [`Created<T>`](crate::Created), [`Accepted<T>`](crate::Accepted), [`NoContent`](crate::NoContent) | 201, 202, 204 |
/// | `String`, `&str`, `Html<T>`, `Bytes`, `Vec<u8>`, `Sse<_>` | 200 with its media type |
/// | `()` | 200 without content |
/// | `Redirect` | 3xx |
/// | `Result<T, E>` | what `T` and `E` say |
/// | [`Problem`](crate::Problem), `StatusCode`, `(StatusCode, T)` | `default`: any status |
/// | `(SetCookie, T)`, `(SessionCookie, T)`, `(ETag, T)`, `(LastModified, T)` | what `T` says, with the field |
/// | `(HeaderMap, T)`, `([(name, value); N], T)` | what `T` says; its content may have another media type, and the fields are not listed |
///
/// # Example: an error that lists its problems
///
/// ```
/// use axum::response::{IntoResponse, Response};
/// use http::StatusCode;
/// use wythe::{
///     Problem,
///     api::openapi::{DocumentResponse, ResponseTypes},
///     description::Answer,
/// };
///
/// struct NameTaken;
///
/// impl IntoResponse for NameTaken {
///     fn into_response(self) -> Response {
///         let problem = Problem::new(StatusCode::CONFLICT).detail("The name is taken.");
///         IntoResponse::into_response(problem)
///     }
/// }
///
/// impl DocumentResponse for NameTaken {
///     fn document(responses: &mut ResponseTypes<'_>) {
///         responses.problem(Answer::new(StatusCode::CONFLICT).when("when the name is taken"));
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the document has no schema of `{Self}`, which the handler returns",
    label = "routes have schemas here, because of `.documented()`",
    note = "return `Json<T>`, `Created<T>`, `NoContent`, `Result<_, Problem>` or another type that says \
            what it answers, and derive `schemars::JsonSchema` for `T`",
    note = "or implement `wythe::api::openapi::DocumentResponse` for the type",
    note = "or write `.undocumented(\"why\", |api| api.get(..))`: the audit lists the reason"
)]
pub trait DocumentResponse {
    /// Adds the responses.
    fn document(responses: &mut ResponseTypes<'_>);
}

/// What goes before a body in a tuple: header fields and cookies.
#[diagnostic::on_unimplemented(
    message = "the document does not know what `{Self}` adds to a response",
    label = "routes have schemas here, because of `.documented()`",
    note = "implement `wythe::api::openapi::DocumentParts` for it"
)]
pub trait DocumentParts {
    /// The header fields, as far as the type shows them.
    #[must_use]
    fn fields() -> Vec<HeaderName> {
        Vec::new()
    }

    /// Whether it may set any field, including `Content-Type`. By default it sets none but
    /// [`fields`](Self::fields).
    #[must_use]
    fn sets_any_field() -> bool {
        false
    }
}

/// The responses of a handler, to be filled by [`DocumentResponse`].
#[derive(Debug)]
pub struct ResponseTypes<'a> {
    schemas: &'a mut Schemas,
    pub(super) list: Vec<ResponseType>,
}

/// One response of a handler.
#[derive(Clone, Debug)]
pub(super) struct ResponseType {
    pub(super) status: Status,
    /// The media type and the schema.
    pub(super) content: Option<(Cow<'static, str>, Value)>,
    pub(super) fields: Vec<HeaderName>,
    /// The content may have any other media type.
    pub(super) has_any_media_type: bool,
    /// It is a problem.
    pub(super) problem: Option<Answer>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    One(StatusCode),
    /// 300 to 399.
    Redirection,
    /// Any that is not listed.
    Any,
}

impl<'a> ResponseTypes<'a> {
    pub(super) const fn new(schemas: &'a mut Schemas) -> Self {
        Self {
            schemas,
            list: Vec::new(),
        }
    }

    pub(super) fn into_list(self) -> Vec<ResponseType> {
        self.list
    }

    /// A response with a `T` in JSON.
    pub fn json<T: JsonSchema + ?Sized>(&mut self, status: StatusCode) {
        let schema = self.schemas.output::<T>();
        self.content(status, "application/json", schema);
    }

    /// A response with content of this media type, and its schema.
    pub fn content(
        &mut self,
        status: StatusCode,
        media_type: impl Into<Cow<'static, str>>,
        schema: Value,
    ) {
        self.add(Status::One(status), Some((media_type.into(), schema)));
    }

    /// A response without content.
    pub fn empty(&mut self, status: StatusCode) {
        self.add(Status::One(status), None);
    }

    /// A problem: an error of the handler.
    pub fn problem(&mut self, problem: Answer) {
        self.list.push(ResponseType {
            status: Status::One(problem.status()),
            content: None,
            fields: Vec::new(),
            has_any_media_type: false,
            problem: Some(problem),
        });
    }

    /// Problems of any status: what is not listed.
    pub fn any_problem(&mut self) {
        self.list.push(ResponseType {
            status: Status::Any,
            content: None,
            fields: Vec::new(),
            has_any_media_type: false,
            // Its status is not looked at.
            problem: Some(Answer::new(StatusCode::INTERNAL_SERVER_ERROR)),
        });
    }

    /// What `T` answers, with these header fields.
    pub fn with_fields<T: DocumentResponse>(&mut self, fields: &[HeaderName]) {
        self.change::<T>(|response| response.fields.extend_from_slice(fields));
    }

    /// What `T` answers, with any status.
    pub fn with_any_status<T: DocumentResponse>(&mut self) {
        self.change::<T>(|response| response.status = Status::Any);
    }

    /// The schemas, for content of a media type of its own.
    pub const fn schemas(&mut self) -> &mut Schemas {
        self.schemas
    }

    fn add(&mut self, status: Status, content: Option<(Cow<'static, str>, Value)>) {
        self.list.push(ResponseType {
            status,
            content,
            fields: Vec::new(),
            has_any_media_type: false,
            problem: None,
        });
    }

    fn change<T: DocumentResponse>(&mut self, change: impl Fn(&mut ResponseType)) {
        let before = self.list.len();
        T::document(self);
        self.list.iter_mut().skip(before).for_each(change);
    }
}

impl DocumentResponse for () {
    fn document(responses: &mut ResponseTypes<'_>) {
        responses.empty(StatusCode::OK);
    }
}

impl DocumentResponse for Infallible {
    fn document(_: &mut ResponseTypes<'_>) {}
}

impl<T: DocumentResponse, E: DocumentResponse> DocumentResponse for Result<T, E> {
    fn document(responses: &mut ResponseTypes<'_>) {
        T::document(responses);
        E::document(responses);
    }
}

impl DocumentResponse for Problem {
    fn document(responses: &mut ResponseTypes<'_>) {
        responses.any_problem();
    }
}

impl DocumentResponse for StatusCode {
    fn document(responses: &mut ResponseTypes<'_>) {
        responses.add(Status::Any, None);
    }
}

/// The upstream's responses: any status, any content.
#[cfg(feature = "proxy")]
impl DocumentResponse for crate::integrations::axum::proxy::Proxied {
    fn document(responses: &mut ResponseTypes<'_>) {
        responses.add(Status::Any, Some(("*/*".into(), json!({}))));
    }
}

/// axum's erased error: any status, any content.
impl DocumentResponse for ErrorResponse {
    fn document(responses: &mut ResponseTypes<'_>) {
        responses.add(Status::Any, Some(("*/*".into(), json!({}))));
    }
}

impl DocumentResponse for NoContent {
    fn document(responses: &mut ResponseTypes<'_>) {
        responses.empty(StatusCode::NO_CONTENT);
    }
}

impl<T: JsonSchema> DocumentResponse for Created<T> {
    fn document(responses: &mut ResponseTypes<'_>) {
        responses.json::<T>(StatusCode::CREATED);
        if let Some(created) = responses.list.last_mut() {
            created.fields.push(header::LOCATION);
        }
    }
}

impl<T: JsonSchema> DocumentResponse for Accepted<T> {
    fn document(responses: &mut ResponseTypes<'_>) {
        responses.json::<T>(StatusCode::ACCEPTED);
    }
}

#[diagnostic::do_not_recommend]
impl<T: JsonSchema> DocumentResponse for Json<T> {
    fn document(responses: &mut ResponseTypes<'_>) {
        responses.json::<T>(StatusCode::OK);
    }
}

#[diagnostic::do_not_recommend]
impl<T: JsonSchema> DocumentResponse for Form<T> {
    fn document(responses: &mut ResponseTypes<'_>) {
        let schema = responses.schemas.output::<T>();
        responses.content(StatusCode::OK, "application/x-www-form-urlencoded", schema);
    }
}

impl DocumentResponse for Redirect {
    fn document(responses: &mut ResponseTypes<'_>) {
        responses.add(Status::Redirection, None);
        if let Some(redirect) = responses.list.last_mut() {
            redirect.fields.push(header::LOCATION);
        }
    }
}

impl<T> DocumentResponse for Html<T> {
    fn document(responses: &mut ResponseTypes<'_>) {
        responses.content(StatusCode::OK, "text/html", json!({ "type": "string" }));
    }
}

impl<T> DocumentResponse for Sse<T> {
    fn document(responses: &mut ResponseTypes<'_>) {
        responses.content(
            StatusCode::OK,
            "text/event-stream",
            json!({ "type": "string" }),
        );
    }
}

macro_rules! contents {
    ($($media_type:literal, $schema:expr => $($name:ty),+;)*) => {$($(
        impl DocumentResponse for $name {
            fn document(responses: &mut ResponseTypes<'_>) {
                responses.content(StatusCode::OK, $media_type, $schema);
            }
        }
    )+)*};
}
contents! {
    "text/plain", json!({ "type": "string" }) => String, &'static str, Cow<'static, str>, Box<str>;
    // Bytes are not a JSON value.
    "application/octet-stream", json!({}) => Bytes, Vec<u8>, &'static [u8], Cow<'static, [u8]>;
}

#[diagnostic::do_not_recommend]
impl<T: DocumentResponse> DocumentResponse for (T,) {
    fn document(responses: &mut ResponseTypes<'_>) {
        T::document(responses);
    }
}

impl DocumentParts for HeaderMap {
    fn sets_any_field() -> bool {
        true
    }
}

impl DocumentParts for () {}
impl<T> DocumentParts for Extension<T> {}

impl<T> DocumentParts for AppendHeaders<T> {
    fn sets_any_field() -> bool {
        true
    }
}

impl<N, V, const COUNT: usize> DocumentParts for [(N, V); COUNT] {
    fn sets_any_field() -> bool {
        true
    }
}

impl<P1: DocumentParts, P2: DocumentParts> DocumentParts for (P1, P2) {
    fn fields() -> Vec<HeaderName> {
        let mut fields = P1::fields();
        fields.extend(P2::fields());
        fields
    }
}
impl<P: DocumentParts> DocumentParts for Option<P> {
    fn fields() -> Vec<HeaderName> {
        P::fields()
    }
}

#[cfg(feature = "conditional")]
impl DocumentParts for crate::wire::field::entity_tag::ETag {
    fn fields() -> Vec<HeaderName> {
        vec![header::ETAG]
    }
}

/// 200 without content.
#[cfg(feature = "conditional")]
impl DocumentResponse for crate::wire::field::entity_tag::ETag {
    fn document(responses: &mut ResponseTypes<'_>) {
        <(Self, ())>::document(responses);
    }
}

#[cfg(feature = "conditional")]
impl DocumentParts for crate::layers::conditional::validators::LastModified {
    fn fields() -> Vec<HeaderName> {
        vec![header::LAST_MODIFIED]
    }
}

#[cfg(feature = "cookies")]
impl DocumentParts for crate::wire::cookies::set_cookie::SetCookie {
    fn fields() -> Vec<HeaderName> {
        vec![header::SET_COOKIE]
    }
}

#[cfg(feature = "cookies")]
impl DocumentResponse for crate::wire::cookies::set_cookie::SetCookie {
    fn document(responses: &mut ResponseTypes<'_>) {
        responses.with_fields::<()>(&[header::SET_COOKIE]);
    }
}

#[cfg(feature = "session")]
impl DocumentParts for crate::layers::auth::session::SessionCookie {
    fn fields() -> Vec<HeaderName> {
        vec![header::SET_COOKIE]
    }
}

#[cfg(feature = "session")]
impl DocumentResponse for crate::layers::auth::session::SessionCookie {
    fn document(responses: &mut ResponseTypes<'_>) {
        responses.with_fields::<()>(&[header::SET_COOKIE]);
    }
}

macro_rules! tuples {
    ($($part:ident)*) => {
        #[diagnostic::do_not_recommend]
        impl<$($part: DocumentParts,)* T: DocumentResponse> DocumentResponse for ($($part,)* T) {
            fn document(responses: &mut ResponseTypes<'_>) {
                let mut fields = Vec::new();
                $(fields.extend($part::fields());)*
                let sets_any_field = [$($part::sets_any_field()),*].contains(&true);
                responses.change::<T>(|response| {
                    response.fields.extend_from_slice(&fields);
                    response.has_any_media_type |= sets_any_field && response.content.is_some();
                });
            }
        }

        #[diagnostic::do_not_recommend]
        impl<$($part: DocumentParts,)* T: DocumentResponse> DocumentResponse
            for (StatusCode, $($part,)* T)
        {
            fn document(responses: &mut ResponseTypes<'_>) {
                let before = responses.list.len();
                <($($part,)* T,)>::document(responses);
                for response in responses.list.iter_mut().skip(before) {
                    response.status = Status::Any;
                }
            }
        }
    };
}
tuples!(P1);
tuples!(P1 P2);
tuples!(P1 P2 P3);
tuples!(P1 P2 P3 P4);

impl<T: DocumentResponse> DocumentResponse for (StatusCode, T) {
    fn document(responses: &mut ResponseTypes<'_>) {
        responses.with_any_status::<T>();
    }
}
