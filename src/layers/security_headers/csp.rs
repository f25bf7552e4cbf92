//! The content security policy: its directives, their sources, and a nonce for each request.

use std::{borrow::Cow, fmt, marker::PhantomData};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Extensions, HeaderValue};

use crate::{
    contract::Provided,
    wire::{ConfigError, field::origin::Origin},
};

/// The place of a nonce in a policy. No source contains it.
const NONCE: char = '\u{1}';

/// The name of a nonce source, before the nonce.
const NONCE_SOURCE: &str = "'nonce-\u{1}'";

/// A content security policy ([CSP Level 3]): where a page may load from, run scripts from, and send to.
///
/// A directive with no sources is `'none'`. A directive that is not set falls back to `default-src`,
/// except for `base-uri`, `form-action` and `frame-ancestors`, which have no fallback.
///
/// # Example
///
/// ```
/// use wythe::security_headers::{ContentSecurityPolicy, Source};
///
/// let policy = ContentSecurityPolicy::nothing()
///     .script_src([Source::this_origin(), Source::origin("https://cdn.example.com")?])
///     .img_src([Source::this_origin(), Source::data()]);
/// assert_eq!(
///     policy.to_string(),
///     "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
///      script-src 'self' https://cdn.example.com; img-src 'self' data:"
/// );
///
/// assert!(Source::origin("cdn.example.com/lib.js").is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
///
/// [CSP Level 3]: https://www.w3.org/TR/CSP3/
#[must_use]
pub struct ContentSecurityPolicy<N = NoNonce> {
    directives: Vec<(&'static str, Vec<Source>)>,
    pub(super) report: Option<(String, String)>,
    nonces: PhantomData<fn() -> N>,
}

/// A policy without a nonce.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct NoNonce;

/// A policy with a new nonce for each request.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct NoncePerRequest;

/// Whether a policy has a nonce: [`NoNonce`] or [`NoncePerRequest`].
pub trait NonceUse: sealed::Sealed + Sized {
    /// The same for two policies, of which one is this.
    type Or<M: NonceUse>: NonceUse;
}

impl NonceUse for NoNonce {
    type Or<M: NonceUse> = M;
}

impl NonceUse for NoncePerRequest {
    type Or<M: NonceUse> = Self;
}

mod sealed {
    #[expect(unnameable_types, reason = "that is what seals it")]
    pub trait Sealed {}
    impl Sealed for super::NoNonce {}
    impl Sealed for super::NoncePerRequest {}
}

/// One source of a directive (CSP Level 3, section 2.3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Source {
    text: Cow<'static, str>,
    kind: SourceKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SourceKind {
    /// An origin, a scheme or `'self'`: valid in every directive.
    Place,
    /// A keyword, a hash or a nonce: valid only where something is loaded.
    Fetch,
}

impl Source {
    const fn place(text: &'static str) -> Self {
        Self {
            text: Cow::Borrowed(text),
            kind: SourceKind::Place,
        }
    }

    const fn fetch(text: &'static str) -> Self {
        Self {
            text: Cow::Borrowed(text),
            kind: SourceKind::Fetch,
        }
    }

    /// `'self'`: the origin of the page.
    pub const fn this_origin() -> Self {
        Self::place("'self'")
    }

    /// `data:`. For images and fonts; in `script-src` it is as open as `'unsafe-inline'`.
    pub const fn data() -> Self {
        Self::place("data:")
    }

    /// `blob:`. The same applies as for `data:`.
    pub const fn blob() -> Self {
        Self::place("blob:")
    }

    /// `https:`: every origin with TLS.
    pub const fn any_https() -> Self {
        Self::place("https:")
    }

    /// An origin, or those of all subdomains: `https://cdn.example.com`, `https://*.example.com`,
    /// `wss://example.com`.
    ///
    /// # Errors
    ///
    /// It is not an origin as browsers write it: it has no scheme, or it has a path.
    pub fn origin(origin: &str) -> Result<Self, ConfigError> {
        let checked = match origin.split_once("://*.") {
            Some((scheme, rest)) => Cow::Owned(format!("{scheme}://{rest}")),
            None => Cow::Borrowed(origin),
        };
        Origin::parse_exact(&checked).map_err(|fault| error(format!("`{origin}`: {fault}")))?;
        Ok(Self {
            text: Cow::Owned(origin.to_owned()),
            kind: SourceKind::Place,
        })
    }

