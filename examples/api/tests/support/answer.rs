//! One answer, and what must hold of it.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Version};
use serde_json::Value;

use super::ORIGIN;

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

    /// The body as JSON; no answer of the API may hold a password or the hash of one.
    #[track_caller]
    pub fn json(&self) -> Value {
        let text = std::str::from_utf8(&self.body).expect("JSON is UTF-8");
        for secret in ["correct horse", "argon2", "password_hash"] {
            assert!(!text.contains(secret), "{text}");
        }
        serde_json::from_str(text).expect("the body is JSON")
    }

    /// A header field that must be there once.
    #[track_caller]
    pub fn field(&self, name: &str) -> &str {
        let mut values = self.headers.get_all(name).iter();
        let value = values
            .next()
            .unwrap_or_else(|| panic!("no {name}: {self:?}"));
        assert!(values.next().is_none(), "several {name}: {self:?}");
        value.to_str().expect("a field is text")
    }

    /// Checks that it is a refusal of this status as all of them must be: a problem (RFC 9457) that
    /// a page of the allowed origin can read. Returns its JSON.
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

    /// The token in the cookie that it sets.
    #[track_caller]
    pub fn token(self) -> String {
        let answer = self.is(200);
        let cookie = answer.field("set-cookie");
        let value = cookie.strip_prefix("token=").expect("the cookie's name");
        let attributes = "; HttpOnly; Path=/; Max-Age=604800; SameSite=Strict";
        let token = value.strip_suffix(attributes).expect("the attributes");
        token.to_owned()
    }
}
