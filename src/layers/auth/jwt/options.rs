//! The options of a `Jwt`: what it asks of tokens, and where it looks for them.

use std::{fmt, time::Duration};

use super::{Jwt, refusal::Refusals, source};
use crate::{support::clock::Clock, wire::ConfigError};

/// What tokens must say.
impl<C> Jwt<C> {
    /// An issuer that `iss` may name. Without any, `iss` is not looked at, but for the keys of
    /// several [`issuers`](Self::issuers); of these, it leaves only those that are named here.
    pub fn issuer(self, issuer: impl Into<String>) -> Self {
        self.change(|settings| settings.rules.issuers.push(issuer.into()))
    }

    /// A name of yours that `aud` may hold.
    pub fn audience(self, audience: impl Into<String>) -> Self {
        self.change(|settings| settings.rules.audiences.push(audience.into()))
    }

    /// How far the issuer's clock may be from this one when times are checked. Nothing, unless
    /// said; a few minutes at most are usual (RFC 7519, section 4.1.4). Every token is valid for as
    /// much longer.
    pub fn leeway(self, leeway: Duration) -> Self {
        self.change(|settings| settings.rules.leeway = leeway)
    }

    /// A media type that the header's `typ` may be, such as `at+jwt` (RFC 9068): where one issuer
    /// signs tokens for several uses, it keeps one from being taken for another. The header must
    /// then say one of those that you name.
    ///
    /// Unless said, `typ` may be missing, `JWT` or `at+jwt`.
    pub fn token_type(self, typ: impl Into<String>) -> Self {
        self.change(|settings| settings.types.push(typ.into()))
    }

    /// Claims that must be there and not `null`, whatever `C` makes of them.
    ///
    /// # Example
    ///
    /// ```
    /// # let secret = "32 bytes from a random generator";
    /// let jwt = wythe::Jwt::<serde_json::Value>::hs256(secret)?.required_claims(["sub", "scope"]);
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn required_claims<N: Into<String>>(self, names: impl IntoIterator<Item = N>) -> Self {
        let names = names.into_iter().map(Into::into);
        self.change(|settings| settings.rules.required.claims.extend(names))
    }

    /// How long ago the token may have been made, whenever it expires. It must say when, in `iat`,
    /// and not a time to come.
    pub fn max_age(self, age: Duration) -> Self {
        self.change(|settings| settings.rules.required.max_age = Some(age))
    }

    /// One more check of the claims, for which the token is refused if it says no; the reason goes
    /// to the log and not to the client. It is asked about each request.
    ///
    /// What the client may do is better said by
    /// [`with_authorization`](crate::with_authorization), which answers 403.
    ///
    /// # Example
    ///
    /// ```
    /// use serde::Deserialize;
    /// use wythe::Jwt;
    /// # let secret = "32 bytes from a random generator";
    ///
    /// #[derive(Clone, Deserialize)]
    /// struct Claims {
    ///     sub: String,
    ///     token_use: String,
    /// }
    ///
    /// let jwt = Jwt::<Claims>::hs256(secret)?.check(|claims| match &*claims.token_use {
    ///     "access" => Ok(()),
    ///     _ => Err("this is no access token"),
    /// });
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn check<R: fmt::Display>(
        mut self,
        check: impl Fn(&C) -> Result<(), R> + Send + Sync + 'static,
    ) -> Self {
        self.checks.add(check);
        self
    }

    /// Accepts tokens that never expire, because they have no `exp`. One that has it is still
    /// checked.
    pub fn dangerously_accept_without_expiry(self) -> Self {
        self.change(|settings| settings.rules.without_expiry = true)
    }

    /// Does not look at `aud`: accepts tokens that the issuer made for other services, which can
    /// then use here what they were sent there.
    pub fn dangerously_accept_any_audience(self) -> Self {
        self.change(|settings| settings.rules.any_audience = true)
    }
}

/// Where tokens are, and what is answered.
impl<C> Jwt<C> {
    /// A cookie in which the token may come as well.
    ///
    /// # Errors
    ///
    /// If the name can't be a cookie's.
    pub fn cookie(self, name: impl Into<String>) -> Result<Self, ConfigError> {
        let name = source::cookie_name(name.into())?;
        Ok(self.change(|settings| settings.source.cookie = Some(name)))
    }

    /// A field of its own in which the token may come as well, without `Bearer`.
    ///
    /// # Errors
    ///
    /// If it can't be a field's name, or is that of a field with a syntax of its own, such as
    /// `Authorization`.
    pub fn header(self, name: &str) -> Result<Self, ConfigError> {
        let name = source::header_name(name)?;
        Ok(self.change(|settings| settings.source.header = Some(name)))
    }

    /// The cookie in which the token comes, and no longer `Authorization`, which may then hold
    /// something else.
    ///
    /// # Errors
    ///
    /// If the name can't be a cookie's.
    pub fn only_cookie(self, name: impl Into<String>) -> Result<Self, ConfigError> {
        self.no_source().cookie(name)
    }

    /// The field in which the token comes, and no longer `Authorization`: for a proxy that signs
    /// in users and says in a field of its own who they are.
    ///
    /// # Example
    ///
    /// ```
    /// # fn of(key: &str) -> Result<wythe::Jwt<serde_json::Value>, wythe::ConfigError> {
    /// let jwt = wythe::Jwt::<serde_json::Value>::es256_pem(key)?
    ///     .issuer("https://cloud.google.com/iap")
    ///     .audience("/projects/7/global/backendServices/8")
    ///     .only_header("x-goog-iap-jwt-assertion")?;
    /// # Ok(jwt) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`header`](Self::header).
    pub fn only_header(self, name: &str) -> Result<Self, ConfigError> {
        self.no_source().header(name)
    }

    fn no_source(self) -> Self {
        self.change(|settings| settings.source = source::Source::nowhere())
    }

    /// The realm of the challenges; `api`, unless said.
    ///
    /// # Errors
    ///
    /// If it holds anything but visible ASCII characters and spaces.
    pub fn realm(self, realm: impl Into<String>) -> Result<Self, ConfigError> {
        let refusals = Refusals::of_realm(realm.into())?;
        Ok(self.change(|settings| settings.refusals = refusals))
    }

    /// The most bytes that a token may have; 8,192, unless said.
    pub fn max_length(self, bytes: usize) -> Self {
        self.change(|settings| settings.max_length = bytes)
    }

    /// The clock; by default the system's.
    pub fn clock(self, clock: impl Into<Clock>) -> Self {
        self.change(|settings| settings.clock = clock.into())
    }
}
