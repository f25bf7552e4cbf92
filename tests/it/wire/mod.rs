//! Bodies and problems, as they are sent.

mod body;
mod problem;
