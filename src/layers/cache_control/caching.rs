//! The layer: the field values of a policy, built once.

use std::{fmt, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};

use super::{
    directives::Directives,
    policy::{CacheControl, StatusPolicy},
};
use crate::{
    contract::{
        Description, Later, Middleware, Place, ReplyBody, Step, With, description::CachePolicy,
        stage, with,
    },
    request::Authenticated,
};

const NAME: &str = "with_cache_control";

/// RFC 9213, section 3.
const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");

const PRIVATE: HeaderValue = HeaderValue::from_static("private");

/// Tells caches what they may do with the handler's responses; see the [module](super).
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

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        let success = &self.0.success;
        let of_statuses = || self.0.statuses.iter().map(|(_, fields)| fields);
        let policy = success.describe(|pair| &pair.cache_control);
        let policy = of_statuses().fold(policy, |policy, fields| {
            policy.or(&fields.describe(|pair| &pair.cache_control))
        });
        let layer = Description::new(self.name()).field(header::CACHE_CONTROL);
        let mut all = of_statuses().chain([success]);
        let with_cdn: Vec<_> = all
            .by_ref()
            .filter(|fields| fields.anonymous.alone.cdn.is_some())
            .collect();
        if with_cdn.is_empty() {
            return layer.caches(policy);
        }
        let policy = with_cdn.into_iter().fold(policy, |policy, fields| {
            policy.or(&fields.describe(|pair| &pair.cdn))
        });
        layer.field(CDN_CACHE_CONTROL).caches(policy)
    }
}

impl<B> Middleware<B> for Caching {
    /// Whether the request is authenticated.
    type Carry = bool;

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

    /// The policy of one of the two fields, as data.
    fn describe(&self, field: impl Fn(&FieldPair) -> &Option<HeaderValue>) -> CachePolicy {
        let text = |client: &ClientFields| {
            let value = field(&client.alone).as_ref();
            let value = value.and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        CachePolicy::new(text(&self.anonymous)).when_authenticated(text(&self.authenticated))
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
