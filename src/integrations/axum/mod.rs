//! Fits a stack into axum: [`Stack::handler`](crate::Stack::handler), extractors, responses.

mod arguments;
#[cfg(feature = "cookies")]
mod cookies;
mod erased;
mod extract;
mod handled;
#[cfg(feature = "validation")]
mod inputs;
mod provided;
mod respond;

pub use arguments::Layered;
pub use erased::{Erased, IsHandler};
pub use extract::{Extract, FromLayer};
pub use handled::{Handled, HandledFuture};
