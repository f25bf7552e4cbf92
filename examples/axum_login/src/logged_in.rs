//! The scheme: the user whom axum-login has found in the session.

use std::marker::PhantomData;

use axum::http::{HeaderValue, request::Parts};
use axum_login::{AuthSession, AuthnBackend};
use wythe::{
    Later,
    auth::{Authenticate, Verdict},
};

/// Takes the user that axum-login has left in the request's extensions.
///
/// `AuthManagerLayer` must be outside the stack. Without it, nobody can be identified, and every
/// request is answered with 503: none passes as a guest where credentials are optional.
#[derive(Clone, Debug)]
pub struct LoggedIn<B>(PhantomData<fn() -> B>);

impl<B> LoggedIn<B> {
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<B> Default for LoggedIn<B> {
    fn default() -> Self {
        Self::new()
    }
}

impl<B> Authenticate for LoggedIn<B>
where
    B: AuthnBackend + 'static,
{
    type Principal = B::User;

    /// A 401 must have a challenge, and no registered scheme says "sign in on our page".
    fn challenge(&self) -> HeaderValue {
        HeaderValue::from_static(r#"Cookie realm="app""#)
    }

    fn authenticate(&self, head: &Parts) -> Later<Verdict<B::User>> {
        Later::Ready(match head.extensions.get::<AuthSession<B>>() {
            None => Verdict::Failed("`AuthManagerLayer` is not outside `with_auth`".into()),
            Some(AuthSession { user: None, .. }) => Verdict::Missing,
            Some(AuthSession {
                user: Some(user), ..
            }) => Verdict::Verified(user.clone()),
        })
    }
}
