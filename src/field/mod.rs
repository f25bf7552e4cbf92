//! Reads and writes header fields and other small syntaxes: one file each, no I/O.

#[cfg(feature = "validation")]
pub(crate) mod json_pointer;
#[cfg(feature = "validation")]
pub(crate) mod media_type;
#[cfg(feature = "rate-limit")]
pub(crate) mod scratch;
#[cfg(feature = "rate-limit")]
pub(crate) mod structured;
#[cfg(feature = "validation")]
pub(crate) mod urlencoded;
#[cfg(feature = "cors")]
pub(crate) mod vary;
