//! `with_lingering_close`: clients that write the whole body first get an early answer.

mod http2;
mod sockets;
