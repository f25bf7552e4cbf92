//! Tells caches what they may do with the handler's responses.
//!
//! 1. A response on which the handler has set `Cache-Control` is left as it is.
//! 2. A success (2xx) and a 304 get the policy; a `no-store` policy applies to every status.
//! 3. A status with a policy of its own, [`CacheControl::for_status`], gets that policy.
//! 4. A response to an authenticated request is kept out of shared caches: it gets the policy's
//!    private form, or `private` alone where no policy applies. A request is authenticated if it
//!    has an `Authorization` field (RFC 9111, section 3.5), or if a layer outside this one has left
//!    [`Authenticated`] in its extensions, as `with_auth` does, for cookies too.
//! 5. If the handler has set `Expires`, the policy's lifetime is left out, because it would
//!    override that field.
//!
//! No request is rejected. A contradictory policy does not compile, or is a
//! [`ConfigError`](crate::ConfigError) when it is parsed.
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
//! // Shared caches must not store what an authenticated client gets.
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
//! The layer sends no response of its own. It adds to the handler's:
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
//! Stage [`Cache`](crate::stage::Cache), innermost: only the handler's own responses are marked,
//! never a 401 or 429 of a layer outside, which a CDN would then serve to everyone.
//!
//! # Security
//!
//! - A request that is authenticated by other means, such as a cookie that only the handler reads,
//!   looks anonymous to this layer: use `private()` or `no_store()` for such handlers, or insert
//!   [`Authenticated`] in a layer of your own.
//! - A field that the handler sets wins, even `public` on a response to an authenticated request.
//! - `Set-Cookie` does not keep shared caches from storing a response (RFC 9111, section 7.3): do
//!   not set cookies behind a `public` policy.
//! - Whether a stored response may be used for another request also depends on `Vary`, which this
//!   layer leaves to the layers and handlers that select by a field.
//!
//! # Compared with
//!
//! tower-http's `SetResponseHeaderLayer` sets an unchecked value on responses of every status, to
//! authenticated and anonymous requests alike.

mod directives;
mod policy;
pub mod state;

use std::{fmt, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};

pub use self::policy::CacheControl;
use self::{directives::Directives, policy::StatusPolicy};
use crate::{
    contract::{Description, Later, Middleware, Place, ReplyBody, Step, With, stage, with},
    request::Authenticated,
};

const NAME: &str = "with_cache_control";

/// RFC 9213, section 3.
const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");

const PRIVATE: HeaderValue = HeaderValue::from_static("private");

/// Tells caches what they may do with the handler's responses; see the [module](self).
pub fn with_cache_control<V, F, S>(policy: CacheControl<V, F, S>) -> With<Caching> {
    let shown = format!("{policy:?}");
    let CacheControl { plan, statuses, .. } = policy;
    let fields = |(status, plan)| (status, StatusFields::new(&plan));
    with(Caching(Arc::new(CompiledPolicy {
        success: StatusFields::new(&plan),
        every_status: plan.own.forbids_storing(),
        statuses: statuses.into_iter().map(fields).collect(),
        shared_when_authenticated: plan.shared_when_authenticated,
        shown,
    })))
}

/// The middleware of [`with_cache_control`]: a policy with its field values ready.
#[derive(Clone)]
#[must_use]
pub struct Caching(Arc<CompiledPolicy>);

struct CompiledPolicy {
    success: StatusFields,
    every_status: bool,
    statuses: Vec<(StatusCode, StatusFields)>,
    shared_when_authenticated: bool,
    shown: String,
}

impl Place for Caching {
    type Stage = stage::Cache;
    type Provides = ();
    type Needs = ();

    fn describe(&self) -> Description {
        let description = Description::new(NAME).adds(header::CACHE_CONTROL);
        let of_statuses = self.0.statuses.iter().map(|(_, fields)| fields);
        let mut all = of_statuses.chain([&self.0.success]);
        if all.any(|fields| fields.anonymous.alone.cdn.is_some()) {
            return description.adds(CDN_CACHE_CONTROL);
        }
        description
    }
}

impl<B> Middleware<B> for Caching {
    /// Whether the request is authenticated.
    type Carry = bool;

    fn name(&self) -> &'static str {
        NAME
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
        // A `CDN-Cache-Control` of the policy would override the handler's own field, so it is
        // left out as well.
        if response.headers().contains_key(header::CACHE_CONTROL) {
            return;
        }
        let fields = self.0.fields(response.status());
        let headers = response.headers_mut();
        match fields {
            Some(fields) => fields.write(authenticated, headers),
            None if authenticated && !self.0.shared_when_authenticated => {
                headers.insert(header::CACHE_CONTROL, PRIVATE);
            }
            None => {}
        }
    }
}

impl CompiledPolicy {
    fn fields(&self, status: StatusCode) -> Option<&StatusFields> {
        let own = self.statuses.iter().find(|(known, _)| *known == status);
        // RFC 9110, section 15.4.5: a 304 has the field that the 200 would have had.
        let covered =
            self.every_status || status.is_success() || status == StatusCode::NOT_MODIFIED;
        own.map(|(_, fields)| fields)
            .or_else(|| covered.then_some(&self.success))
    }
}

/// The field values for responses of one status, built once.
struct StatusFields {
    anonymous: ClientFields,
    authenticated: ClientFields,
}

/// The field values for one kind of client.
struct ClientFields {
    alone: FieldPair,
    /// For responses on which the handler has set `Expires`.
    beside_expires: FieldPair,
}

struct FieldPair {
    cache_control: Option<HeaderValue>,
    cdn: Option<HeaderValue>,
}

impl StatusFields {
    fn new(policy: &StatusPolicy) -> Self {
        let StatusPolicy { own, cdn, .. } = policy;
        let authenticated = if policy.shared_when_authenticated {
            ClientFields::new(own, cdn)
        } else if cdn.is_empty() {
            ClientFields::new(&own.privatized(), cdn)
        } else {
            ClientFields::new(&own.privatized(), &cdn.privatized())
        };
        Self {
            anonymous: ClientFields::new(own, cdn),
            authenticated,
        }
    }

    fn write(&self, authenticated: bool, headers: &mut HeaderMap) {
        let client = if authenticated {
            &self.authenticated
        } else {
            &self.anonymous
        };
        let pair = if headers.contains_key(header::EXPIRES) {
            &client.beside_expires
        } else {
            &client.alone
        };
        if let Some(value) = &pair.cache_control {
            headers.insert(header::CACHE_CONTROL, value.clone());
        }
        if let Some(value) = &pair.cdn
            && !headers.contains_key(CDN_CACHE_CONTROL)
        {
            headers.insert(CDN_CACHE_CONTROL, value.clone());
        }
    }
}

impl ClientFields {
    fn new(own: &Directives, cdn: &Directives) -> Self {
        let pair = |own: &Directives, cdn: &Directives| FieldPair {
            cache_control: own.to_value(),
            cdn: cdn.to_value(),
        };
        Self {
            alone: pair(own, cdn),
            beside_expires: pair(&own.beside_expires(), &cdn.beside_expires()),
        }
    }
}

impl fmt::Debug for Caching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.shown)
    }
}
