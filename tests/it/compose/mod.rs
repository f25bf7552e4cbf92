//! Stacks: what goes into them, and what they print.

mod display;
mod foreign_layers;
mod service_fn;
