//! The body of a request or a response, in memory or streaming.

use std::{
    any::Any,
    error::Error,
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http_body::{Frame, SizeHint};
use pin_project_lite::pin_project;

/// Any error that can cross threads.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// A body in memory or a stream.
///
/// A layer that answers in the handler's place needs a response body that can be made from
/// [`Bytes`]. Bodies of other crates often can't; this one can, and it can wrap any of them.
/// [`with_body_adapter`](crate::with_body_adapter) does so for a whole service.
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::{BodyExt, Full};
/// use wythe::Body;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let body = Body::from("in memory");
/// assert_eq!(body.collect().await.unwrap().to_bytes(), "in memory");
///
/// let boxed = Full::<Bytes>::from("of another type").boxed();
/// let body = Body::stream(boxed);
/// assert_eq!(body.collect().await.unwrap().to_bytes(), "of another type");
/// # }
/// ```
#[must_use]
pub struct Body(Kind);

enum Kind {
    Memory(Bytes),
    Stream(Pin<Box<dyn http_body::Body<Data = Bytes, Error = BoxError> + Send>>),
}

impl Body {
    /// An empty body.
    pub const fn empty() -> Self {
        Self(Kind::Memory(Bytes::new()))
    }

    /// Wraps a body of another type.
    ///
    /// A body that has already ended costs nothing, and a `Body` is returned as it is; any other is
    /// boxed.
    pub fn stream<B>(body: B) -> Self
    where
        B: http_body::Body<Error: Into<BoxError>> + Send + 'static,
    {
        let mut slot = Some(body);
        let any: &mut dyn Any = &mut slot;
        if let Some(own) = any.downcast_mut::<Option<Self>>() {
            return own.take().unwrap_or_default();
        }
        match slot {
            Some(body) if !body.is_end_stream() => {
                Self(Kind::Stream(Box::pin(MappedBody { body })))
            }
            _ => Self::empty(),
        }
    }
}

/// A request body that a layer can replace by a stream of its own: [`Body`] and axum's.
///
/// A layer that counts or times what arrives puts a stream around the body, and the type of the
/// body stays the same. A body of your own can implement it, if it can be made from any stream.
#[diagnostic::on_unimplemented(
    message = "a layer of this stack can't put a stream around a request body of type `{Self}`",
    label = "`{Self}` is not a `RequestBody`",
    note = "list `with_body_adapter()` before the layer"
)]
pub trait RequestBody:
    http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + Sized + Unpin + 'static
{
    /// The body with the bytes of this stream.
    fn from_stream<S>(stream: S) -> Self
    where
        S: http_body::Body<Data = Bytes, Error = BoxError> + Send + 'static;

    /// Whether the whole body has arrived; `false` if that is not known.
    fn is_in_memory(&self) -> bool {
        self.is_end_stream()
    }
}

impl RequestBody for Body {
    fn from_stream<S>(stream: S) -> Self
    where
        S: http_body::Body<Data = Bytes, Error = BoxError> + Send + 'static,
    {
        Self::stream(stream)
    }

    fn is_in_memory(&self) -> bool {
        matches!(self.0, Kind::Memory(_))
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

macro_rules! from_bytes {
    ($($source:ty)*) => {$(
        impl From<$source> for Body {
            fn from(bytes: $source) -> Self {
                Self(Kind::Memory(bytes.into()))
            }
        }
    )*};
}
from_bytes!(Bytes &'static str &'static [u8] String Vec<u8>);

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.0 {
            Kind::Memory(bytes) if bytes.is_empty() => Poll::Ready(None),
            Kind::Memory(bytes) => Poll::Ready(Some(Ok(Frame::data(mem::take(bytes))))),
            Kind::Stream(stream) => stream.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Memory(bytes) => bytes.is_empty(),
            Kind::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Memory(bytes) => {
                // No `Bytes` is longer than `u64::MAX`.
                SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
            }
            Kind::Stream(stream) => stream.size_hint(),
        }
    }
}

impl fmt::Debug for Body {
    /// Without the bytes: a body may contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Memory(bytes) => write!(f, "Body({} bytes)", bytes.len()),
            Kind::Stream(_) => f.write_str("Body(stream)"),
        }
    }
}

pin_project! {
    /// A body of another type, with the data and error types of [`Body`].
    struct MappedBody<B> {
        #[pin]
        body: B,
    }
}

impl<B: http_body::Body<Error: Into<BoxError>>> http_body::Body for MappedBody<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(ready!(self.project().body.poll_frame(cx)).map(|frame| {
            // `Bytes` themselves are not copied here.
            frame
                .map(|frame| frame.map_data(|mut data| data.copy_to_bytes(data.remaining())))
                .map_err(Into::into)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
