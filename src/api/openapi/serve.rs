//! The document as a route: [`OpenApi::handler`].

use std::{
    future::{Ready, ready},
    hash::{DefaultHasher, Hash, Hasher},
};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;

use super::{DocumentResponse, OpenApi, ResponseTypes};
use crate::{
    contract::description::Answer,
    wire::field::entity_tag::{ETag, Syntax, TagList, TagRef},
};

impl OpenApi {
    /// A handler that sends the document, for a route of the same [`Api`](crate::Api) or of another.
    ///
    /// The stack around it decides who may read the document, and how long it may be cached. The
    /// document does not list its own route if it is made before the route is added.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use wythe::{Api, CacheControl, NoContent, compose, with_cache_control};
    ///
    /// async fn ping() -> NoContent {
    ///     NoContent
    /// }
    ///
    /// let api = Api::<()>::new("Ping", "1.0.0")
    ///     .documented()
    ///     .get("/ping", compose(()).handler(ping));
    /// let document = api.openapi().description("Answers pings.");
    /// let hour = CacheControl::public().max_age(Duration::from_secs(3600));
    /// let cached = compose(with_cache_control(hour));
    /// let service = api
    ///     .get("/openapi.json", cached.handler(document.handler()))
    ///     .service(())?;
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    ///
    /// # Responses
    ///
    /// | status | when | content |
    /// |---|---|---|
    /// | 200 | | `application/json`, with an `ETag` |
    /// | 304 | `If-None-Match` has the tag of the document (RFC 9110, section 13.1.2) | none |
    pub fn handler(
        &self,
    ) -> impl Fn(HeaderMap) -> Ready<ServedDocument> + Clone + Send + Sync + 'static {
        // Every JSON value can be written.
        let json = serde_json::to_string(&self.document).unwrap_or_default();
        // Equal in all instances of one build, which is all that a tag has to be.
        let mut hasher = DefaultHasher::new();
        json.hash(&mut hasher);
        let served = ServedDocument {
            etag: HeaderValue::try_from(format!("\"{:016x}\"", hasher.finish())).ok(),
            json: json.into(),
            is_known: false,
        };
        move |headers| {
            let mut served = served.clone();
            served.is_known = served.is_known_to(&headers);
            ready(served)
        }
    }
}

/// What [`OpenApi::handler`] answers: the document, or that the client has it already.
#[derive(Clone, Debug)]
pub struct ServedDocument {
    json: Bytes,
    etag: Option<HeaderValue>,
    /// Whether the client has this version of the document.
    is_known: bool,
}

impl ServedDocument {
    fn is_known_to(&self, headers: &HeaderMap) -> bool {
        let Some(list) = TagList::of(headers, header::IF_NONE_MATCH) else {
            return false;
        };
        let etag = self.etag.as_ref().and_then(ETag::parse);
        // The comparison is weak (RFC 9110, section 13.1.2).
        let is_own = |tag: TagRef<'_>| etag.as_ref().is_some_and(|etag| tag.weak_eq(etag.as_ref()));
        list.syntax() == Syntax::Any || list.tags().any(is_own)
    }
}

impl IntoResponse for ServedDocument {
    fn into_response(self) -> Response {
        let mut response = if self.is_known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let content_type = HeaderValue::from_static("application/json");
            let mut response = Response::new(Body::from(self.json));
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, content_type);
            response
        };
        if let Some(etag) = self.etag {
            response.headers_mut().insert(header::ETAG, etag);
        }
        response
    }
}

impl DocumentResponse for ServedDocument {
    fn document(responses: &mut ResponseTypes<'_>) {
        let schema = json!({ "type": "object" });
        responses.content(StatusCode::OK, "application/json", schema);
        if let Some(document) = responses.list.last_mut() {
            document.fields.push(header::ETAG);
        }
        let known = Answer::new(StatusCode::NOT_MODIFIED).plain();
        let known = known.when("when the client already has the document");
        responses.problem(known.field(header::ETAG));
    }
}
