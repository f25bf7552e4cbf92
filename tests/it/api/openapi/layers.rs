//! What each layer adds to the document, as stored in `layers.json` beside this file.
//! `GOLDEN=overwrite cargo test --all-features --test it -- api::openapi::layers` stores it again.

use std::{convert::Infallible, env, fs, time::Duration};

use bytes::Bytes;
use garde::Validate;
use http::{HeaderValue, Method};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use wythe::{
    Api, ApiKey, Basic, BodyLimit, CacheControl, ClientIpSource, Compression, ConcurrencyLimit,
    Conditional, Cors, Csrf, CsrfTokens, Decompression, Deprecation, Drain, ETag, Form, HasScopes,
    Hosts, HttpsOnly, Idempotency, IpFilter, Json, JsonOrForm, Jwks, Jwt, Languages, MediaTypes,
    Metrics, NoContent, Query, Quota, RequestIds, Scopes, SecurityHeaders, Sessions, Timeout,
    Trace, Transport, Versions,
    auth::{ApiKeyFormat, Authenticate as _, SessionKey},
    compose,
    webhook::{MemoryWebhookStore, WebhookScheme},
    with_auth, with_body_limit, with_cache_control, with_client_ip, with_compression,
    with_concurrency_limit, with_conditional, with_cors, with_csrf, with_decompression,
    with_deprecation, with_drain, with_hosts, with_https_only, with_idempotency, with_ip_filter,
    with_languages, with_load_shed, with_media_types, with_methods, with_metrics,
    with_presentation, with_presentation_as, with_rate_limit, with_raw_webhook, with_request_id,
    with_scopes, with_security_headers, with_timeout, with_trace, with_validation, with_version,
    with_webhook,
};

use super::assert_references_resolve;

const SECRET: &str = "thirty-two bytes of a secret, or more";
const WEBHOOK_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

#[derive(Clone, Deserialize)]
struct Claims {
    scopes: Vec<String>,
}

impl HasScopes for Claims {
    fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|granted| granted == scope)
    }
}

#[derive(Deserialize, Validate, JsonSchema)]
struct NewUser {
    #[garde(length(chars, min = 2))]
    name: String,
    #[serde(default)]
    #[garde(range(max = 150))]
    age: Option<u8>,
}

async fn nothing() -> NoContent {
    NoContent
}

/// The document of a route with one stack.
macro_rules! documents {
    ($($name:literal: $layers:expr,)*) => {{
        let mut documents = Map::new();
        $(
            let api = Api::<()>::new("Layers", "1.0.0")
                .documented()
                .put("/users/{id}", compose($layers).handler(nothing));
            let document = api.openapi().to_value();
            assert_references_resolve(&document);
            documents.insert($name.to_owned(), only_the_layer(document));
        )*
        documents
    }};
}

/// The operation and the components, without what every document has.
fn only_the_layer(mut document: Value) -> Value {
    let mut layer = document["paths"]["/users/{id}"]["put"].take();
    for name in ["operationId", "summary", "parameters"] {
        let members = layer.as_object_mut().unwrap();
        if name != "parameters" || members[name].as_array().unwrap().len() == 1 {
            members.remove(name);
        }
    }
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        schemas.remove("Problem");
        schemas.remove("InputError");
    }
    layer["components"] = document["components"].take();
    layer
}

