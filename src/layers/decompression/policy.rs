//! Which bodies are decompressed: [`with_decompression`] and its policy, [`Decompression`].

use std::{fmt, sync::Arc};

use http::{HeaderValue, Request, Response, StatusCode, header};

use super::{
    codings::{Coded, Coding},
    stream::decompress,
};
use crate::{
    contract::{
        Breach, Description, IntoPolicy, Later, Middleware, Place, ReplyBody, Step, With,
        description::Answer, stage, with,
    },
    wire::{ConfigError, Problem, RequestBody},
};

/// The name of the layer.
const NAME: &str = "with_decompression";

/// Decompresses the bodies of requests; see [`decompression`](crate::decompression).
pub fn with_decompression(policy: impl IntoPolicy<Decompression>) -> With<Decompression> {
    with(policy.into_policy())
}

/// The content codings that are accepted, and limits on the decompressed size: the policy of
/// [`with_decompression`].
///
/// # Example
///
/// ```
/// use wythe::{Decompression, with_decompression};
///
/// let policy = Decompression::gzip().max_bytes(10_000_000).max_ratio(50, 64 * 1024)?;
/// let layer = with_decompression(policy);
///
/// // Decompression that may not make a body larger is none.
/// assert!(Decompression::gzip().max_ratio(0, 0).is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Decompression(Arc<Limits>);

#[derive(Clone)]
pub(super) struct Limits {
    codings: Vec<Coding>,
    max_bytes: u64,
    max_ratio: u64,
    /// This number of bytes always passes the check of the ratio.
    floor: u64,
    too_large: Problem,
    too_dense: Problem,
    unsupported: Problem,
    pub(super) malformed: Problem,
}

impl Limits {
    fn new(codings: Vec<Coding>, max_bytes: u64, max_ratio: u64, floor: u64) -> Self {
        let names: Vec<_> = codings.iter().map(|coding| coding.name()).collect();
        let names = names.join(", ");
        let too_large = |detail: String| {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE)
                .detail(detail)
                .extension("max_body_bytes", max_bytes)
        };
        let unsupported = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE)
            .reason("content_coding")
            .detail(format!(
                "The body must have no content coding, or one of these: {names}."
            ));
        Self {
            too_large: too_large(format!(
                "The decompressed body must not be larger than {max_bytes} bytes."
            ))
            .reason("too_large"),
            too_dense: too_large(format!(
                "The decompressed body must not be more than {max_ratio} times as large as the \
                 compressed one."
            ))
            .reason("compression_ratio"),
            // RFC 9110, section 12.5.3: it tells the client which codings are accepted.
            unsupported: match HeaderValue::try_from(names) {
                Ok(names) => unsupported.header(header::ACCEPT_ENCODING, names),
                Err(_) => unsupported,
            },
            malformed: Problem::new(StatusCode::BAD_REQUEST)
                .reason("malformed_coding")
                .detail("The body could not be decompressed completely."),
            codings,
            max_bytes,
            max_ratio,
            floor,
        }
    }

    /// Whether this number of bytes may come out of that number.
    pub(super) fn check(&self, given: u64, read: u64) -> Result<(), &Problem> {
        if given > self.max_bytes {
            return Err(&self.too_large);
        }
        if given > self.floor.max(read.saturating_mul(self.max_ratio)) {
            return Err(&self.too_dense);
        }
        Ok(())
    }
}

impl Decompression {
    /// Accepts gzip. The decompressed body has at most 1,048,576 bytes, and is at most 100 times as
    /// large as what has arrived; 65,536 bytes may come out of any body.
    pub fn gzip() -> Self {
        const MIB: u64 = 1024 * 1024;
        Self(Arc::new(Limits::new(
            vec![Coding::Gzip],
            MIB,
            100,
            64 * 1024,
        )))
    }

    /// Also accepts deflate: the zlib format (RFC 1950), as RFC 9110 defines it.
    #[cfg(feature = "decompression-deflate")]
    pub fn deflate(self) -> Self {
        self.accept(Coding::Deflate)
    }

    /// Also accepts Brotli.
    #[cfg(feature = "decompression-br")]
    pub fn br(self) -> Self {
        self.accept(Coding::Brotli)
    }

