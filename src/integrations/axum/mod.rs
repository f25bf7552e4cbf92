//! Fits a stack into axum: [`Stack::handler`](crate::Stack::handler), extractors, responses.

mod arguments;
mod erased;
mod from_layer;
mod handled;
mod own_types;

pub use arguments::{
    Argument, Arguments, Extracted, ExtractedFromBody, HandlerFunction, LastArgument,
};
pub use erased::Erased;
pub use from_layer::FromLayer;
pub use handled::{Handled, HandledFuture};
