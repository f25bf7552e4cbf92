//! Requests verified with fetched keys allocate no more than those verified with configured keys.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::Full;
use serde::Deserialize;
use tower::{Layer, ServiceExt, service_fn};
use wythe::{
    BoxError, Jwks, Jwt, JwtKey,
    auth::{FetchKeys, Fetched, JwtAlgorithm},
    with_auth,
};
use wythe_bench_harness::allocations;

/// RFC 7515, appendix A.3.
const KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
const BEARER: &str = "Bearer eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

#[derive(Clone, Deserialize)]
struct Claims {}

struct Given;

impl FetchKeys for Given {
    async fn fetch(&self, _: &Uri, _: usize) -> Result<Fetched, BoxError> {
        Ok(Fetched::new(format!(r#"{{"keys":[{KEY}]}}"#)))
    }
}

/// Allocations of one hundred requests.
async fn of(jwt: Jwt<Claims>) -> u64 {
    let now = || -> SystemTime { UNIX_EPOCH + Duration::from_secs(1_300_819_379) };
    let service = with_auth(jwt.clock(now)).layer(service_fn(async |_: Request<Full<Bytes>>| {
        Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
    }));
    let mut before = 0;
    for n in 0..200 {
        if n == 100 {
            before = allocations();
        }
        let request = Request::get("/").header("authorization", BEARER);
        let response = service
            .clone()
            .oneshot(request.body(Full::default()).unwrap());
        assert_eq!(response.await.unwrap().status(), StatusCode::OK);
    }
    allocations() - before
}

#[tokio::test]
async fn fetched_keys_allocate_nothing_per_request() {
    let given = JwtKey::jwk(JwtAlgorithm::ES256, KEY).unwrap();
    let given = of(Jwt::keys([given]).unwrap()).await;
    assert!(given >= 100, "nothing is counted");
    let keys = Jwks::url("https://id.example.com")
        .unwrap()
        .transport(Given);
    let fetched = of(Jwt::jwks(keys).unwrap()).await;
    assert_eq!(fetched, given);
}
