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
    policy::{Compressible, Compression},
};
use crate::wire::{
    Body, BoxError,
    field::{
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
        sent: Option<TagList>,
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

fn finish<C>(response: &mut Response<C>, before: Before, sent: Option<TagList>) {
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

/// Adds `"x"` where a client has sent `"x-gzip"`, beside it: the layers inside know only the first one.
/// `If-Range` is not changed: a part of one is not a part of the other. The tags of `If-None-Match` are
/// returned if a tag was added.
fn accept_own_tags<B>(policy: Compression, request: &mut Request<B>) -> Option<TagList> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let headers = request.headers_mut();
    let mut sent = None;
    for name in [header::IF_MATCH, header::IF_NONE_MATCH] {
        let Some(list) = TagList::of(headers, name.clone()) else {
            continue;
        };
        let plain: Vec<_> = list
            .tags()
            .filter_map(|tag| {
                let (coding, plain) = plain(policy, tag)?;
                // A read selects what its client accepts now (RFC 9110, section 13.1.2); a write is about the
                // resource, whatever its client has read.
                if is_read && name == header::IF_NONE_MATCH && !accepts(headers, coding) {
                    return None;
                }
                let make = if tag.is_weak {
                    ETag::weak
                } else {
                    ETag::strong
                };
                make(plain).ok()
            })
            .collect();
        add(headers, &name, &plain);
        if !plain.is_empty() && name == header::IF_NONE_MATCH {
            sent = Some(list);
        }
    }
    sent
}

/// Adds tags to a list, in lines of their own (RFC 9110, section 5.3).
fn add(headers: &mut HeaderMap, name: &HeaderName, tags: &[ETag]) {
    for tag in tags {
        // A map that is full keeps what the client has sent.
        drop(headers.try_append(name, tag.value().clone()));
    }
}

/// `x` of `x-gzip`, for the codings of the policy.
fn plain(policy: Compression, tag: TagRef<'_>) -> Option<(&'static str, &[u8])> {
    policy.codings().find_map(|coding| {
        let rest = tag.opaque.strip_suffix(coding.as_bytes())?;
        Some((coding, rest.strip_suffix(b"-")?))
    })
}

/// Whether a client accepts a coding (RFC 9110, section 12.5.3).
fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    let weight = |wanted: &str| {
        let lines = headers.get_all(header::ACCEPT_ENCODING).iter();
        let elements = lines.filter_map(|line| line.to_str().ok());
        let mut elements = elements.flat_map(|line| line.split(','));
        elements.find_map(|element| {
            let (name, parameters) = element.split_once(';').unwrap_or((element, ""));
            let is_wanted = name.trim().eq_ignore_ascii_case(wanted);
            let weight = parameters
                .trim()
                .get(..2)
                .filter(|q| q.eq_ignore_ascii_case("q="));
            let weight = weight.and_then(|_| parameters.trim().get(2..));
            is_wanted
                .then(|| weight.is_none_or(|weight| !weight.trim_matches(['0', '.']).is_empty()))
        })
    };
    weight(coding).or_else(|| weight("*")).unwrap_or(false)
}

/// The tag that the client has sent for the current one, if it has not sent that itself.
fn sent_for(sent: &TagList, current: &ETag) -> Option<ETag> {
    let current = current.as_ref();
    if sent.tags().any(|tag| tag.weak_eq(current)) {
        return None;
    }
    let own = sent.tags().find(|tag| {
        let coding = tag.opaque.strip_prefix(current.opaque);
        coding.is_some_and(|coding| matches!(coding, b"-gzip" | b"-br" | b"-deflate"))
    })?;
    let make = if own.is_weak {
        ETag::weak
    } else {
        ETag::strong
    };
    make(own.opaque).ok()
}