    /// The largest decompressed body, in bytes.
    pub fn max_bytes(self, bytes: u64) -> Self {
        let Limits {
            codings,
            max_ratio,
            floor,
            ..
        } = &*self.0;
        Self::of(codings.clone(), bytes, *max_ratio, *floor)
    }

    /// The maximum ratio of the decompressed size to the bytes that have arrived. `floor` bytes may
    /// come out of any body, so that short bodies of repeated bytes pass.
    ///
    /// # Errors
    ///
    /// If the ratio is 0.
    pub fn max_ratio(self, ratio: u32, floor: u64) -> Result<Self, ConfigError> {
        if ratio == 0 {
            let message = "a ratio of 0 would reject every compressed body larger than the floor";
            return Err(ConfigError::new("Decompression", message));
        }
        let Limits {
            codings, max_bytes, ..
        } = &*self.0;
        Ok(Self::of(codings.clone(), *max_bytes, ratio.into(), floor))
    }

    #[cfg(any(feature = "decompression-br", feature = "decompression-deflate"))]
    fn accept(self, coding: Coding) -> Self {
        let Limits {
            codings,
            max_bytes,
            max_ratio,
            floor,
            ..
        } = &*self.0;
        let mut codings = codings.clone();
        if !codings.contains(&coding) {
            codings.push(coding);
        }
        Self::of(codings, *max_bytes, *max_ratio, *floor)
    }

    fn of(codings: Vec<Coding>, max_bytes: u64, max_ratio: u64, floor: u64) -> Self {
        Self(Arc::new(Limits::new(codings, max_bytes, max_ratio, floor)))
    }
}

impl Place for Decompression {
    type Stage = stage::Body;
    type Provides = ();
    type Needs = ();

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        const REASON: &str = "the bodies of tests are not compressed";
        let Limits {
            max_bytes,
            max_ratio,
            too_large,
            too_dense,
            unsupported,
            malformed,
            ..
        } = &*self.0;
        let malformed = Answer::of(malformed)
            .field(header::CONNECTION)
            .when("when the body can't be decompressed");
        let too_large = Answer::of(too_large)
            .or(too_dense)
            .field(header::CONNECTION)
            .when(format!(
                "when the decompressed body has more than {max_bytes} bytes, or {max_ratio} times \
                 as many as the compressed one"
            ));
        let unsupported = Answer::of(unsupported)
            .when("when the body has another content coding, or several")
            .provoked_by(|request| {
                let unknown = HeaderValue::from_static("x-unknown");
                request.headers.insert(header::CONTENT_ENCODING, unknown);
            });
        Description::new(self.name())
            .answer(malformed.not_provoked(REASON))
            .answer(too_large.not_provoked(REASON))
            .answer(unsupported)
    }
}

impl<B: RequestBody> Middleware<B> for Decompression {
    type Carry = Option<Breach>;

    fn before(&self, mut request: Request<B>) -> Later<Step<B, Option<Breach>>> {
        let limits = &self.0;
        let coding = match Coded::of(request.headers(), &limits.codings) {
            Coded::Plain => return Step::next(request, None),
            Coded::Unsupported => return Step::reply(limits.unsupported.clone()),
            Coded::With(coding) => coding,
        };
        if request.body().is_end_stream() {
            // Nothing was coded.
            request.headers_mut().remove(header::CONTENT_ENCODING);
            return Step::next(request, None);
        }
        let breach = Breach::new(&request);
        match decompress(request, coding, Arc::clone(limits), breach.note()) {
            Some(request) => Step::next(request, Some(breach)),
            None => Step::reply(limits.unsupported.clone()),
        }
    }

    fn after<R: ReplyBody>(&self, breach: Option<Breach>, response: &mut Response<R>) {
        if let Some(breach) = breach {
            breach.replace(NAME, response);
        }
    }
}

impl fmt::Debug for Decompression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Limits {
            codings,
            max_bytes,
            max_ratio,
            floor,
            ..
        } = &*self.0;
        f.debug_struct("Decompression")
            .field("codings", codings)
            .field("max_bytes", max_bytes)
            .field("max_ratio", max_ratio)
            .field("floor", floor)
            .finish()
    }
}
