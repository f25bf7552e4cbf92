//! Reads and writes header fields: pure functions, one file per field.

#[cfg(feature = "cors")]
pub(crate) mod vary;
