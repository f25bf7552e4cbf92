//! The policy and the layer.

use std::{fmt, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header};

use super::{
    origins::Origins,
    preflight::{NAME, Preflight},
};
use crate::{
    contract::{
        Description, IntoPolicy, Later, Middleware, Place, ReplyBody, Step, With,
        description::CrossOriginAccess, stage, with,
    },
    request::RequestHead,
    wire::field::{only_line, vary},
};

/// Answers preflights, and lets the allowed origins read the responses; see the [module](super).
///
/// # Example
///
/// ```
/// use wythe::{Cors, with_cors};
///
/// let layer = with_cors(Cors::origins(["https://app.example.com"])?.credentials());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
pub fn with_cors(cors: impl IntoPolicy<Cors>) -> With<Cors> {
    with(cors.into_policy())
}

/// Which origins may call, and how: the policy of [`with_cors`].
///
/// Its functions start a [`CorsBuilder`](super::CorsBuilder), which [`with_cors`] converts into a `Cors`.
#[derive(Clone)]
#[must_use]
pub struct Cors(pub(super) Arc<CorsPolicy>);

pub(super) struct CorsPolicy {
    /// `None` allows every origin.
    pub(super) origins: Option<Origins>,
    /// The value on every response, if it does not depend on the request: `*`, or the only origin.
    pub(super) fixed: Option<HeaderValue>,
    pub(super) credentials: bool,
    pub(super) exposed: Option<HeaderValue>,
    /// What closures read, besides `Origin`.
    pub(super) vary: Vec<HeaderName>,
    pub(super) preflight: Preflight,
}

impl Place for Cors {
    type Stage = stage::Cors;
    type Provides = ();
    type Needs = ();

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        let policy = &*self.0;
        let origins = match &policy.origins {
            None => "any origin".to_owned(),
            Some(origins) => origins.to_string(),
        };
        let mut access = CrossOriginAccess::new(origins);
        let listed = policy.origins.iter().flat_map(Origins::named);
        access = listed.fold(access, CrossOriginAccess::listed_origin);
        if let Some(methods) = policy.preflight.rules.methods.listed() {
            access = access.methods(methods.iter().cloned());
        }
        let mut fields = vec![header::ACCESS_CONTROL_ALLOW_ORIGIN];
        if policy.credentials {
            access = access.credentials();
            fields.push(header::ACCESS_CONTROL_ALLOW_CREDENTIALS);
        }
        if policy.exposed.is_some() {
            fields.push(header::ACCESS_CONTROL_EXPOSE_HEADERS);
        }
        if policy.fixed.is_none() {
            fields.push(header::VARY);
        }
        let layer = Description::new(self.name())
            .shares(access)
            .answer(policy.preflight.describe());
        fields.into_iter().fold(layer, Description::field)
    }
}

impl<B> Middleware<B> for Cors {
    /// The value of `Access-Control-Allow-Origin`, if the origin is allowed.
    type Carry = Option<HeaderValue>;

    fn before(&self, request: Request<B>) -> Later<Step<B, Self::Carry>> {
        let Some(origins) = &self.0.origins else {
            let origin = request.headers().contains_key(header::ORIGIN);
            let origin = origin.then(|| HeaderValue::from_static("*"));
            return self.decide(request, origin);
        };
        let Some(origin) = only_origin(request.headers()) else {
            return self.decide(request, None);
        };
        let found = origins.find(origin);
        let found = found.or_else(|| origins.find_by_closure(origin, &RequestHead::from(&request)));
        self.decide(request, found)
    }

    fn after<R>(&self, allowed: Self::Carry, response: &mut Response<R>)
    where
        R: ReplyBody,
    {
        let policy = &*self.0;
        let headers = response.headers_mut();
        if allowed.is_none() {
            headers.remove(header::ACCESS_CONTROL_EXPOSE_HEADERS);
        }
        if policy.fixed.is_none() {
            vary::add(headers, "Origin");
            for name in &policy.vary {
                vary::add_name(headers, name);
            }
        }
        // Only the policy decides: fields that a handler has set are overwritten.
        let Some(origin) = allowed.or_else(|| policy.fixed.clone()) else {
            headers.remove(header::ACCESS_CONTROL_ALLOW_ORIGIN);
            headers.remove(header::ACCESS_CONTROL_ALLOW_CREDENTIALS);
            return;
        };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if policy.credentials {
            let value = HeaderValue::from_static("true");
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, value);
        } else {
            headers.remove(header::ACCESS_CONTROL_ALLOW_CREDENTIALS);
        }
        if let Some(exposed) = &policy.exposed {
            // In addition to the names that layers further in have added.
            headers.append(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed.clone());
        }
    }
}

impl Cors {
    /// Answers a preflight, and lets every other request pass.
    fn decide<B>(
        &self,
        request: Request<B>,
        allowed: Option<HeaderValue>,
    ) -> Later<Step<B, Option<HeaderValue>>> {
        let headers = request.headers();
        // Fetch, "CORS-preflight request". The handler gets every other OPTIONS request.
        if request.method() == Method::OPTIONS
            && headers.contains_key(header::ORIGIN)
            && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        {
            return Step::reply(self.0.preflight.answer(allowed, headers));
        }
        Step::next(request, allowed)
    }
}

/// Browsers send one origin; several lines allow nothing.
fn only_origin(headers: &HeaderMap) -> Option<&HeaderValue> {
    only_line(headers, header::ORIGIN).ok()?
}

impl fmt::Debug for Cors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policy = &*self.0;
        let rules = &policy.preflight.rules;
        f.debug_struct("Cors")
            .field("origins", &policy.origins)
            .field("credentials", &policy.credentials)
            .field("methods", &rules.methods)
            .field("headers", &rules.headers)
            .field("exposed", &policy.exposed)
            .field("private_network", &rules.private_network)
            .finish_non_exhaustive()
    }
}
