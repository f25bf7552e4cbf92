//! Fits a stack into axum: [`Stack::handler`](crate::Stack::handler), extractors, responses.

mod arguments;
mod erased;
mod extract;
mod handled;
mod own_types;

pub use arguments::Layered;
pub use erased::{Erased, IsHandler};
pub use extract::{Extract, FromLayer};
pub use handled::{Handled, HandledFuture};