#[test]
fn each_layer() {
    let jwt = || Jwt::<Claims>::hs256(SECRET).unwrap();
    let keys = || {
        let format = ApiKeyFormat::new("wy_live").unwrap();
        ApiKey::lookup_id(format, |_| None::<(_, Claims)>)
    };
    let mut documents = documents! {
        "with_presentation": with_presentation(),
        "with_presentation_as": (
            with_presentation_as(|_, _| (HeaderValue::from_static("text/plain"), Bytes::new())),
            with_load_shed(),
        ),
        "with_cors": with_cors(Cors::any().any_method()),
        "with_load_shed": with_load_shed(),
        "with_body_limit": with_body_limit(BodyLimit::bytes(1_000)),
        "with_body_limit, validation": (
            with_body_limit(BodyLimit::bytes(1_000).idle(Duration::from_secs(5)).unwrap()),
            with_validation::<Json<NewUser>>(),
        ),
        "with_decompression": with_decompression(Decompression::gzip()),
        "with_idempotency": with_idempotency(
            Idempotency::in_memory().by_peer().methods([Method::PUT]).unwrap(),
        ),
        "with_idempotency, required": with_idempotency(
            Idempotency::in_memory().by_peer().methods([Method::PUT]).unwrap().required(),
        ),
        "with_client_ip": with_client_ip(ClientIpSource::peer()),
        "with_ip_filter": with_ip_filter(IpFilter::deny(["192.0.2.0/24"]).unwrap().by_peer()),
        "with_methods": with_methods([Method::PUT]),
        "with_rate_limit": with_rate_limit(Quota::per_minute(10).by_peer().unwrap()),
        "with_concurrency_limit": with_concurrency_limit(ConcurrencyLimit::of(8).unwrap()),
        "with_csrf": with_csrf(Csrf::same_origin()),
        "with_csrf, tokens": with_csrf(
            Csrf::same_origin().fallback_token(CsrfTokens::new(SECRET).unwrap(), |_| None),
        ),
        "with_auth, jwt": with_auth(jwt()),
        "with_auth, jwt under another scheme": with_auth(jwt().scheme("Token").unwrap()),
        "with_auth, jwt in a cookie": with_auth(jwt().cookie("__Host-token").unwrap()),
        "with_auth, optional": with_auth(jwt()).optional(),
        "with_auth, basic": with_auth(
            Basic::verify("a", |_, _| async { Ok::<Option<Claims>, Infallible>(None) }).unwrap(),
        ),
        "with_auth, api key or jwt": with_auth(keys().either(jwt())),
        "with_auth, jwks": with_auth(
            Jwt::<Claims>::jwks(Jwks::discover("https://id.example.com").unwrap()).unwrap(),
        ),
        "with_auth, sessions": with_auth(
            Sessions::<String>::encrypted([SessionKey::new(SECRET).unwrap()]).unwrap(),
        ),
        "with_scopes": (
            with_auth(jwt().granting(["users:write", "users:admin"])),
            with_scopes(Scopes::all(["users:write", "users:admin"]).unwrap()),
        ),
        "with_scopes, any": (
            with_auth(jwt()),
            with_scopes(Scopes::any(["users:write", "users:admin"]).unwrap()),
        ),
        "with_validation, json": with_validation::<Json<NewUser>>(),
        "with_validation, form": with_validation::<Form<NewUser>>().max_body_bytes(100),
        "with_validation, json or form": with_validation::<JsonOrForm<NewUser>>(),
        "with_validation, query": with_validation::<Query<NewUser>>(),
        "with_validation, under a condition": with_validation::<Json<NewUser>>().when(|_| true),
        "with_webhook": with_webhook::<NewUser>(WebhookScheme::standard(WEBHOOK_SECRET).unwrap())
            .once(MemoryWebhookStore::default()),
        "with_raw_webhook": with_raw_webhook(WebhookScheme::slack(SECRET).unwrap()),
        "with_conditional": with_conditional(Conditional::new()),
        "with_conditional, required": with_conditional(
            Conditional::new().current(|_| Some(ETag::version(7))).require_precondition(),
        ),
        "with_cache_control": with_cache_control(
            CacheControl::public().max_age(Duration::from_secs(60)),
        ),
    };
    documents.extend(of_versions_and_operation());
    let found = format!("{:#}\n", Value::Object(documents));
    let path = "tests/it/api/openapi/layers.json";
    if env::var_os("GOLDEN").is_some_and(|value| value == "overwrite") {
        fs::write(path, &found).unwrap();
    }
    let stored = fs::read_to_string(path).unwrap();
    for (line, (found, stored)) in found.lines().zip(stored.lines()).enumerate() {
        assert_eq!(found, stored, "line {} of {path}", line + 1);
    }
    assert_eq!(found.len(), stored.len());
}

/// Versions, negotiation, and what an API needs in operation.
fn of_versions_and_operation() -> Map<String, Value> {
    documents! {
        "with_compression": with_compression(Compression::gzip().br()),
        "with_security_headers": with_security_headers(SecurityHeaders::api()),
        "with_hosts": with_hosts(Hosts::list(["api.example.com"]).unwrap()),
        "with_https_only": with_https_only(HttpsOnly::by(Transport::tls())),
        "with_https_only, redirect": with_https_only(
            HttpsOnly::by(Transport::tls()).redirect_to(["api.example.com"]).unwrap(),
        ),
        "with_timeout": with_timeout(Timeout::after(Duration::from_secs(10)).unwrap()),
        "with_timeout, gateway": with_timeout(
            Timeout::after(Duration::from_millis(1_500))
                .unwrap()
                .gateway()
                .retry_after(Duration::from_secs(1)),
        ),
        "with_timeout, twice": (
            with_timeout(Timeout::after(Duration::from_secs(30)).unwrap()),
            with_timeout(Timeout::after(Duration::from_secs(20)).unwrap()),
        ),
        "with_request_id": with_request_id(RequestIds::new()),
        "with_request_id, with_load_shed": (
            with_request_id(RequestIds::new()),
            with_load_shed(),
        ),
        "with_trace": with_trace(Trace::new()),
        "with_metrics": with_metrics(Metrics::new()),
        "with_drain": with_drain(Drain::new()),
        "with_version, path": with_version(Versions::by_path("", ["users"]).unwrap()),
        "with_version, field": with_version(Versions::by_field("api-version", ["1", "2"]).unwrap()),
        "with_version, field with a default": with_version(
            Versions::by_field("api-version", ["1", "2"])
                .and_then(|versions| versions.default_version("1"))
                .unwrap(),
        ),
        "with_version, media type": with_version(
            Versions::by_media_type("vnd.example", ["1", "2"]).unwrap(),
        ),
        "with_deprecation": with_deprecation(
            Deprecation::since("2023-07-01")
                .and_then(|old| old.sunset("2099-01-31"))
                .and_then(|old| old.successor("/v2/users"))
                .unwrap(),
        ),
        "with_deprecation, gone": with_deprecation(
            Deprecation::since("2023-07-01")
                .and_then(|old| old.sunset("2099-01-31"))
                .and_then(Deprecation::gone_after_sunset)
                .unwrap(),
        ),
        "with_media_types": with_media_types(
            MediaTypes::list(["application/json", "text/csv"]).unwrap(),
        ),
        "with_media_types, strict": with_media_types(
            MediaTypes::list(["application/json", "text/csv"]).unwrap().strict(),
        ),
        "with_languages": with_languages(Languages::list(["en", "de"]).unwrap()),
        "with_languages, strict": with_languages(Languages::list(["en", "de"]).unwrap().strict()),
    }
}
