//! Which fields responses have: [`with_security_headers`] and its policy, [`SecurityHeaders`].

use std::{
    fmt,
    marker::PhantomData,
    sync::{Arc, OnceLock},
};

use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};

use super::{
    csp::{ContentSecurityPolicy, CspNonce, NoNonce, NoncePerRequest, NonceUse, Source, Template},
    fields::{
        EmbedderPolicy, Hsts, OpenerPolicy, PermissionsPolicy, ReferrerPolicy, ResourcePolicy,
    },
};
use crate::{
    contract::{
        Always, Description, Later, Middleware, Place, ReplyBody, Step, With, report_set_up, stage,
        with,
    },
    request::Transport,
    wire::{ConfigError, Problem},
};

/// The name of the layer.
const NAME: &str = "with_security_headers";

const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");
const CROSS_ORIGIN_EMBEDDER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-embedder-policy");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const REPORTING_ENDPOINTS: HeaderName = HeaderName::from_static("reporting-endpoints");

/// Sets fields that tell browsers what a response may do; see
/// [`security_headers`](crate::security_headers).
pub const fn with_security_headers<N>(headers: SecurityHeaders<N>) -> With<SecurityHeaders<N>> {
    with(headers)
}

/// Fields that tell browsers what a response may do: the policy of [`with_security_headers`].
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use wythe::{
///     SecurityHeaders, Transport,
///     security_headers::{Hsts, OpenerPolicy, Source},
///     with_security_headers,
/// };
///
/// let month = Hsts::max_age(Duration::from_secs(30 * 24 * 60 * 60))?;
/// let api = with_security_headers(SecurityHeaders::api().hsts(month, Transport::tls()));
///
/// let policy = SecurityHeaders::html_policy().script_nonce();
/// let html = SecurityHeaders::html()
///     .content_security_policy(&policy)?
///     .opener_policy(OpenerPolicy::SameOriginAllowPopups);
/// let html = with_security_headers(html);
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[must_use]
pub struct SecurityHeaders<N = NoNonce> {
    fields: Arc<Fields>,
    nonces: PhantomData<fn() -> N>,
}

#[derive(Clone, Default)]
struct Fields {
    /// Rendered when they are set.
    fixed: Vec<(HeaderName, HeaderValue)>,
    /// Those with a nonce in them.
    with_nonce: Vec<(HeaderName, Template)>,
    /// Where the policies send their reports.
    endpoints: Vec<Endpoint>,
    hsts: Option<(HeaderValue, Transport)>,
    /// Done when the log says that nothing is known about the transport.
    reported: Arc<OnceLock<()>>,
}

impl Fields {
    fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.fixed.retain(|(known, _)| *known != name);
        self.fixed.push((name, value));
    }

    fn remove(&mut self, name: &HeaderName) {
        self.fixed.retain(|(known, _)| known != name);
        self.with_nonce.retain(|(known, _)| known != name);
        if *name == REPORTING_ENDPOINTS {
            self.endpoints.clear();
        } else if self
            .endpoints
            .iter()
            .any(|endpoint| endpoint.policy == *name)
        {
            self.endpoints.retain(|endpoint| endpoint.policy != *name);
            self.write_endpoints();
        }
    }

    /// A dictionary of names and URLs (RFC 9651, section 3.2), each of which is listed once.
    fn write_endpoints(&mut self) {
        let mut members: Vec<_> = self
            .endpoints
            .iter()
            .map(|Endpoint { name, url, .. }| format!("{name}=\"{url}\""))
            .collect();
        members.dedup();
        self.fixed
            .retain(|(known, _)| *known != REPORTING_ENDPOINTS);
        // Names and URLs are visible ASCII.
        if !members.is_empty()
            && let Ok(list) = HeaderValue::try_from(members.join(", "))
        {
            self.fixed.push((REPORTING_ENDPOINTS, list));
        }
    }
}

/// A name and a URL for the reports of a policy.
#[derive(Clone)]
struct Endpoint {
    /// The field of the policy.
    policy: HeaderName,
    name: String,
    url: String,
}