    /// The SHA-256 digest of an inline script or style.
    pub fn sha256(digest: &[u8; 32]) -> Self {
        use base64::engine::general_purpose::STANDARD;
        Self {
            text: Cow::Owned(format!("'sha256-{}'", STANDARD.encode(digest))),
            kind: SourceKind::Fetch,
        }
    }

    /// `'unsafe-inline'`: runs inline scripts, or applies inline styles. Browsers ignore it beside a nonce
    /// or a hash.
    ///
    /// # Security
    ///
    /// In `script-src` it makes the policy useless against injected scripts. Use a
    /// [nonce](ContentSecurityPolicy::script_nonce) instead.
    pub const fn dangerously_unsafe_inline() -> Self {
        Self::fetch("'unsafe-inline'")
    }

    /// `'unsafe-eval'`: scripts may run text as code.
    ///
    /// # Security
    ///
    /// Text that an attacker controls and that reaches `eval` runs.
    pub const fn dangerously_unsafe_eval() -> Self {
        Self::fetch("'unsafe-eval'")
    }

    /// `'unsafe-hashes'`: the hashes of the directive apply to event handlers and `style` attributes too.
    ///
    /// # Security
    ///
    /// An attacker who can inject HTML can attach the code of a listed handler to another element.
    pub const fn dangerously_unsafe_hashes() -> Self {
        Self::fetch("'unsafe-hashes'")
    }

    /// `'wasm-unsafe-eval'`: scripts may compile WebAssembly.
    ///
    /// # Security
    ///
    /// WebAssembly that an attacker controls runs.
    pub const fn dangerously_wasm_unsafe_eval() -> Self {
        Self::fetch("'wasm-unsafe-eval'")
    }

