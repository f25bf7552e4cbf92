//! Readers of serde without their types, so that the code that reads a value is compiled for one reader
//! of all formats, and the readers are compiled for one value.
//!
//! It does what the crate `erased-serde` does, with fewer functions for each type: a reader is told what
//! the type wants ([`TypeHint`](source::TypeHint)), and what it finds comes through one method
//! ([`Target::fill`](source::Target::fill)), which calls only those methods of a visitor that such a type
//! can need. A struct, for example, is read from a map or a sequence, and whatever else is found is of the
//! wrong type. No value borrows from its input.

mod erased;
mod fault;
mod source;
#[cfg(test)]
mod tests;
mod typed;

pub(super) use self::{erased::Once, fault::Fault, source::Source, typed::read};
