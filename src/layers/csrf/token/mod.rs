//! A signed token that belongs to one session, for browsers that do not say where a request comes
//! from.

mod guard;
mod header;
mod issued;
mod nonce;
mod signed;
mod tokens;

pub(super) use guard::Guard;
pub use issued::CsrfToken;
pub use tokens::CsrfTokens;
