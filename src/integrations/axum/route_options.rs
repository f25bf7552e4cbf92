//! What an `Api` is told about one route.

use std::fmt;

use http::Extensions;

use super::Handled;

/// A concern that an [`Api`](crate::Api) raises about a route when it is built.
///
/// A route on which it is intended says so, with the reason: [`Handled::allow`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Concern {
    /// The route changes something and accepts credentials that a browser attaches by itself (a
    /// cookie, Basic), and has no protection from forged requests, or one that a closure may bypass.
    NoCsrf,
    /// The route knows who sends the request and lets shared caches store the response.
    PublicCache,
    /// The route is public, changes something, and has no limit.
    NoLimit,
    /// Two limits of the route have quotas of the same name, which clients can't tell apart in
    /// `RateLimit`. Quotas without a name of their own are named by their numbers:
    /// `100-per-minute`.
    QuotaNameRepeated,
    /// The route requires scopes that its authentication scheme can't grant.
    ScopesNotGranted,
    /// The handler may read a body of any size: it takes the body by an extractor, and no layer bounds
    /// it. axum's own extractors (`Bytes`, `String`, `Json`, `Form`, `Multipart`) are not reported,
    /// because they read at most 2 MB by default. Services and axum's routers in
    /// [`public`](crate::Api::public) are not reported, because it is not known what they read.
    NoBodyLimit,
    /// Browsers on other origins can't call the route, because the CORS policy does not allow its
    /// method.
    MethodNotAllowedByCors,
    /// The CORS policy lets an origin call the route with credentials, and the protection from forged
    /// requests does not trust that origin. Only origins that both layers list are compared.
    OriginNotTrustedByCsrf,
    /// The CORS policy is in the stack of the route, which preflights never reach.
    CorsInsideRoute,
    /// Preflights of the route are answered inside the CORS policy, if any, around another route of the same
    /// path, which comes from another `Api`. The first route of a path decides.
    CorsOfAnotherRoute,
    /// A layer lists routes that do not exist. It is enough if one of the routes with that layer allows
    /// it.
    UnknownRoute,
    /// The handler, or the key of a limit, asks for a parameter that the path lacks. A router with a
    /// parameter in its prefix, into which the routes are nested, may have it.
    ///
    /// Whether a field of the handler's type has a default is not known if the type of a field before
    /// it accepts only values that can't be guessed: such a field is reported, too.
    MissingPathParameter,
}

impl Concern {
    /// The name: `no-csrf`, for example.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoCsrf => "no-csrf",
            Self::PublicCache => "public-cache",
            Self::NoLimit => "no-limit",
            Self::QuotaNameRepeated => "quota-name-repeated",
            Self::ScopesNotGranted => "scopes-not-granted",
            Self::NoBodyLimit => "no-body-limit",
            Self::MethodNotAllowedByCors => "method-not-allowed-by-cors",
            Self::OriginNotTrustedByCsrf => "origin-not-trusted-by-csrf",
            Self::CorsInsideRoute => "cors-inside-route",
            Self::CorsOfAnotherRoute => "cors-of-another-route",
            Self::UnknownRoute => "unknown-route",
            Self::MissingPathParameter => "missing-path-parameter",
        }
    }
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The options of a route.
#[derive(Clone, Debug, Default)]
pub(crate) struct RouteOptions {
    /// No extractor of the handler reads the parameters of the path.
    pub(crate) direct: bool,
    /// What is intended, and why.
    pub(crate) allowed: Vec<(Concern, String)>,
    /// The versions of the API that the route is for; all if there are none.
    pub(crate) versions: Vec<String>,
    /// What only higher floors know, by its type.
    pub(crate) more: Extensions,
}

impl<L: Clone, S, A, O, I> Handled<L, S, A, O, I> {
    /// States that a concern does not apply to this route of an [`Api`](crate::Api), and why. The
    /// audit shows the reason.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{api::Concern, compose};
    ///
    /// async fn webhook(body: String) {
    ///     drop(body);
    /// }
    ///
    /// let webhook = compose(())
    ///     .handler(webhook)
    ///     .allow(Concern::NoLimit, "the gateway limits the sender");
    /// # let _: wythe::Handled<_, (), _, _, _> = webhook;
    /// ```
    pub fn allow(self, concern: Concern, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        self.with_options(|options| options.allowed.push((concern, reason)))
    }

    /// The route of an [`Api`](crate::Api) is for requests of these versions only: another handler can have
    /// the same method and path in other versions. By default it is for all versions.
    ///
    /// `with_version`, around the `Api`, determines which version a request is for. A route that names
    /// versions that do not exist is found when the `Api` is built.
    ///
    /// # Example
    ///
    /// ```
    /// # #[cfg(feature = "version")] {
    /// use wythe::{Api, Versions, compose, with_version};
    ///
    /// let versions = Versions::by_media_type("vnd.example", ["1", "2"])?.default_version("1")?;
    /// let plain = compose(());
    /// let api = Api::<()>::new("Hello", "2")
    ///     .around(compose(with_version(versions)))
    ///     .get("/hello", plain.handler(async || "Hello!").in_versions(["1"]))
    ///     .get("/hello", plain.handler(async || "Hello, world!").in_versions(["2"]));
    /// assert!(api.check().is_empty());
    /// # }
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn in_versions(self, versions: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let versions: Vec<String> = versions.into_iter().map(Into::into).collect();
        self.with_options(|options| options.versions = versions)
    }

    /// States that no extractor of this handler reads axum's `Path` or `RawPathParams`, which only
    /// axum's router can fill. An [`Api`](crate::Api) then calls the handler without that router,
    /// which is faster.
    ///
    /// It is not needed for handlers whose arguments come from layers, or are extractors of axum itself
    /// that never read the path, such as `State`, `Json` and `Query`. An extractor that reads the path
    /// anyway answers 500.
    pub fn direct(self) -> Self {
        self.with_options(|options| options.direct = true)
    }
}
