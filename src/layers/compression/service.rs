//! The service: entity tags on both ways, `Vary`, and the body as [`Body`].

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use pin_project_lite::pin_project;
use tower_http::compression::Compression as Encoder;
use tower_service::Service;

use super::{
    inner::{Before, Inside},
    policy::{CODINGS, Compressible, Compression},
};
use crate::wire::{
    Body, BoxError,
    field::{
        accept_encoding::accepted,
        entity_tag::{ETag, TagList, TagRef},
        vary,
    },
};

/// A service whose responses are compressed.
///
/// It is not a [`Middleware`](crate::Middleware), because it changes the body of the response.
#[derive(Clone)]
pub struct Compressed<S> {
    encoder: Encoder<Inside<S>, Compressible>,
    policy: Compression,
}

impl<S> Compressed<S> {
    pub(super) const fn new(
        encoder: Encoder<Inside<S>, Compressible>,
        policy: Compression,
    ) -> Self {
        Self { encoder, policy }
    }
}

impl<S: fmt::Debug> fmt::Debug for Compressed<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressed")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

type EncoderFuture<S, B> = <Encoder<Inside<S>, Compressible> as Service<Request<B>>>::Future;

impl<S, B, R> Service<Request<B>> for Compressed<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: http_body::Body<Data: Send, Error: Into<BoxError> + Send> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = CompressedFuture<EncoderFuture<S, B>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.encoder.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let sent = accept_own_tags(self.policy, &mut request);
        CompressedFuture {
            call: self.encoder.call(request),
            sent,
        }
    }
}

pin_project! {
    /// The response future of [`Compressed`].
    #[must_use = "futures do nothing unless polled"]
    pub struct CompressedFuture<F> {
        #[pin]
        call: F,
        // The tags of `If-None-Match`, if one of them is a tag of this layer.
        sent: Option<SentTags>,
    }
}

impl<F, C, E> Future for CompressedFuture<F>
where
    F: Future<Output = Result<Response<C>, E>>,
    C: http_body::Body<Error: Into<BoxError>> + Send + 'static,
{
    type Output = Result<Response<Body>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.call.poll(cx))?;
        if let Some(before) = response.extensions_mut().remove::<Before>() {
            finish(&mut response, before, this.sent.take());
        }
        Poll::Ready(Ok(response.map(Body::stream)))
    }
}

impl<F> fmt::Debug for CompressedFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompressedFuture").finish_non_exhaustive()
    }
}

fn finish<C>(response: &mut Response<C>, before: Before, sent: Option<SentTags>) {
    // The encoder answers 406 where a client accepts neither a coding nor the plain body, after the
    // handler has done its work. RFC 9110, section 12.5.3, lets the server send the plain body.
    *response.status_mut() = before.status;
    if before.status == StatusCode::NOT_MODIFIED {
        let headers = response.headers_mut();
        // The 200 would have had it (section 15.4.5).
        vary::add(headers, "accept-encoding");
        if let (Some(sent), Some(tag)) = (sent, ETag::of(headers))
            && let Some(own) = sent_for(&sent, &tag)
        {
            own.insert_into(headers);
        }
        return;
    }
    // Whatever its size: that may be another one next time, and a response to HEAD may have no body.
    if before.is_compressible {
        vary::add(response.headers_mut(), "accept-encoding");
    }
    let coding = response.headers().get(header::CONTENT_ENCODING);
    let coding = coding.filter(|_| !before.is_coded).cloned();
    if let (Some(coding), Some(tag)) = (coding, ETag::of(response.headers()))
        && let Some(own) = with_coding(&tag, &coding)
    {
        own.insert_into(response.headers_mut());
    }
}

/// `"x"` becomes `"x-gzip"`: the bytes differ, so the strong tag must differ too (RFC 9110, section
/// 8.8.3). A weak tag stays.
fn with_coding(tag: &ETag, coding: &HeaderValue) -> Option<ETag> {
    if tag.is_weak() {
        return None;
    }
    ETag::strong([tag.opaque(), b"-", coding.as_bytes()].concat()).ok()
}

/// The tags that a client has sent in `If-None-Match`, and of which [`CODINGS`] the tags of this layer among
/// them were translated.
struct SentTags {
    list: TagList,
    translated: [bool; 3],
}

/// Adds `"x"` where a client has sent `"x-gzip"`, beside it: the layers inside know only the first one.
/// `If-Range` is not changed: a part of one is not a part of the other. The tags of `If-None-Match` are
/// returned if a tag was added.
fn accept_own_tags<B>(policy: Compression, request: &mut Request<B>) -> Option<SentTags> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let headers = request.headers_mut();
    if let Some(list) = TagList::of(headers, header::IF_MATCH) {
        add_plain(headers, &header::IF_MATCH, &list, policy.offered());
    }
    let list = TagList::of(headers, header::IF_NONE_MATCH)?;
    let mut translated = policy.offered();
    // A read selects what its client accepts now (RFC 9110, section 13.1.2); a write is about the resource,
    // whatever its client has read.
    if is_read {
        let accepted = accepted(headers, CODINGS);
        for (translated, is_accepted) in translated.iter_mut().zip(accepted) {
            *translated &= is_accepted;
        }
    }
    add_plain(headers, &header::IF_NONE_MATCH, &list, translated)
        .then_some(SentTags { list, translated })
}

/// Adds `"x"` for each `"x-gzip"` of the list, in lines of their own (RFC 9110, section 5.3), and returns
/// whether there was one.
fn add_plain(
    headers: &mut HeaderMap,
    name: &HeaderName,
    list: &TagList,
    codings: [bool; 3],
) -> bool {
    let mut is_added = false;
    for tag in list.tags() {
        if let Some(plain) = plain(codings, tag)
            && let Some(tag) = tag_of(tag.is_weak, plain)
        {
            // A map that is full keeps what the client has sent.
            drop(headers.try_append(name, tag.value().clone()));
            is_added = true;
        }
    }
    is_added
}

/// `x` of `x-gzip`, for these of the [`CODINGS`].
fn plain(codings: [bool; 3], tag: TagRef<'_>) -> Option<&[u8]> {
    let codings = CODINGS.iter().zip(codings).filter(|(_, is_one)| *is_one);
    let mut plain = codings.filter_map(|(coding, _)| {
        let rest = tag.opaque.strip_suffix(coding.as_bytes())?;
        rest.strip_suffix(b"-")
    });
    plain.next()
}

/// The tag of this layer that the client has sent for the current one, if it has not sent that itself.
fn sent_for(sent: &SentTags, current: &ETag) -> Option<ETag> {
    let current = current.as_ref();
    if sent.list.tags().any(|tag| tag.weak_eq(current)) {
        return None;
    }
    let is_own = |tag: &TagRef<'_>| plain(sent.translated, *tag) == Some(current.opaque);
    let own = sent.list.tags().find(is_own)?;
    tag_of(own.is_weak, own.opaque)
}

fn tag_of(is_weak: bool, opaque: &[u8]) -> Option<ETag> {
    let make = if is_weak { ETag::weak } else { ETag::strong };
    make(opaque).ok()
}
