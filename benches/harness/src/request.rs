//! The request that every benchmark sends: a small JSON body, an origin, a token.

use axum::{
    body::Bytes,
    http::{HeaderValue, Method, Request, header, request::Builder},
};

/// The origin that browsers send.
pub const ORIGIN: &str = "https://app.example.com";
/// The issuer of the tokens.
pub const ISSUER: &str = "https://id.example.com";
/// The audience of the tokens.
pub const AUDIENCE: &str = "api";
/// The key that signs the tokens.
pub const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// A user to be created, in 57 bytes.
const USER: &str = r#"{"name":"Ada Lovelace","email":"ada@example.com","age":36}"#;
/// The same user, too young.
const CHILD: &str = r#"{"name":"Ada Lovelace","email":"ada@example.com","age":12}"#;

/// `Bearer` and a token, signed by HS256 with [`SECRET`], of the claims `{"sub":"7",
/// "iss":"https://id.example.com","aud":"api","exp":4102444800}`.
const CREDENTIALS: &str = "Bearer \
    eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
    eyJzdWIiOiI3IiwiaXNzIjoiaHR0cHM6Ly9pZC5leGFtcGxlLmNvbSIsImF1ZCI6ImFwaSIsImV4cCI6NDEwMjQ0NDgwMH0.\
    cwgtUTFuGgWTR8MgM123aXpgHHQt9uB4Xyz30b9Vr54";

/// The request that is accepted.
#[must_use]
pub fn create_user() -> Request<Bytes> {
    post(CREDENTIALS, USER)
}

/// A request whose token is signed with another key.
#[must_use]
pub fn with_forged_token() -> Request<Bytes> {
    const FORGED: &str = "Bearer \
        eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
        eyJzdWIiOiI3IiwiaXNzIjoiaHR0cHM6Ly9pZC5leGFtcGxlLmNvbSIsImF1ZCI6ImFwaSIsImV4cCI6NDEwMjQ0NDgwMH0.\
        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    post(FORGED, USER)
}

/// A request without a token.
#[must_use]
pub fn without_token() -> Request<Bytes> {
    from_browser(Method::POST)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Bytes::from_static(USER.as_bytes()))
        .expect("a request")
}

/// A request whose body violates one rule.
#[must_use]
pub fn with_broken_rule() -> Request<Bytes> {
    post(CREDENTIALS, CHILD)
}

/// The preflight request that a browser sends before the others.
#[must_use]
pub fn preflight() -> Request<Bytes> {
    from_browser(Method::OPTIONS)
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
        .header(
            header::ACCESS_CONTROL_REQUEST_HEADERS,
            "authorization,content-type",
        )
        .body(Bytes::new())
        .expect("a request")
}

fn post(credentials: &'static str, body: &'static str) -> Request<Bytes> {
    from_browser(Method::POST)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, HeaderValue::from_static(credentials))
        .body(Bytes::from_static(body.as_bytes()))
        .expect("a request")
}

fn from_browser(method: Method) -> Builder {
    Request::builder()
        .method(method)
        .uri("/users")
        .header(header::ORIGIN, HeaderValue::from_static(ORIGIN))
}
