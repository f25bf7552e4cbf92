//! Responses for hyper and tower: JSON, no content, and redirects that lead only to allowed targets.
//!
//! The functions return a [`Response`] of any body that is made from [`Bytes`], such as
//! `http_body_util::Full<Bytes>` or [`Body`](crate::Body); with axum, return its own `Json`. An error
//! is a [`Problem`], which [`Stack::service_fn`](crate::Stack::service_fn) accepts directly.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Method, Request, Response, StatusCode};
//! use http_body_util::Full;
//! use wythe::{CacheControl, Problem, compose, response, with_cache_control};
//!
//! #[derive(serde::Serialize)]
//! struct User {
//!     id: u64,
//! }
//!
//! async fn users(request: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, Problem> {
//!     match *request.method() {
//!         Method::GET => response::json(StatusCode::OK, &User { id: 7 }),
//!         Method::DELETE => Ok(response::no_content()),
//!         _ => Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED)),
//!     }
//! }
//!
//! let service = compose(with_cache_control(CacheControl::no_store())).service_fn(users);
//! ```

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::{
    ConfigError, Problem,
    field::{origin::Origin, origin_list::OriginList},
};

const NAME: &str = "Redirects";

/// A response with this value in JSON.
///
/// # Errors
///
/// A 500 if the value can't be written: a map with keys that are not strings, for example. The cause
/// goes to the log.
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use http::{Response, StatusCode, header};
///
/// let response: Response<Bytes> = wythe::response::json(StatusCode::CREATED, &[1, 2])?;
/// assert_eq!(response.status(), StatusCode::CREATED);
/// assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
/// assert_eq!(response.body(), "[1,2]");
/// # Ok::<(), wythe::Problem>(())
/// ```
pub fn json<B: From<Bytes>>(
    status: StatusCode,
    value: &(impl Serialize + ?Sized),
) -> Result<Response<B>, Problem> {
    let json = serde_json::to_vec(value).map_err(Problem::internal)?;
    let mut response = Response::new(B::from(Bytes::from(json)));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    Ok(response)
}

/// 204: done, and there is no content (RFC 9110, section 15.3.5).
#[must_use]
pub fn no_content<B: From<Bytes>>() -> Response<B> {
    empty(StatusCode::NO_CONTENT)
}

