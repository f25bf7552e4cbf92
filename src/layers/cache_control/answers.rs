//! Holds the field values of a policy, written once.

use http::{HeaderMap, HeaderValue, header};

use super::{CDN_CACHE_CONTROL, directives::Directives, policy::Plan};

/// What the responses of a status get.
pub(super) struct Answers {
    anonymous: Fields,
    authenticated: Fields,
}

/// The fields for one kind of client.
struct Fields {
    alone: Pair,
    /// Where the handler has set `Expires`.
    beside_expires: Pair,
}

struct Pair {
    cache_control: Option<HeaderValue>,
    cdn: Option<HeaderValue>,
}

impl Answers {
    pub(super) fn of(plan: &Plan) -> Self {
        let authenticated = if plan.shared_when_authenticated {
            Fields::of(&plan.own, &plan.cdn)
        } else if plan.cdn.is_empty() {
            Fields::of(&plan.own.privatized(), &plan.cdn)
        } else {
            Fields::of(&plan.own.privatized(), &plan.cdn.privatized())
        };
        Self {
            anonymous: Fields::of(&plan.own, &plan.cdn),
            authenticated,
        }
    }

    pub(super) const fn has_cdn(&self) -> bool {
        self.anonymous.alone.cdn.is_some()
    }

    pub(super) fn write(&self, authenticated: bool, headers: &mut HeaderMap) {
        let fields = if authenticated {
            &self.authenticated
        } else {
            &self.anonymous
        };
        let pair = if headers.contains_key(header::EXPIRES) {
            &fields.beside_expires
        } else {
            &fields.alone
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

impl Fields {
    fn of(own: &Directives, cdn: &Directives) -> Self {
        Self {
            alone: Pair::of(own, cdn),
            beside_expires: Pair::of(&own.beside_expires(), &cdn.beside_expires()),
        }
    }
}

impl Pair {
    fn of(own: &Directives, cdn: &Directives) -> Self {
        Self {
            cache_control: own.to_value(),
            cdn: cdn.to_value(),
        }
    }
}
