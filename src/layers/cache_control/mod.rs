//! Says what caches may do with the handler's responses.
//!
//! 1. A response on which the handler has set `Cache-Control` itself is left as it is.
//! 2. A success (2xx) or a 304 gets the policy; a `no-store` policy goes on every status.
//! 3. A status with a policy of its own, [`CacheControl::for_status`], gets that.
//! 4. The answer to an authenticated request is never left to shared caches: it gets the policy's
//!    private form, or `private` alone where nothing else applies. A request is authenticated if
//!    it has an `Authorization` field (RFC 9111, section 3.5) or if a layer outside this one has
//!    left [`Authenticated`] in its extensions, as `with_auth` does for
//!    cookies too.
//! 5. Where the handler has set `Expires`, a lifetime of the policy is withheld, as it would
//!    override that.
//!
//! Nothing is refused at run time. Contradictory policies do not compile, or are a
//! [`ConfigError`](crate::ConfigError) when they are parsed.
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//!
//! use bytes::Bytes;
//! use http::{Request, Response, header};
//! use http_body_util::Full;
//! use tower::{Layer, ServiceExt, service_fn};
//! use wythe::{CacheControl, with_cache_control};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let policy = CacheControl::public()
//!     .s_maxage(Duration::from_secs(60))
//!     .stale_while_revalidate(Duration::from_secs(300));
//! let handler = service_fn(|_: Request<()>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
//! });
//! let service = with_cache_control(policy).layer(handler);
//!
//! let response = service.clone().oneshot(Request::new(())).await.unwrap();
//! assert_eq!(
//!     response.headers()["cache-control"],
//!     "public, s-maxage=60, stale-while-revalidate=300"
//! );
//!
//! // Shared caches must not keep what an authenticated client got.
//! let mut request = Request::new(());
//! let token = "Bearer mF_9.B5f-4.1JqM".parse().unwrap();
//! request.headers_mut().insert(header::AUTHORIZATION, token);
//! let response = service.oneshot(request).await.unwrap();
//! assert_eq!(response.headers()["cache-control"], "private");
//! # }
//! ```
//!
//! # Responses
//!
//! It answers nothing itself. What it adds to the handler's:
//!
//! | status | when | fields |
//! |---|---|---|
//! | 2xx, 304 | the handler has not set `Cache-Control` | `Cache-Control`, `CDN-Cache-Control` |
//! | listed with `for_status` | the same | the same, by that policy |
//! | any other | the policy is `no-store` | `Cache-Control: no-store` |
//! | any other | the request is authenticated | `Cache-Control: private` |
//!
//! # Order
//!
//! Stage [`Cache`](crate::stage::Cache), innermost: only the handler's own answers are marked,
//! never a 401 or 429 of a layer outside, which a CDN would then serve to everybody.
//!
//! # Security
//!
//! - A request that is authenticated by other means, a cookie that the handler reads for example,
//!   looks anonymous here: use `private()` or `no_store()` for such handlers, or insert
//!   [`Authenticated`] in a layer of your own.
//! - What the handler sets wins, `public` on an authenticated answer too.
//! - `Set-Cookie` does not keep shared caches from storing a response (RFC 9111, section 7.3): do
//!   not set cookies behind a `public` policy.
//! - Whether a response may be used for another request is also a matter of `Vary`, which this
//!   layer leaves to those that choose by a field.
//!
//! # Compared with
//!
//! tower-http's `SetResponseHeaderLayer` sets a value that nobody has checked, on every status,
//! whoever asks.

mod answers;
mod directives;
mod policy;
pub mod state;

use std::{fmt, sync::Arc};

use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};

use self::answers::Answers;
pub use self::policy::CacheControl;
use crate::{
    contract::{Description, Later, Middleware, Place, ReplyBody, Step, With, stage, with},
    request::Authenticated,
};

/// RFC 9213, section 3.
const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");

const PRIVATE: HeaderValue = HeaderValue::from_static("private");

/// Says what caches may do with the handler's responses; see the [module](self).
pub fn with_cache_control<V, F, S>(policy: CacheControl<V, F, S>) -> With<Caching> {
    let shown = format!("{policy:?}");
    let CacheControl { plan, statuses, .. } = policy;
    let answers = |(status, plan)| (status, Answers::of(&plan));
    with(Caching(Arc::new(Compiled {
        success: Answers::of(&plan),
        every_status: plan.own.forbids_storing(),
        statuses: statuses.into_iter().map(answers).collect(),
        shared_when_authenticated: plan.shared_when_authenticated,
        shown,
    })))
}

/// The middleware of [`with_cache_control`]: a policy with its field values written.
#[derive(Clone)]
#[must_use]
pub struct Caching(Arc<Compiled>);

struct Compiled {
    success: Answers,
    every_status: bool,
    statuses: Vec<(StatusCode, Answers)>,
    shared_when_authenticated: bool,
    shown: String,
}

impl Place for Caching {
    type Stage = stage::Cache;
    type Provides = ();
    type Needs = ();

    fn describe(&self) -> Description {
        let description = Description::new("with_cache_control").adds(header::CACHE_CONTROL);
        let of_statuses = self.0.statuses.iter().map(|(_, answers)| answers);
        if of_statuses.chain([&self.0.success]).any(Answers::has_cdn) {
            return description.adds(CDN_CACHE_CONTROL);
        }
        description
    }
}

impl<B> Middleware<B> for Caching {
    /// Whether the request is authenticated.
    type Carry = bool;

    fn name(&self) -> &'static str {
        "with_cache_control"
    }

    fn before(&self, request: Request<B>) -> Later<Step<B, bool>> {
        let authenticated = request.headers().contains_key(header::AUTHORIZATION)
            || request.extensions().get::<Authenticated>().is_some();
        Step::next(request, authenticated)
    }

    fn after<R>(&self, authenticated: bool, response: &mut Response<R>)
    where
        R: ReplyBody,
    {
        // A `CDN-Cache-Control` of ours would override the handler's own field, so it stays away
        // as well.
        if response.headers().contains_key(header::CACHE_CONTROL) {
            return;
        }
        let answers = self.0.answers(response.status());
        let headers = response.headers_mut();
        match answers {
            Some(answers) => answers.write(authenticated, headers),
            None if authenticated && !self.0.shared_when_authenticated => {
                headers.insert(header::CACHE_CONTROL, PRIVATE);
            }
            None => {}
        }
    }
}

impl Compiled {
    fn answers(&self, status: StatusCode) -> Option<&Answers> {
        let own = self.statuses.iter().find(|(known, _)| *known == status);
        // RFC 9110, section 15.4.5: a 304 has the field that the 200 would have had.
        let covered =
            self.every_status || status.is_success() || status == StatusCode::NOT_MODIFIED;
        own.map(|(_, answers)| answers)
            .or_else(|| covered.then_some(&self.success))
    }
}

impl fmt::Debug for Caching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.shown)
    }
}