impl SecurityHeaders {
    /// For responses that are not pages, such as JSON. The [page](super) says why each field has its value:
    ///
    /// - `Content-Security-Policy: default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors
    ///   'none'`
    /// - `X-Frame-Options: DENY`
    /// - `X-Content-Type-Options: nosniff`
    /// - `Referrer-Policy: no-referrer`
    /// - `Cross-Origin-Resource-Policy: same-origin`
    pub fn api() -> Self {
        Self::only(&ContentSecurityPolicy::nothing())
            .referrer_policy(ReferrerPolicy::NoReferrer)
            .resource_policy(ResourcePolicy::SameOrigin)
    }

    /// For pages. The [page](super) says why each field has its value:
    ///
    /// - `Content-Security-Policy:` [`html_policy`](Self::html_policy)
    /// - `X-Frame-Options: DENY`
    /// - `X-Content-Type-Options: nosniff`
    /// - `Referrer-Policy: strict-origin-when-cross-origin`
    /// - `Cross-Origin-Opener-Policy: same-origin`
    /// - `Cross-Origin-Resource-Policy: same-origin`
    /// - `Permissions-Policy: camera=(), geolocation=(), microphone=(), payment=(), usb=()`
    pub fn html() -> Self {
        let denied = HeaderValue::from_static(
            "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        );
        Self::only(&Self::html_policy())
            .referrer_policy(ReferrerPolicy::StrictOriginWhenCrossOrigin)
            .opener_policy(OpenerPolicy::SameOrigin)
            .resource_policy(ResourcePolicy::SameOrigin)
            .set(PERMISSIONS_POLICY, denied)
    }

    /// The policy of [`html`](Self::html), to be changed: everything comes from the origin of the page,
    /// nothing is inline, and no page shows this one in a frame.
    ///
    /// `default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none';
    /// img-src 'self' data:`
    pub fn html_policy() -> ContentSecurityPolicy {
        let own = || [Source::this_origin()];
        ContentSecurityPolicy::nothing()
            .default_src(own())
            .form_action(own())
            .object_src([])
            .img_src([Source::this_origin(), Source::data()])
    }

    /// With a policy that is known to be valid.
    fn only(policy: &ContentSecurityPolicy) -> Self {
        let none = Self {
            fields: Arc::default(),
            nonces: PhantomData,
        };
        let nosniff = HeaderValue::from_static("nosniff");
        let none = none.set(header::X_CONTENT_TYPE_OPTIONS, nosniff);
        let empty = none.clone();
        none.content_security_policy(policy).unwrap_or(empty)
    }
}

impl<N: NonceUse> SecurityHeaders<N> {
    /// `Content-Security-Policy`. `X-Frame-Options` becomes `DENY` or `SAMEORIGIN`, as `frame-ancestors`
    /// says, and is not sent if that names origins.
    ///
    /// # Errors
    ///
    /// A directive has a source that it can't have: `frame-ancestors`, `base-uri` and `form-action` have no
    /// nonces, hashes and `'unsafe-..'` keywords. Or the other policy sends its reports to another URL under
    /// the same name.
    pub fn content_security_policy<M: NonceUse>(
        self,
        policy: &ContentSecurityPolicy<M>,
    ) -> Result<SecurityHeaders<N::Or<M>>, ConfigError> {
        let frame_options = match policy.ancestors() {
            Some([]) => Some(HeaderValue::from_static("DENY")),
            Some([only]) if *only == Source::this_origin() => {
                Some(HeaderValue::from_static("SAMEORIGIN"))
            }
            _ => None,
        };
        let headers = match frame_options {
            Some(value) => self.set(header::X_FRAME_OPTIONS, value),
            None => self.without(&header::X_FRAME_OPTIONS),
        };
        headers.policy(header::CONTENT_SECURITY_POLICY, policy)
    }

    /// `Content-Security-Policy-Report-Only`: what this policy would block is reported, and not blocked. It
    /// is sent beside the other one.
    ///
    /// # Errors
    ///
    /// As for [`content_security_policy`](Self::content_security_policy), or the policy has no
    /// [`report_to`](ContentSecurityPolicy::report_to), so that nobody would learn of it.
    pub fn report_only<M: NonceUse>(
        self,
        policy: &ContentSecurityPolicy<M>,
    ) -> Result<SecurityHeaders<N::Or<M>>, ConfigError> {
        if policy.report.is_none() {
            return Err(super::csp::error(
                "a policy that only reports needs `.report_to(..)`",
            ));
        }
        self.policy(header::CONTENT_SECURITY_POLICY_REPORT_ONLY, policy)
    }

