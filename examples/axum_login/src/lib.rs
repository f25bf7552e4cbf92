//! Users who sign in through axum-login, which keeps their identity in a session of tower-sessions,
//! behind layers of wythe: [`LoggedIn`] is all that it takes.

mod app;
mod logged_in;
mod users;

pub use app::app;
pub use logged_in::LoggedIn;
pub use users::{User, Users};
