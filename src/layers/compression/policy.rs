//! Which responses are compressed: [`with_compression`], its policy, and its layer.

use std::fmt;

use http::{HeaderName, Request, Response, StatusCode, header};
use http_body::Body as HttpBody;
use tower_http::compression::{Compression as Encoder, Predicate};
use tower_layer::Layer;

use super::{inner::Inside, service::Compressed};
use crate::{
    contract::{Description, Later, Middleware, Place, Placed, ReplyBody, Step, placed, stage},
    wire::{
        Problem,
        field::{cache_control::directives, media_type::MediaType},
    },
};

const NAME: &str = "with_compression";

/// The smallest body that is compressed by default, in bytes.
const MIN_BYTES: u64 = 1024;

/// Compresses responses; see [`compression`](crate::compression).
pub const fn with_compression(policy: Compression) -> Placed<CompressionLayer> {
    placed(CompressionLayer(policy))
}

/// The content codings that are offered, and the smallest body: the policy of [`with_compression`].
///
/// # Example
///
/// ```
/// use wythe::{Compression, with_compression};
///
/// let layer = with_compression(Compression::gzip().min_bytes(512));
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Compression {
    pub(super) br: bool,
    pub(super) deflate: bool,
    min_bytes: u64,
}

/// The names of the codings.
pub(super) const CODINGS: [&str; 3] = ["gzip", "br", "deflate"];

impl Compression {
    /// Offers gzip, for bodies of 1,024 bytes and more.
    pub const fn gzip() -> Self {
        Self {
            br: false,
            deflate: false,
            min_bytes: MIN_BYTES,
        }
    }

    /// Also offers Brotli, which clients get if they accept both equally.
    #[cfg(feature = "compression-br")]
    pub const fn br(mut self) -> Self {
        self.br = true;
        self
    }

    /// Also offers deflate: the zlib format (RFC 1950), as RFC 9110 defines it.
    #[cfg(feature = "compression-deflate")]
    pub const fn deflate(mut self) -> Self {
        self.deflate = true;
        self
    }

    /// The smallest body that is compressed, in bytes. A body of unknown length always is.
    pub const fn min_bytes(mut self, bytes: u64) -> Self {
        self.min_bytes = bytes;
        self
    }

    /// Which of the [`CODINGS`] are offered.
    pub(super) const fn offered(self) -> [bool; 3] {
        [true, self.br, self.deflate]
    }
}

/// The layer of [`with_compression`].
#[derive(Clone, Copy)]
#[must_use]
pub struct CompressionLayer(Compression);

impl fmt::Debug for CompressionLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Place for CompressionLayer {
    type Stage = stage::Present;
    type Provides = ();
    type Needs = ();

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        Description::new(NAME)
            .field(header::VARY)
            .field(header::CONTENT_ENCODING)
    }
}

impl<S> Layer<S> for CompressionLayer {
    type Service = Compressed<S>;

    fn layer(&self, inner: S) -> Compressed<S> {
        let Self(policy) = *self;
        let encoder = Encoder::new(Inside::new(inner)).gzip(true);
        // Features are additive: another crate may turn on a codec that this policy does not offer.
        let encoder = without_others(encoder, policy);
        Compressed::new(encoder.compress_when(Compressible(policy)), policy)
    }
}

fn without_others<S>(encoder: Encoder<S>, policy: Compression) -> Encoder<S> {
    let encoder = encoder.no_zstd();
    let encoder = if policy.br { encoder } else { encoder.no_br() };
    if policy.deflate {
        encoder
    } else {
        encoder.no_deflate()
    }
}

/// Prevents the compression of responses that have a secret beside text that an attacker may choose;
/// see [the module](crate::compression#security). It is a layer for the stack of a route, and can be
/// put into the extensions of a single response.
///
/// # Example: a route
///
/// ```
/// use axum::{Router, response::Html, routing::get};
/// use wythe::{compose, compression::NotCompressed, with};
///
/// async fn form() -> Html<&'static str> {
///     Html("<input name=token value=..>")
/// }
///
/// let route = get(compose((with(NotCompressed),)).handler(form));
/// let app: Router = Router::new().route("/settings", route);
/// ```
///
/// # Example: a response
///
/// ```
/// use axum::{Extension, response::Html};
/// use wythe::compression::NotCompressed;
///
/// async fn form() -> (Extension<NotCompressed>, Html<&'static str>) {
///     (Extension(NotCompressed), Html("<input name=token value=..>"))
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "handlers write it")]
pub struct NotCompressed;

impl Place for NotCompressed {
    type Stage = stage::Cache;
    type Provides = ();
    type Needs = ();

    fn name(&self) -> &'static str {
        "NotCompressed"
    }

    fn describe(&self) -> Description {
        Description::new(self.name())
    }
}

impl<B> Middleware<B> for NotCompressed {
    type Carry = ();

    fn before(&self, request: Request<B>) -> Later<Step<B, ()>> {
        Step::next(request, ())
    }

    fn after<R: ReplyBody>(&self, (): (), response: &mut Response<R>) {
        response.extensions_mut().insert(Self);
    }
}

/// Decides about a response.
#[derive(Clone, Copy, Debug)]
pub struct Compressible(Compression);

impl Predicate for Compressible {
    fn should_compress<B: HttpBody>(&self, response: &Response<B>) -> bool {
        let Self(policy) = self;
        let length = response.body().size_hint().exact();
        is_compressible(response) && length.is_none_or(|length| length >= policy.min_bytes)
    }
}

/// Whether a larger body of this response would be compressed for some client.
pub(super) fn is_compressible<B>(response: &Response<B>) -> bool {
    /// The digest of an uncompressed body would be wrong (RFC 9530), and a part can't be compressed.
    const BODY_DEPENDENT_FIELDS: [HeaderName; 3] = [
        HeaderName::from_static("content-digest"),
        HeaderName::from_static("repr-digest"),
        header::CONTENT_RANGE,
    ];
    let headers = response.headers();
    let media_type = headers.get(header::CONTENT_TYPE);
    let media_type = media_type.and_then(|value| MediaType::parse(value.as_bytes()));
    let cache_control = headers.get_all(header::CACHE_CONTROL).iter();
    // RFC 9111, section 5.2.2.6.
    let forbids = cache_control
        .flat_map(|line| directives(line.as_bytes()))
        .any(|directive| directive.is_ok_and(|directive| directive.is("no-transform")));
    !Problem::is_presentable(response)
        && response.status() != StatusCode::SWITCHING_PROTOCOLS
        && !forbids
        && !headers.contains_key(header::CONTENT_ENCODING)
        && !BODY_DEPENDENT_FIELDS
            .iter()
            .any(|name| headers.contains_key(name))
        && response.extensions().get::<NotCompressed>().is_none()
        && media_type.is_some_and(|media_type| is_text(&media_type))
}

/// Text of any kind. Pictures, videos, archives and the rest are compressed already, or are of a kind
/// that is not known. Events must not wait for each other.
fn is_text(media_type: &MediaType<'_>) -> bool {
    const TEXT_TYPES: [(&str, &str); 9] = [
        ("application", "javascript"),
        ("application", "wasm"),
        ("application", "x-ndjson"),
        ("application", "xml"),
        ("application", "x-www-form-urlencoded"),
        ("font", "otf"),
        ("font", "ttf"),
        ("image", "svg+xml"),
        ("image", "bmp"),
    ];
    media_type.is_json()
        || media_type.has_kind("text") && !media_type.is("text", "event-stream")
        || media_type.has_suffix("+xml")
        || TEXT_TYPES
            .iter()
            .any(|(kind, subtype)| media_type.is(kind, subtype))
}
