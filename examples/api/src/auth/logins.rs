//! Starts, refreshes and ends logins.
//!
//! A login has two tokens, each in its own cookie. The access token is valid for 15 minutes and is
//! not looked up in the database. The refresh token gets a new access token; it can be used once,
//! and is replaced with another. If an old one is used again, it was copied, and one of the two
//! users is a thief; since it is unknown which, the login ends for both (RFC 9700, section 4.14.2).
//! It also ends if the response to a refresh is lost: the user must log in again.

use axum::http::{HeaderMap, header::SET_COOKIE};
use wythe::{
    Problem,
    api::openapi::{DocumentResponse, ResponseTypes},
    description::Answer,
};

use super::{
    Cookies, JustRefreshed, LoginEnded, RefreshToken, Tokens,
    cookies::SetCookies,
    login_store::{LIFETIME, LoginStore, Refreshed},
};
use crate::{
    error::{ServerError, one_of},
    users::{Account, Profile, UserId, Users},
};

/// The logins, as browsers see them: through their cookies.
#[derive(Clone)]
pub(crate) struct Logins {
    pub(crate) store: LoginStore,
    pub(crate) users: Users,
    pub(crate) tokens: Tokens,
    pub(crate) cookies: Cookies,
}

impl Logins {
    /// Starts a login: the password was correct. `None` if the account has changed since.
    ///
    /// A login that the browser already has is ended: the browser will forget its token, so nobody
    /// could end it later.
    pub(crate) async fn begin(
        &self,
        account: &Account,
        headers: &HeaderMap,
    ) -> Result<Option<SetCookies>, ServerError> {
        self.end_tokens(headers).await?;
        let token = RefreshToken::first()?;
        if !self.store.begin(account, &token).await? {
            return Ok(None);
        }
        Ok(Some(self.set(&account.profile, &token, LIFETIME)?))
    }

    /// Continues a login: new tokens for the refresh token in the request.
    pub(crate) async fn refresh(&self, headers: &HeaderMap) -> Result<SetCookies, RefreshError> {
        let mut tokens = self.cookies.refresh_tokens(headers);
        let (Some(token), None) = (tokens.next(), tokens.next()) else {
            return self.refused();
        };
        let next = token.next()?;
        match self.store.refresh(&token, &next).await? {
            Refreshed::Yes { user, ends_in } => match self.users.profile(user).await? {
                Some(user) => Ok(self.set(&user, &next, ends_in)?),
                None => self.refused(),
            },
            // Without a cookie: the browser has those of the other response, or will have them.
            Refreshed::JustBefore => Err(JustRefreshed.into()),
            Refreshed::Twice { user } => {
                tracing::warn!(%user, "a refresh token was reused: its login has ended");
                self.refused()
            }
            Refreshed::No => self.refused(),
        }
    }

    /// Ends the login of the browser that asks.
    ///
    /// The access token remains valid, for at most 15 minutes, for anyone who has a copy.
    pub(crate) async fn end(&self, headers: &HeaderMap) -> Result<SetCookies, ServerError> {
        self.end_tokens(headers).await?;
        Ok(self.cookies.clear()?)
    }

    /// Ends all logins of an account, on all devices.
    pub(crate) async fn end_all(&self, user: UserId) -> Result<SetCookies, ServerError> {
        self.store.end_all(user).await?;
        Ok(self.cookies.clear()?)
    }

    async fn end_tokens(&self, headers: &HeaderMap) -> Result<(), ServerError> {
        for token in self.cookies.refresh_tokens(headers) {
            self.store.end(&token).await?;
        }
        Ok(())
    }

    fn set(
        &self,
        user: &Profile,
        token: &RefreshToken,
        ends_in: i64,
    ) -> Result<SetCookies, ServerError> {
        let access = self.tokens.issue(user)?;
        Ok(self.cookies.set(access, token.text(), ends_in)?)
    }

    /// Removes the cookies, which are useless now. The response does not say why.
    fn refused(&self) -> Result<SetCookies, RefreshError> {
        let cookies = self.cookies.clear().map_err(ServerError::from)?;
        Err(CookiesRemoved(Box::new(cookies)).into())
    }
}

one_of! {
    /// Why there are no new tokens.
    pub(crate) enum RefreshError {
        CookiesRemoved,
        JustRefreshed,
        ServerError,
    }
}

/// The login has ended, and its cookies are removed.
pub(crate) struct CookiesRemoved(Box<SetCookies>);

impl From<CookiesRemoved> for Problem {
    fn from(CookiesRemoved(cookies): CookiesRemoved) -> Self {
        let (access, refresh) = *cookies;
        let ended = Self::from(LoginEnded);
        let ended = ended.header(SET_COOKIE, access.into());
        ended.header(SET_COOKIE, refresh.into())
    }
}

impl DocumentResponse for CookiesRemoved {
    fn document(responses: &mut ResponseTypes<'_>) {
        let ended = Answer::of(&LoginEnded.into()).field(SET_COOKIE);
        responses.problem(ended.when("when the login has ended; the cookies are removed"));
    }
}
