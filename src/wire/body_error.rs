//! Why a body is cut off: [`BodyLimitError`].

use std::{error::Error, fmt};

/// The error of a body that has passed a limit on its bytes or on its time.
///
/// A handler that reads its body itself gets it from the stream, and axum's extractors have it among
/// the causes of their rejections. Whatever the handler does with it, the client gets the answer of the
/// layer whose limit was passed.
///
/// # Example: a handler that tells the two apart
///
/// ```
/// use std::error::Error;
///
/// use wythe::body_limit::BodyLimitError;
///
/// fn is_too_slow(error: &(dyn Error + 'static)) -> bool {
///     let limit = error.downcast_ref::<BodyLimitError>();
///     limit.is_some_and(BodyLimitError::is_too_slow)
/// }
/// # let _ = is_too_slow;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimitError(Exceeded);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exceeded {
    Bytes,
    Time,
}

impl BodyLimitError {
    pub(crate) const TOO_LARGE: Self = Self(Exceeded::Bytes);
    pub(crate) const TOO_SLOW: Self = Self(Exceeded::Time);

    /// Whether the body is too large.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        self.0 == Exceeded::Bytes
    }

    /// Whether the body arrives too slowly.
    #[must_use]
    pub fn is_too_slow(&self) -> bool {
        self.0 == Exceeded::Time
    }
}

impl fmt::Display for BodyLimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Exceeded::Bytes => "the body is too large",
            Exceeded::Time => "the body arrives too slowly",
        })
    }
}

impl Error for BodyLimitError {}