    fn policy<M: NonceUse>(
        self,
        name: HeaderName,
        policy: &ContentSecurityPolicy<M>,
    ) -> Result<SecurityHeaders<N::Or<M>>, ConfigError> {
        let template = policy.template()?;
        let mut headers = self.without(&name);
        if let Some((endpoint, url)) = &policy.report {
            headers = headers.report(name.clone(), endpoint, url)?;
        }
        let headers = match template.fixed()? {
            Some(value) => headers.set(name, value),
            None => headers.change(|fields| fields.with_nonce.push((name, template))),
        };
        Ok(SecurityHeaders {
            fields: headers.fields,
            nonces: PhantomData,
        })
    }
}

impl<N> SecurityHeaders<N> {
    /// Adds where a policy sends its reports.
    fn report(self, policy: HeaderName, name: &str, url: &str) -> Result<Self, ConfigError> {
        let endpoints = &self.fields.endpoints;
        if let Some(other) = endpoints
            .iter()
            .find(|other| other.name == name && other.url != url)
        {
            return Err(super::csp::error(format!(
                "`{}` and `{policy}` send their reports to different URLs under the same name, `{name}`: \
                 give one of the endpoints another name",
                other.policy
            )));
        }
        let endpoint = Endpoint {
            policy,
            name: name.to_owned(),
            url: url.to_owned(),
        };
        Ok(self.change(|fields| {
            fields.endpoints.push(endpoint);
            fields.write_endpoints();
        }))
    }

    /// `Strict-Transport-Security`, on responses to requests that came over TLS.
    ///
    /// The field must not be sent over plain `http` (RFC 6797, section 7.2), and only the [`Transport`]
    /// knows what a request came over.
    pub fn hsts(self, hsts: Hsts, transport: Transport) -> Self {
        // Digits and names of directives.
        let value = HeaderValue::try_from(hsts.to_string()).ok();
        self.change(|fields| fields.hsts = value.map(|value| (value, transport)))
    }

    /// `Referrer-Policy`.
    pub fn referrer_policy(self, policy: ReferrerPolicy) -> Self {
        self.set(header::REFERRER_POLICY, policy.value())
    }

    /// `Permissions-Policy`. An empty policy leaves the field out.
    pub fn permissions_policy(self, policy: &PermissionsPolicy) -> Self {
        match HeaderValue::try_from(policy.to_string()) {
            Ok(value) if !value.is_empty() => self.set(PERMISSIONS_POLICY, value),
            _ => self.without(&PERMISSIONS_POLICY),
        }
    }

    /// `Cross-Origin-Opener-Policy`.
    pub fn opener_policy(self, policy: OpenerPolicy) -> Self {
        self.set(CROSS_ORIGIN_OPENER_POLICY, policy.value())
    }

    /// `Cross-Origin-Embedder-Policy`.
    pub fn embedder_policy(self, policy: EmbedderPolicy) -> Self {
        self.set(CROSS_ORIGIN_EMBEDDER_POLICY, policy.value())
    }

    /// `Cross-Origin-Resource-Policy`.
    pub fn resource_policy(self, policy: ResourcePolicy) -> Self {
        self.set(CROSS_ORIGIN_RESOURCE_POLICY, policy.value())
    }

    /// Leaves a field out.
    pub fn without(self, name: &HeaderName) -> Self {
        self.change(|fields| {
            fields.remove(name);
            if *name == header::STRICT_TRANSPORT_SECURITY {
                fields.hsts = None;
            }
        })
    }

    fn set(self, name: HeaderName, value: HeaderValue) -> Self {
        self.change(|fields| fields.set(name, value))
    }

    fn change(mut self, change: impl FnOnce(&mut Fields)) -> Self {
        change(Arc::make_mut(&mut self.fields));
        self
    }