    /// `*`: every origin, even without TLS.
    ///
    /// # Security
    ///
    /// The directive restricts nearly nothing.
    pub const fn dangerously_any() -> Self {
        Self::place("*")
    }
}

/// The directives, each with its setter.
macro_rules! directives {
    ($($(#[$doc:meta])* $setter:ident $name:literal;)*) => {
        impl<N> ContentSecurityPolicy<N> {
            $(
                $(#[$doc])*
                pub fn $setter(mut self, sources: impl IntoIterator<Item = Source>) -> Self {
                    self.set($name, sources.into_iter().collect());
                    self
                }
            )*
        }
    };
}

directives! {
    /// `default-src`: the sources of everything that is loaded and has no directive of its own.
    default_src "default-src";
    /// `script-src`: the sources of scripts. A nonce that was set stays.
    script_src "script-src";
    /// `script-src-attr`: the sources of event handlers in attributes.
    script_src_attr "script-src-attr";
    /// `style-src`: the sources of styles. A nonce that was set stays.
    style_src "style-src";
    /// `img-src`: the sources of images.
    img_src "img-src";
    /// `font-src`: the sources of fonts.
    font_src "font-src";
    /// `connect-src`: what scripts may connect to: `fetch`, `EventSource`, `WebSocket`.
    connect_src "connect-src";
    /// `media-src`: the sources of audio and video.
    media_src "media-src";
    /// `object-src`: the sources of plug-ins.
    object_src "object-src";
    /// `frame-src`: the sources of frames in the page.
    frame_src "frame-src";
    /// `worker-src`: the sources of workers.
    worker_src "worker-src";
    /// `manifest-src`: the sources of the manifest of an application.
    manifest_src "manifest-src";
    /// `base-uri`: what `<base>` may name.
    base_uri "base-uri";
    /// `form-action`: where forms may be sent.
    form_action "form-action";
    /// `frame-ancestors`: which pages may show this one in a frame. `X-Frame-Options` follows from it,
    /// where it can say the same.
    frame_ancestors "frame-ancestors";
}

impl ContentSecurityPolicy {
    /// Nothing may be loaded, run, sent or framed: `default-src`, `base-uri`, `form-action` and
    /// `frame-ancestors` are `'none'`. Open what the page needs.
    pub fn nothing() -> Self {
        let policy = Self {
            directives: Vec::new(),
            report: None,
            nonces: PhantomData,
        };
        policy
            .default_src([])
            .base_uri([])
            .form_action([])
            .frame_ancestors([])
    }
}

impl<N> ContentSecurityPolicy<N> {
    /// Lets scripts run that have the nonce of the request: `<script nonce="..">`. The handler takes it as
    /// [`CspNonce`](crate::CspNonce).
    pub fn script_nonce(self) -> ContentSecurityPolicy<NoncePerRequest> {
        self.with_nonce("script-src")
    }

    /// Applies styles that have the nonce of the request: `<style nonce="..">`.
    pub fn style_nonce(self) -> ContentSecurityPolicy<NoncePerRequest> {
        self.with_nonce("style-src")
    }

    /// `upgrade-insecure-requests`: the browser loads `http:` addresses of the page over TLS.
    pub fn upgrade_insecure_requests(mut self) -> Self {
        self.set("upgrade-insecure-requests", Vec::new());
        self
    }

    /// `require-trusted-types-for 'script'`: scripts can't write plain strings where they become code.
    pub fn require_trusted_types(mut self) -> Self {
        self.set("require-trusted-types-for", vec![Source::place("'script'")]);
        self
    }

    /// Sends reports of what the policy has blocked to this path or URL: `report-uri`, and `report-to` with
    /// a `Reporting-Endpoints` field that gives the URL this name.
    ///
    /// # Errors
    ///
    /// The name is not a token of lowercase letters, digits and `-`, or the URL has a space, a quotation
    /// mark, a comma, a semicolon, or something that is not ASCII.
    pub fn report_to(mut self, name: &str, url: &str) -> Result<Self, ConfigError> {
        let in_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !name.starts_with(|first: char| first.is_ascii_lowercase()) || !name.bytes().all(in_name)
        {
            return Err(error(format!(
                "`{name}` is not the name of an endpoint: use lowercase letters, digits and `-`, \
                 with a letter first"
            )));
        }
        let in_url = |byte: u8| byte.is_ascii_graphic() && !b"\"\\,;".contains(&byte);
        if url.is_empty() || !url.bytes().all(in_url) {
            return Err(error(format!("`{url}` is not a URL")));
        }
        self.report = Some((name.to_owned(), url.to_owned()));
        Ok(self)
    }

    fn set(&mut self, name: &'static str, mut sources: Vec<Source>) {
        let has_nonce =
            |source: &Source| source.text.contains(NONCE) || source.text == STRICT_DYNAMIC;
        match self.directives.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => {
                known.retain(has_nonce);
                sources.append(known);
                *known = sources;
            }
            None => self.directives.push((name, sources)),
        }
    }

    fn add(&mut self, name: &'static str, source: Source) {
        match self.directives.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) if known.contains(&source) => {}
            Some((_, known)) => known.push(source),
            None => self.directives.push((name, vec![source])),
        }
    }

    fn with_nonce(mut self, name: &'static str) -> ContentSecurityPolicy<NoncePerRequest> {
        self.add(name, Source::fetch(NONCE_SOURCE));
        ContentSecurityPolicy {
            directives: self.directives,
            report: self.report,
            nonces: PhantomData,
        }
    }

    /// The sources of `frame-ancestors`, if it is set.
    pub(super) fn ancestors(&self) -> Option<&[Source]> {
        let mut all = self.directives.iter();
        all.find(|(name, _)| *name == "frame-ancestors")
            .map(|(_, sources)| &**sources)
    }

    /// What becomes the value of the field, if all of it is valid.
    pub(super) fn template(&self) -> Result<Template, ConfigError> {
        for (name, sources) in &self.directives {
            let navigates = matches!(*name, "base-uri" | "form-action" | "frame-ancestors");
            let mut sources = sources.iter();
            if let Some(source) = sources.find(|source| source.kind == SourceKind::Fetch)
                && navigates
            {
                let source = &source.text;
                return Err(error(format!(
                    "`{name}` can't have {source}: nothing is loaded there"
                )));
            }
        }
        let pieces: Vec<_> = self.render().split(NONCE).map(str::to_owned).collect();
        Ok(Template { pieces })
    }

    fn render(&self) -> String {
        let mut text = String::new();
        let mut directive = |name: &str, value: &str| {
            for part in [if text.is_empty() { "" } else { "; " }, name, value] {
                text.push_str(part);
            }
        };
        for (name, sources) in &self.directives {
            let list: String = sources
                .iter()
                .map(|source| format!(" {}", source.text))
                .collect();
            let list = match &*list {
                "" if *name != "upgrade-insecure-requests" => " 'none'",
                list => list,
            };
            directive(name, list);
        }
        if let Some((name, url)) = &self.report {
            directive("report-uri ", url);
            directive("report-to ", name);
        }
        text
    }
}

const STRICT_DYNAMIC: &str = "'strict-dynamic'";

impl ContentSecurityPolicy<NoncePerRequest> {
    /// `'strict-dynamic'`: a script that has the nonce may load others, and the origins in `script-src` are
    /// ignored.
    pub fn strict_dynamic(mut self) -> Self {
        self.add("script-src", Source::fetch(NONCE_SOURCE));
        self.add("script-src", Source::fetch(STRICT_DYNAMIC));
        self
    }
}

pub(super) fn error(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new("ContentSecurityPolicy", message)
}

/// The value of the field, with a nonce as `'nonce-..'`.
impl<N> fmt::Display for ContentSecurityPolicy<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render().replace(NONCE, ".."))
    }
}

