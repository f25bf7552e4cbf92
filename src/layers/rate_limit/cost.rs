//! What a request costs: before it is handled, and once the response is known.

use std::{fmt, sync::Arc};

use http::{Extensions, HeaderMap, Response, StatusCode, header};
use http_body::Body;

use super::policy::RateLimit;
use crate::request::{RequestHead, key::Key};

/// What a request has cost, which its handler leaves in the extensions of the response; see
/// [`RateLimit::settle_by_handler`].
///
/// # Example
///
/// ```
/// use axum::Extension;
/// use wythe::rate_limit::Cost;
///
/// async fn complete() -> (Extension<Cost>, &'static str) {
///     (Extension(Cost(42)), "an answer of 42 tokens")
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a name for one number")]
pub struct Cost(pub u32);

/// The response to a request, for [`RateLimit::settle`] and [`RateLimit::count_when`].
#[derive(Clone, Copy)]
pub struct Answered<'a> {
    status: StatusCode,
    headers: &'a HeaderMap,
    extensions: &'a Extensions,
    body_bytes: Option<u64>,
}

impl<'a> Answered<'a> {
    pub(super) fn new<R: Body>(response: &'a Response<R>) -> Self {
        Self {
            status: response.status(),
            headers: response.headers(),
            extensions: response.extensions(),
            body_bytes: response.body().size_hint().exact().or_else(|| {
                let length = response.headers().get(header::CONTENT_LENGTH)?;
                length.to_str().ok()?.parse().ok()
            }),
        }
    }

    /// A response that will not be seen here.
    pub(super) const fn without_body(
        status: StatusCode,
        headers: &'a HeaderMap,
        extensions: &'a Extensions,
    ) -> Self {
        Self {
            status,
            headers,
            extensions,
            body_bytes: None,
        }
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The header fields.
    #[must_use]
    pub const fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// The extensions, with what handlers and layers have left there.
    #[must_use]
    pub const fn extensions(&self) -> &'a Extensions {
        self.extensions
    }

    /// The length of the body, unless it is a stream whose length is not known yet; for these see
    /// [`Handle::metered`](super::Handle::metered).
    #[must_use]
    pub const fn body_bytes(&self) -> Option<u64> {
        self.body_bytes
    }
}

/// Shows the status only: fields and extensions may hold secrets.
impl fmt::Debug for Answered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answered")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl<K: Key> RateLimit<K> {
    /// What a request costs, by its head. 1 by default.
    ///
    /// A request that costs more than a quota's burst can never pass: it is answered with 429, the
    /// fields, and a problem that says the largest cost, without `Retry-After`. One that costs 0 passes unless the key is in debt or blocked. If the closure
    /// asks for a [route](RequestHead::route) that is not known, the request costs at least 1.
    ///
    /// # Example: a search costs ten times as much as a look-up
    ///
    /// ```
    /// use wythe::{Quota, with_rate_limit};
    ///
    /// let limit = Quota::per_minute(600).by_peer()?;
    /// let layer = with_rate_limit(limit.cost(|head| match head.route() {
    ///     "/search" => 10,
    ///     _ => 1,
    /// }));
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn cost(mut self, cost: impl Fn(&RequestHead<'_>) -> u32 + Send + Sync + 'static) -> Self {
        self.options.cost = Some(Arc::new(cost));
        self.options.weighted = true;
        self
    }

    /// Settles what a request has cost once its response is known. The closure gets the response
    /// and what was taken before (see [`cost`](Self::cost)), and returns what it costs in the end.
    ///
    /// If too much was taken, the rest is given back. If too little was taken, the rest is charged
    /// even if less is left: then the key is in debt, and is refused until that has come back. A
    /// request that never gets a response, because its client disconnected, costs what was taken. One
    /// whose handler panics counts as a response of status 500 without fields and extensions.
    ///
    /// What requests in progress hold may be given back at any moment, so a refusal does not promise
    /// when: its `Retry-After` counts only what is certainly spent, and is 1 second at least. Of a limit
    /// in Redis, this is known for the requests of the same instance.
    ///
    /// # Example: by the bytes that were sent
    ///
    /// ```
    /// use wythe::{Quota, with_rate_limit};
    ///
    /// // 10 MiB a minute, in KiB.
    /// let limit = Quota::per_minute(10 * 1024).by_peer()?;
    /// let layer = with_rate_limit(limit.settle(|answered, taken| {
    ///     let bytes = answered.body_bytes();
    ///     bytes.map_or(taken, |bytes| u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX))
    /// }));
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn settle(
        mut self,
        settle: impl Fn(&Answered<'_>, u32) -> u32 + Send + Sync + 'static,
    ) -> Self {
        self.options.settle = Some(Arc::new(settle));
        self.options.weighted = true;
        self
    }

    /// Settles by the [`Cost`] that the handler leaves in the extensions of its response. A response
    /// without one costs what was taken before.
    pub fn settle_by_handler(self) -> Self {
        self.settle(|answered, taken| match answered.extensions.get() {
            Some(Cost(units)) => *units,
            None => taken,
        })
    }

    /// Counts only requests for whose response the closure returns `true`; what was taken for the
    /// others is given back.
    ///
    /// The cost is taken before the request is handled, so that a client that sends many at once
    /// does not get more through than one that waits.
    pub fn count_when(
        self,
        counts: impl Fn(&Answered<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        let weighted = self.options.weighted;
        let mut limit =
            self.settle(move |answered, taken| if counts(answered) { taken } else { 0 });
        limit.options.weighted = weighted;
        limit
    }

    /// Counts only requests that were answered with a client error, 400 to 499: wrong passwords, for
    /// example. Server errors and panics are not held against the client.
    ///
    /// A unit is held while a request is in progress. So of more requests at once than there are units,
    /// good ones are refused as well: they can come again at once, which their `Retry-After` says.
    ///
    /// # Example: five wrong passwords in a quarter of an hour
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use wythe::{Quota, with_rate_limit};
    ///
    /// let quota = Quota::per(5, Duration::from_secs(900)).named("failed-logins");
    /// let layer = with_rate_limit(quota.by_peer()?.count_failures());
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn count_failures(self) -> Self {
        self.count_when(|answered| answered.status.is_client_error())
    }

    /// Counts only requests that were answered with a status below 400: a request that failed costs
    /// nothing.
    pub fn count_successes(self) -> Self {
        self.count_when(|answered| {
            !answered.status.is_client_error() && !answered.status.is_server_error()
        })
    }
}
