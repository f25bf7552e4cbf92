//! Limits that count by what an `Api` knows of a request: its route, and the parameters of its path.

use std::convert::Infallible;

use axum::{Router, body::Body, response::Response, routing::get};
use http::Request;
use tower::Service;
use wythe::{
    Api, Quota, RateLimit, compose,
    key::{self, Key},
    with_rate_limit,
};

use super::call;

fn limited<K>(key: &K) -> (wythe::api::ApiService, Router)
where
    K: Key<Stage = wythe::stage::Throttle, Needs = ()> + Clone,
{
    let once = || {
        RateLimit::of([Quota::per_day(1)])
            .unwrap()
            .keyed(K::clone(key))
    };
    let api = || {
        let stack = compose(with_rate_limit(once()));
        let nested = Api::new("Nested", "1.0.0").get("/{id}", stack.handler(async || "ok"));
        Api::<()>::new("Limited", "1.0.0")
            .get("/users/{id}", stack.handler(async || "ok"))
            .post("/users/{id}", stack.handler(async || "ok"))
            .nest("/nested/{a}", nested)
    };
    (api().service(()).unwrap(), api().router(()).unwrap())
}

async fn statuses<T>(service: &T, cases: &[(&str, u16)])
where
    T: Service<Request<Body>, Response = Response, Error = Infallible> + Clone,
{
    for (line, status) in cases {
        assert_eq!(call(service, line).await.status(), *status, "{line}");
    }
}

#[tokio::test]
async fn a_limit_counts_by_a_parameter_of_the_path() {
    let (service, router) = limited(&key::path_param("id"));
    let cases = [
        ("GET /users/1", 200),
        ("GET /users/2", 200),
        ("GET /users/%31", 429),
        ("POST /users/1", 429),
        ("GET /nested/3/1", 429),
        ("GET /nested/1/3", 200),
        ("GET /nested/2/3", 429),
        ("GET /users/%ff", 400),
    ];
    statuses(&service, &cases).await;
    statuses(&router, &cases).await;
}

#[tokio::test]
async fn a_limit_counts_by_route() {
    let (service, router) = limited(&key::route());
    let cases = [
        ("GET /users/1", 200),
        ("GET /users/2", 429),
        ("HEAD /users/2", 429),
        ("POST /users/1", 200),
        ("GET /nested/1/1", 200),
        ("GET /nested/1/2", 429),
    ];
    statuses(&service, &cases).await;
    statuses(&router, &cases).await;
}

#[tokio::test]
async fn a_limit_around_an_api_knows_the_route_of_everything_inside() {
    let api = || {
        let by_route = RateLimit::of([Quota::per_day(1)]).unwrap().by_route();
        Api::<()>::new("Limited", "1.0.0")
            .around(compose(with_rate_limit(by_route)))
            .get("/users/{id}", compose(()).handler(async || "ok"))
            .public("a test", |open| {
                let files = Router::new().route("/{a}", get(async || "file"));
                open.service("/service/{id}", get(async || "ok").with_state(()))
                    .router("/files", files)
            })
            .not_found()
    };
    let cases = [
        ("GET /users/1", 200),
        ("GET /users/2", 429),
        ("PUT /users/1", 405),
        ("PUT /users/2", 429),
        ("GET /service/1", 200),
        ("GET /service/2", 429),
        ("GET /files/a", 200),
        ("GET /files/b", 429),
        ("GET /nothing", 404),
        ("GET /nothing/else", 429),
    ];
    statuses(&api().service(()).unwrap(), &cases).await;
    statuses(&api().router(()).unwrap(), &cases).await;
}

#[tokio::test]
async fn a_limit_around_an_api_knows_the_parameters_of_everything_inside() {
    let api = || {
        let by_id = RateLimit::of([Quota::per_day(1)])
            .unwrap()
            .by_path_param("id");
        Api::<()>::new("Limited", "1.0.0")
            .around(compose(with_rate_limit(by_id)))
            .get("/users/{id}", compose(()).handler(async || "ok"))
            .public("a test", |open| {
                let files = Router::new().route("/{a}", get(async || "file"));
                open.service("/service/{id}", get(async || "ok").with_state(()))
                    .router("/files/{id}", files)
            })
    };
    let cases = [
        ("GET /users/1", 200),
        ("PUT /users/1", 429),
        ("GET /service/1", 429),
        ("GET /service/2", 200),
        ("GET /files/2/a", 429),
        ("GET /files/3/a", 200),
        ("GET /files/3", 429),
    ];
    statuses(&api().service(()).unwrap(), &cases).await;
    statuses(&api().router(()).unwrap(), &cases).await;
}
