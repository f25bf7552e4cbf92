//! Routes that know their stacks.

mod first;
