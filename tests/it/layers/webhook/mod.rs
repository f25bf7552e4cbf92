//! Webhooks: signatures of each sender, requests, and events that are handled once.

mod config;
mod once;
#[cfg(feature = "webhook-redis")]
mod redis;
mod requests;
mod schemes;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde::Deserialize;
use wythe::{ManualClock, webhook::WebhookScheme};

use crate::common::Body;

const STRIPE_SECRET: &str = "whsec_test_secret";

/// When the requests of these tests are sent, in seconds since 1970.
const NOW: u64 = 1_795_190_400;

#[derive(Clone, Debug, Deserialize, PartialEq)]
struct Event {
    id: String,
    #[serde(default)]
    amount: u64,
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn stripe() -> WebhookScheme {
    let scheme = WebhookScheme::stripe(STRIPE_SECRET).unwrap();
    scheme.clock(ManualClock::new(at(NOW)))
}

/// A request with this body, signed.
fn signed(scheme: &WebhookScheme, id: &str, body: &str) -> Request<Body> {
    let mut request = Request::new(Full::from(Bytes::from(body.to_owned())));
    *request.method_mut() = http::Method::POST;
    *request.headers_mut() = scheme.sign(id, at(NOW), body).unwrap();
    request
}