impl<N> fmt::Debug for ContentSecurityPolicy<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentSecurityPolicy({:?})", self.to_string())
    }
}

impl<N> Clone for ContentSecurityPolicy<N> {
    fn clone(&self) -> Self {
        Self {
            directives: self.directives.clone(),
            report: self.report.clone(),
            nonces: PhantomData,
        }
    }
}

/// A rendered policy: the text around the nonces.
#[derive(Clone)]
pub(super) struct Template {
    pieces: Vec<String>,
}

impl Template {
    /// The value, if there is no nonce in it.
    pub(super) fn fixed(&self) -> Result<Option<HeaderValue>, ConfigError> {
        let [text] = &*self.pieces else {
            return Ok(None);
        };
        let value = HeaderValue::try_from(&**text);
        value.map(Some).map_err(|source| {
            error("a policy must consist of visible ASCII characters").because(source)
        })
    }

    /// The value with this nonce: one allocation.
    pub(super) fn fill(&self, nonce: CspNonce) -> Option<HeaderValue> {
        let length: usize = self.pieces.iter().map(String::len).sum();
        let nonces = self.pieces.len().saturating_sub(1);
        // The exact length: `Bytes` takes it over as it is.
        let nonces = nonces.saturating_mul(NONCE_LENGTH);
        let mut text = String::with_capacity(length.saturating_add(nonces));
        for (place, piece) in self.pieces.iter().enumerate() {
            if place > 0 {
                text.push_str(nonce.as_str());
            }
            text.push_str(piece);
        }
        HeaderValue::from_maybe_shared(Bytes::from(text)).ok()
    }
}

/// 16 bytes in base64url (CSP Level 3, section 7.1: at least 128 bits).
const NONCE_LENGTH: usize = 22;

/// The nonce of a request, for `<script nonce="..">` and `<style nonce="..">`.
///
/// `with_security_headers` provides it, if its policy has a
/// [nonce](ContentSecurityPolicy::script_nonce). It is printed without quotation marks and needs no
/// escaping in HTML.
///
/// # Security
///
/// Print it only where the page itself has a script, never around text that a user has written. A response
/// with a nonce must not be cached: a page that is served again has an old nonce.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CspNonce([u8; NONCE_LENGTH]);

impl CspNonce {
    /// A new one, if the operating system has random bytes.
    pub(super) fn new() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        let mut text = [b'A'; NONCE_LENGTH];
        // 16 bytes are 22 characters.
        let _: Result<usize, _> = URL_SAFE_NO_PAD.encode_slice(bytes, &mut text);
        Ok(Self(text))
    }

    /// The nonce as text.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        match str::from_utf8(&self.0) {
            Ok(text) => text,
            Err(_) => "",
        }
    }
}

impl Provided for CspNonce {
    fn from_extensions(extensions: &mut Extensions) -> Option<Self> {
        extensions.get().copied()
    }
}

impl fmt::Display for CspNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Without the nonce: it opens the page that it belongs to.
impl fmt::Debug for CspNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CspNonce(..)")
    }
}
