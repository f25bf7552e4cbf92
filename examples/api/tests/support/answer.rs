//! A response, and what must hold for it.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Version};
use serde_json::Value;

use super::ORIGIN;

/// The end of a `Set-Cookie` that removes a cookie.
pub const REMOVED: &str = "Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT";

#[derive(Debug)]
pub struct Answer {
    pub version: Version,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// Checks the status.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{body}");
        self
    }

    /// The body as JSON; no response of the API may contain a password or the hash of one.
    #[track_caller]
    pub fn json(&self) -> Value {
        let text = std::str::from_utf8(&self.body).expect("JSON is UTF-8");
        for secret in ["correct horse", "argon2", "password_hash"] {
            assert!(!text.contains(secret), "{text}");
        }
        serde_json::from_str(text).expect("the body is JSON")
    }

    /// A header field that must occur once.
    #[track_caller]
    pub fn field(&self, name: &str) -> &str {
        let mut values = self.headers.get_all(name).iter();
        let value = values
            .next()
            .unwrap_or_else(|| panic!("no {name}: {self:?}"));
        assert!(values.next().is_none(), "several {name}: {self:?}");
        value.to_str().expect("a field is text")
    }

    /// Checks that it is a refusal with this status, in the form that all must have: a problem (RFC
    /// 9457) that a page of the allowed origin can read. Returns its JSON.
    #[track_caller]
    pub fn refused(self, status: u16) -> Value {
        let answer = self.is(status);
        assert_eq!(answer.field("content-type"), "application/problem+json");
        assert_eq!(answer.field("access-control-allow-origin"), ORIGIN);
        assert_eq!(answer.field("access-control-allow-credentials"), "true");
        if status == 401 {
            assert!(
                answer
                    .field("www-authenticate")
                    .starts_with("Bearer realm=")
            );
        }
        let json = answer.json();
        assert_eq!(json["status"], status);
        assert!(
            json["type"].is_string() && json["title"].is_string(),
            "{json}"
        );
        json
    }

    /// The cookies that it sets after a login or a refresh, if their attributes are correct.
    #[track_caller]
    pub fn jar(&self) -> Jar {
        let attributes = "; HttpOnly; SameSite=Strict; Path=/; Max-Age=900";
        let access = self.cookie("token").strip_suffix(attributes);
        let (refresh, attributes) = self.cookie("refresh").split_once(';').expect("attributes");
        let before = "HttpOnly; SameSite=Strict; Path=/api/auth; Max-Age=";
        let max_age = attributes.trim_start().strip_prefix(before);
        Jar {
            access: access.expect("the attributes").to_owned(),
            refresh: refresh.to_owned(),
            lasts: max_age.expect("the attributes").parse().expect("seconds"),
        }
    }

    /// The one cookie with this name that it sets: its value and its attributes.
    #[track_caller]
    pub fn cookie(&self, name: &str) -> &str {
        let cookies = self.headers.get_all("set-cookie").iter();
        let mut found = cookies.filter_map(|cookie| {
            let (found, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            (found == name).then_some(rest)
        });
        let cookie = found
            .next()
            .unwrap_or_else(|| panic!("no {name}: {self:?}"));
        assert!(found.next().is_none(), "several {name}: {self:?}");
        cookie
    }

    /// Checks that it removes both cookies.
    #[track_caller]
    pub fn takes_cookies_back(&self) {
        for (name, path) in [("token", "/"), ("refresh", "/api/auth")] {
            let attributes = format!("; HttpOnly; SameSite=Strict; Path={path}; {REMOVED}");
            assert_eq!(self.cookie(name), attributes);
        }
    }

    /// Checks that it is the refusal to refresh a login that has ended.
    #[track_caller]
    pub fn has_ended(self) {
        self.takes_cookies_back();
        assert_eq!(self.field("www-authenticate"), r#"Bearer realm="api""#);
        let problem = self.refused(401);
        assert_eq!(problem["detail"], "This login has ended: log in again.");
    }

    /// The access token in the cookie that it sets.
    #[track_caller]
    pub fn token(self) -> String {
        self.is(200).jar().access
    }
}

/// The cookies of a browser that has logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jar {
    pub access: String,
    pub refresh: String,
    /// How many seconds the browser keeps the second cookie.
    pub lasts: u64,
}