fn empty<B: From<Bytes>>(status: StatusCode) -> Response<B> {
    let mut response = Response::new(B::from(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// Redirects to paths of this site, and to the origins of a list.
///
/// A target often comes from the client (`?next=/orders`). If it may lead anywhere, a link to a trusted
/// site can lead to another site (CWE-601).
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use http::{Response, header};
/// use wythe::response::Redirects;
///
/// let redirects = Redirects::within_site().and_to(["https://id.example.com"])?;
///
/// let response: Response<Bytes> = redirects.see_other("/orders?page=2").unwrap();
/// assert_eq!(response.headers()[header::LOCATION], "/orders?page=2");
///
/// assert!(redirects.see_other::<Bytes>("https://id.example.com/login").is_ok());
/// assert!(redirects.see_other::<Bytes>("https://id.example.com.attacker.example").is_err());
/// assert!(redirects.see_other::<Bytes>("//attacker.example").is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
///
/// # Security
///
/// A target is a path that starts with a single `/`, or a URL whose origin is in the list. Browsers
/// take `\` for `/` and skip tabs and line breaks (URL Standard, section 4.4), so a target with a `\`, a
/// space or a control character is rejected. Other characters that a URI can't have are
/// percent-encoded.
///
/// # Responses
///
/// | status | when |
/// |---|---|
/// | 303, 307, 308 | the target is allowed |
/// | 400 | it is not |
#[derive(Clone, Debug)]
#[must_use]
pub struct Redirects {
    origins: OriginList,
}

impl Redirects {
    /// Redirects only to paths of this site.
    pub fn within_site() -> Self {
        Self {
            origins: OriginList::default(),
        }
    }

    /// Also allows URLs of these origins: `https://id.example.com`.
    ///
    /// # Errors
    ///
    /// A text is not an origin as browsers write it.
    pub fn and_to<O: AsRef<str>>(
        mut self,
        origins: impl IntoIterator<Item = O>,
    ) -> Result<Self, ConfigError> {
        for text in origins {
            let text = text.as_ref();
            let invalid =
                |fault: &str| ConfigError::new(NAME, format!("invalid origin `{text}`: {fault}"));
            Origin::parse_exact(text).map_err(|fault| invalid(&fault))?;
            let added = self.origins.add(text);
            added.map_err(|_not_ascii| invalid("not visible ASCII"))?;
        }
        Ok(self)
    }

    /// 303: the client gets this target, with `GET` (RFC 9110, section 15.4.4). It is the usual answer
    /// to a form.
    ///
    /// # Errors
    ///
    /// A 400 if the target is not allowed.
    pub fn see_other<B: From<Bytes>>(&self, target: &str) -> Result<Response<B>, Problem> {
        self.redirect(StatusCode::SEE_OTHER, target)
    }

    /// 307: the client sends the same request to this target, this time only (RFC 9110, section
    /// 15.4.8).
    ///
    /// # Errors
    ///
    /// A 400 if the target is not allowed.
    pub fn temporary<B: From<Bytes>>(&self, target: &str) -> Result<Response<B>, Problem> {
        self.redirect(StatusCode::TEMPORARY_REDIRECT, target)
    }

    /// 308: the client sends the same request to this target, from now on (RFC 9110, section 15.4.9).
    /// Caches keep it.
    ///
    /// # Errors
    ///
    /// A 400 if the target is not allowed.
    pub fn permanent<B: From<Bytes>>(&self, target: &str) -> Result<Response<B>, Problem> {
        self.redirect(StatusCode::PERMANENT_REDIRECT, target)
    }

    fn redirect<B: From<Bytes>>(
        &self,
        status: StatusCode,
        target: &str,
    ) -> Result<Response<B>, Problem> {
        let location = self.location(target).ok_or_else(|| {
            Problem::new(StatusCode::BAD_REQUEST)
                .reason("redirect_target")
                .detail(
                    "The target of the redirect must be a path of this site or a URL of an allowed \
                     origin.",
                )
        })?;
        let mut response = empty(status);
        response.headers_mut().insert(header::LOCATION, location);
        Ok(response)
    }

    /// The value of `Location`; `None` if the target is not allowed.
    fn location(&self, target: &str) -> Option<HeaderValue> {
        let is_odd = |char: char| char == '\\' || char.is_whitespace() || char.is_control();
        if target.contains(is_odd) {
            return None;
        }
        let is_path = target.starts_with('/') && !target.starts_with("//");
        if !is_path && !self.has_origin_of(target) {
            return None;
        }
        HeaderValue::try_from(percent_encoded(target)).ok()
    }

    fn has_origin_of(&self, url: &str) -> bool {
        let Some((scheme, rest)) = url.split_once("://") else {
            return false;
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let origin = url.get(..scheme.len() + "://".len() + authority.len());
        origin.is_some_and(|origin| self.origins.find(origin.as_bytes()).is_some())
    }
}

/// The text without characters that a URI can't have (RFC 3986, section 2).
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_ascii_graphic() && !matches!(char, '"' | '<' | '>' | '^' | '`' | '{' | '|' | '}')
        {
            encoded.push(char);
            continue;
        }
        let mut bytes = [0; 4];
        for byte in char.encode_utf8(&mut bytes).bytes() {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{Response, StatusCode, header};
    use proptest::prelude::*;

    use super::{Redirects, json, no_content};

    fn redirects() -> Redirects {
        let redirects = Redirects::within_site();
        redirects
            .and_to(["https://id.example.com", "http://localhost:5173"])
            .unwrap()
    }

    fn location(target: &str) -> Option<String> {
        let response: Response<Bytes> = redirects().see_other(target).ok()?;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        assert!(response.body().is_empty());
        let location = response.headers()[header::LOCATION].to_str().unwrap();
        Some(location.to_owned())
    }

    #[test]
    fn a_redirect_leads_to_a_path_or_to_a_listed_origin() {
        for target in [
            "/",
            "/orders?next=https://other.example#top",
            "/a//b",
            "/..//other.example",
            "https://id.example.com",
            "https://id.example.com/login?a=b",
            "https://id.example.com?a=b",
            "https://id.example.com#top",
            "HTTPS://ID.example.com/",
            "http://localhost:5173/",
        ] {
            assert_eq!(location(target).as_deref(), Some(target));
        }
        assert_eq!(location("/\u{e9}<a>").unwrap(), "/%C3%A9%3Ca%3E");
        for target in [
            "",
            "orders",
            "?page=2",
            "//other.example",
            "///other.example",
            "/\\other.example",
            "\\\\other.example",
            "/\t/other.example",
            "/\n/other.example",
            "/\r\nSet-Cookie: a=b",
            " //other.example",
            "/ a",
            "/\u{a0}",
            "/\u{85}",
            "https:other.example",
            "https:/other.example",
            "https:///id.example.com",
            "https://other.example",
            "https://id.example.com.other.example",
            "https://id.example.com@other.example",
            "https://id.example.com:443@other.example",
            "https://user@id.example.com",
            "https://id.example.com\\@other.example",
            "https://id.example.com:8443",
            "http://id.example.com",
            "http://localhost",
            "javascript:alert(1)",
            "javascript://id.example.com/%0aalert(1)",
            "data:text/html,a",
        ] {
            assert_eq!(location(target), None, "{target:?}");
        }
    }

    #[test]
    fn the_status_is_that_of_the_function() {
        let redirects = redirects();
        let temporary: Response<Bytes> = redirects.temporary("/").unwrap();
        assert_eq!(temporary.status(), StatusCode::TEMPORARY_REDIRECT);
        let permanent: Response<Bytes> = redirects.permanent("/").unwrap();
        assert_eq!(permanent.status(), StatusCode::PERMANENT_REDIRECT);
        let refused = redirects.permanent::<Bytes>("//a").unwrap_err();
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
        let error = Redirects::within_site()
            .and_to(["https://a.example/"])
            .unwrap_err();
        assert!(error.to_string().contains("`https://a.example/`"));
    }

    #[test]
    fn a_value_that_cannot_be_serialized_is_a_500() {
        let odd = std::collections::BTreeMap::from([((1, 2), 3)]);
        let problem = json::<Bytes>(StatusCode::OK, &odd).unwrap_err();
        assert_eq!(problem.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(problem.cause().is_some());
        let response: Response<Bytes> = no_content();
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
    }

    proptest! {
        /// As a browser resolves it: without tabs and line breaks, with `\` as `/`.
        #[test]
        fn no_redirect_leaves_the_site(target in "[/\\\\a:.@?#\\t\\n é-]{0,8}(//)?[a-z/.]{0,6}") {
            let found = Redirects::within_site().see_other::<Bytes>(&target);
            if let Ok(response) = found {
                let location = response.headers()[header::LOCATION].to_str().unwrap();
                let seen: String = location.chars().filter(|char| !"\t\r\n".contains(*char)).collect();
                let seen = seen.replace('\\', "/");
                prop_assert!(seen.starts_with('/') && !seen.starts_with("//"));
            }
        }
    }
}
