//! How layers become a stack, and how a stack is extended.

use axum::{Router, body::Body, routing::get};
use http::{Method, Request, StatusCode};
use tower::{ServiceExt, layer::util::Identity};
use wythe::{
    CacheControl, ClientIp, ClientIpSource, Cors, Describe, Hosts, IpFilter, PeerAddr, assume,
    compose, layer, with, with_body_adapter, with_cache_control, with_client_ip, with_cors,
    with_hosts, with_ip_filter, with_methods, with_presentation,
};

use crate::common::tenancy::{Tenancy, Tenant};

fn names(stack: &wythe::Stack<impl Describe>) -> Vec<String> {
    let rows = stack.describe().into_iter();
    rows.map(|(_, layer)| layer.name().to_owned()).collect()
}

fn cors() -> wythe::With<Cors> {
    with_cors(Cors::any())
}

fn no_store() -> wythe::With<wythe::cache_control::Caching> {
    with_cache_control(CacheControl::no_store())
}

fn hosts() -> wythe::With<Hosts> {
    with_hosts(Hosts::list(["example.com"]).unwrap())
}

fn peer() -> wythe::With<ClientIpSource> {
    with_client_ip(ClientIpSource::peer())
}

#[test]
fn one_layer_needs_no_tuple() {
    assert_eq!(names(&compose(cors())), ["with_cors"]);
    assert_eq!(names(&compose(with_presentation())), ["with_presentation"]);
    let sometimes = with_methods([Method::GET]).when(|_| true);
    assert_eq!(names(&compose(sometimes)), ["with_methods.when(..)"]);
    assert_eq!(names(&compose(layer(Identity::new()))), ["Identity"]);
    let assumed = compose(assume::<ClientIp>());
    assert_eq!(names(&assumed), ["assume ClientIp"]);
    assert_eq!(names(&compose(compose((cors(), no_store())))).len(), 2);
    assert_eq!(names(&compose(())), [""; 0]);
}

#[test]
fn an_added_layer_goes_inside_those_of_its_stage_and_of_earlier_stages() {
    let base = || compose((cors(), peer(), with_methods([Method::GET]), no_store()));
    let cases = [
        (
            "in the middle",
            names(&base().with(with_presentation())),
            "with_cors with_presentation with_client_ip with_methods with_cache_control",
        ),
        (
            "same stage",
            names(&base().with(with_ip_filter(IpFilter::deny(["192.0.2.0/24"]).unwrap()))),
            "with_cors with_client_ip with_ip_filter with_methods with_cache_control",
        ),
        (
            "innermost",
            names(&base().with(no_store())),
            "with_cors with_client_ip with_methods with_cache_control with_cache_control",
        ),
        (
            "outermost",
            names(&compose((peer(), no_store())).with(cors())),
            "with_cors with_client_ip with_cache_control",
        ),
        (
            "no stage",
            names(&base().with(with_body_adapter())),
            "with_cors with_client_ip with_methods with_cache_control with_body_adapter",
        ),
        (
            "up to a stage",
            names(&base().with(hosts())),
            "with_cors with_client_ip with_hosts with_methods with_cache_control",
        ),
        (
            "inside a layer up to a stage",
            names(&compose((hosts(), no_store())).with((cors(), peer()))),
            "with_hosts with_cors with_client_ip with_cache_control",
        ),
        (
            "into nothing",
            names(&compose(()).with(cors())),
            "with_cors",
        ),
        (
            "several at once",
            names(&compose(with_methods([Method::GET])).with((cors(), peer(), no_store()))),
            "with_cors with_client_ip with_methods with_cache_control",
        ),
        (
            "another stack",
            names(&compose(peer()).with(compose((cors(), no_store())))),
            "with_cors with_client_ip with_cache_control",
        ),
    ];
    for (name, found, expected) in cases {
        assert_eq!(found.join(" "), expected, "{name}");
    }
}

#[test]
fn an_added_layer_goes_inside_the_layers_without_a_stage_that_follow_its_stage() {
    let base = compose((
        cors(),
        assume::<ClientIp>(),
        layer(Identity::new()),
        no_store(),
    ));
    // What it needs is assumed by that layer, so it must be further in.
    let filter = with_ip_filter(IpFilter::deny(["192.0.2.0/24"]).unwrap());
    assert_eq!(
        names(&base.with(filter)).join(" "),
        "with_cors assume ClientIp Identity with_ip_filter with_cache_control"
    );
}

#[tokio::test]
async fn a_handler_gets_what_an_added_layer_provides() {
    async fn handler(tenant: Tenant, ClientIp(ip): ClientIp) -> String {
        format!("{} from {ip}", tenant.0)
    }
    let base = compose((with_presentation(), no_store()));
    let stack = base.clone().with(with(Tenancy)).with(peer());
    let app = Router::new()
        .route("/", get(stack.handler(handler)))
        .route("/base", get(base.handler(async || "base")));

    let mut request = Request::get("/").header("x-tenant", "acme");
    let peer = PeerAddr("203.0.113.9:1".parse().unwrap());
    request.extensions_mut().unwrap().insert(peer);
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap());
    let response = crate::common::read(response.await.unwrap()).await;
    assert_eq!(response.body(), "acme from 203.0.113.9");
    assert_eq!(response.headers()["cache-control"], "no-store");

    let request = Request::get("/base").body(Body::empty()).unwrap();
    assert_eq!(app.oneshot(request).await.unwrap().status(), StatusCode::OK);
}