    fn described(&self) -> Description {
        let fields = &*self.fields;
        let fixed = fields.fixed.iter().map(|(name, _)| name);
        let with_nonce = fields.with_nonce.iter().map(|(name, _)| name);
        let all = fixed.chain(with_nonce).cloned();
        let hsts = fields
            .hsts
            .as_ref()
            .map(|_| header::STRICT_TRANSPORT_SECURITY);
        all.chain(hsts)
            .fold(Description::new(NAME), Description::field)
    }

    /// Sets what the handler has not set itself.
    fn apply<R>(&self, Noted { nonce, is_secure }: Noted, response: &mut Response<R>) {
        let has_content = response.status() != StatusCode::NOT_MODIFIED;
        let headers = response.headers_mut();
        let Fields {
            fixed,
            with_nonce,
            hsts,
            ..
        } = &*self.fields;
        for (name, value) in fixed {
            if !headers.contains_key(name) {
                headers.insert(name.clone(), value.clone());
            }
        }
        for (name, template) in with_nonce {
            // The elements of the page that the client has stored have another nonce.
            if has_content
                && !headers.contains_key(name)
                && let Some(value) = nonce.and_then(|nonce| template.fill(nonce))
            {
                headers.insert(name.clone(), value);
            }
        }
        if let Some((value, _)) = hsts
            && is_secure
            && !headers.contains_key(header::STRICT_TRANSPORT_SECURITY)
        {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, value.clone());
        }
    }

    fn is_secure<B>(&self, request: &Request<B>) -> bool {
        let Some((_, transport)) = &self.fields.hsts else {
            return false;
        };
        transport.is_secure(request).unwrap_or_else(|missing| {
            self.fields.reported.get_or_init(|| {
                report_set_up(NAME, "never sends `Strict-Transport-Security`", missing);
            });
            false
        })
    }
}

/// What a request says about its response.
#[derive(Clone, Copy, Debug)]
pub struct Noted {
    nonce: Option<CspNonce>,
    is_secure: bool,
}

/// What differs between policies with a nonce and those without.
macro_rules! place {
    ($nonce:ty, $provides:ty) => {
        impl Place for SecurityHeaders<$nonce> {
            type Stage = stage::Present;
            type Provides = $provides;
            type Needs = ();

            fn name(&self) -> &'static str {
                NAME
            }

            fn describe(&self) -> Description {
                self.described()
            }
        }
    };
}
place!(NoNonce, ());
place!(NoncePerRequest, Always<CspNonce>);

impl<B> Middleware<B> for SecurityHeaders {
    type Carry = Noted;

    fn before(&self, request: Request<B>) -> Later<Step<B, Noted>> {
        let noted = Noted {
            nonce: None,
            is_secure: self.is_secure(&request),
        };
        Step::next(request, noted)
    }

    fn after<R: ReplyBody>(&self, noted: Noted, response: &mut Response<R>) {
        self.apply(noted, response);
    }
}

impl<B> Middleware<B> for SecurityHeaders<NoncePerRequest> {
    type Carry = Noted;

    fn before(&self, mut request: Request<B>) -> Later<Step<B, Noted>> {
        let nonce = match CspNonce::new() {
            Ok(nonce) => nonce,
            Err(error) => return Step::reply(Problem::internal(error)),
        };
        // Two layers with a nonce: the handler prints the one of the inner policy, which is applied first.
        request.extensions_mut().insert(nonce);
        let noted = Noted {
            nonce: Some(nonce),
            is_secure: self.is_secure(&request),
        };
        Step::next(request, noted)
    }

    fn after<R: ReplyBody>(&self, noted: Noted, response: &mut Response<R>) {
        self.apply(noted, response);
    }
}

impl<N> Clone for SecurityHeaders<N> {
    fn clone(&self) -> Self {
        Self {
            fields: Arc::clone(&self.fields),
            nonces: PhantomData,
        }
    }
}

/// The names of the fields.
impl<N> fmt::Debug for SecurityHeaders<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let description = self.described();
        let names = description.fields().iter().map(HeaderName::as_str);
        f.write_str("SecurityHeaders")?;
        f.debug_list().entries(names).finish()
    }
}
