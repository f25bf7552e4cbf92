//! The page that shows an OpenAPI document.
//!
//! `PICTURES=overwrite cargo test -p wythe-browser-tests docs_page` takes the README's picture again.

use std::{env, fs};

use axum::{Json, Router, routing::get};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use wythe::{
    Api, Auth, Created, FinishedApi, Jwt, Path, Quota, Scopes, Valid,
    api::{DocsPage, openapi::Documented},
    compose, with_auth, with_rate_limit, with_scopes, with_validation,
};
use wythe_browser_tests::Browser;

use crate::{
    api::open_router,
    bank::{listen, serve},
    seen::Log,
};

const PICTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/docs_page.png");

#[derive(Clone, Deserialize)]
struct Claims {}

#[derive(Deserialize, Serialize, garde::Validate, JsonSchema)]
struct Order {
    /// What is ordered.
    #[garde(length(chars, min = 2, max = 50))]
    article: String,
    /// How many.
    #[garde(range(min = 1, max = 100))]
    amount: u32,
}

/// Lists the orders of a customer.
async fn list_orders(Auth(_): Auth<Claims>) -> Json<Vec<Order>> {
    Json(Vec::new())
}

async fn create_order(Auth(_): Auth<Claims>, order: Valid<wythe::Json<Order>>) -> Created<Order> {
    Created::at("/orders/1", order.into_inner().0)
}

async fn show_order(Auth(_): Auth<Claims>, Path(_): Path<u64>) -> Json<Option<Order>> {
    Json(None)
}

async fn health() -> Json<&'static str> {
    Json("healthy")
}

fn orders(page: DocsPage) -> FinishedApi<Auth<Claims>, (), Documented> {
    let jwt = Jwt::<Claims>::hs256("a secret of at least thirty-two bytes").unwrap();
    let jwt = jwt.issuer("https://id.example.com").audience("orders");
    let limit = with_rate_limit(Quota::per_minute(10).by_peer().unwrap());
    let read = compose((limit.clone(), with_auth(jwt.clone())));
    let write = compose((
        limit,
        with_auth(jwt),
        with_scopes(
            Scopes::all(["orders:write"])
                .unwrap()
                .by(|_: &Claims, _: &str| false),
        ),
        with_validation::<wythe::Json<Order>>(),
    ));
    Api::new("Orders", "1.0.0")
        .documented()
        .get(
            "/orders",
            read.handler(list_orders)
                .summary("Lists the orders of a customer")
                .tag("orders"),
        )
        .post(
            "/orders",
            write
                .handler(create_order)
                .summary("Creates an order")
                .tag("orders"),
        )
        .get(
            "/orders/{id}",
            read.handler(show_order)
                .summary("Shows an order")
                .tag("orders"),
        )
        .public("probes have no credentials", |open| {
            open.get(
                "/health",
                compose(())
                    .handler(health)
                    .summary("Whether the server is up")
                    .tag("probes"),
            )
        })
        .public("the documentation is public", |open| {
            open.docs_page("/docs", page)
        })
        .finish()
}

/// The origin of a server with the page and its document, at `/` and under `/v1`.
async fn serve_orders(page: DocsPage) -> String {
    let (listener, port) = listen().await;
    let api = orders(page.title("Orders API"));
    let document = api.openapi().to_value();
    let app = Router::new()
        .route("/openapi.json", get(async move || Json(document)))
        .merge(api.router(()).unwrap());
    serve(listener, app.clone().nest("/v1", app), &Log::default());
    format!("http://orders.localhost:{port}")
}

/// The operations that the page shows.
async fn operations(browser: &Browser) -> Vec<String> {
    let found = "
        const shown = [...document.querySelectorAll('.opblock-summary')];
        const line = operation => ['method', 'path', 'description']
            .map(part => operation.querySelector(`.opblock-summary-${part}`).innerText)
            .join(' ').replace(/\\u200b/g, '');
        return shown.length ? shown.map(line) : null;";
    browser.wait_for("the operations", found).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_all_operations_and_violates_no_policy() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let origin = serve_orders(DocsPage::new("../openapi.json")).await;
    for path in ["/docs", "/v1/docs/"] {
        browser.open(&format!("{origin}{path}")).await;
        let expected = [
            "GET /orders Lists the orders of a customer",
            "POST /orders Creates an order",
            "GET /orders/{id} Shows an order",
            "GET /health Whether the server is up",
        ];
        let mut shown = operations(&browser).await;
        shown.sort_by_key(|line| expected.iter().position(|expected| line == expected));
        assert_eq!(shown, expected, "{path}");
        let title: String = browser.run("return document.title", json!([])).await;
        assert_eq!(title, "Orders API");

        // Everything that it can unfold.
        let unfold = "
            for (const button of document.querySelectorAll('[aria-expanded=false]'))
                button.click();
            for (const button of document.querySelectorAll('.json-schema-2020-12-expand-deep-button'))
                button.click();
            const shown = document.querySelectorAll('.opblock-body').length;
            return shown == 4 && document.body.innerText.includes('How many.') ? shown : null;";
        browser.wait_for::<u32>("all details", unfold).await;
        let text = browser.text().await;
        for part in ["429", "x-rate-limit", "orders:write"] {
            assert!(text.contains(part), "{path}: {part} in {text}");
        }

        let requests = browser.requests().await;
        assert!(requests.len() > 5, "{requests:?}");
        for url in requests {
            assert!(url.starts_with(&origin), "{path}: {url}");
        }
        assert_eq!(browser.console().await, [""; 0], "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_can_try_an_operation_out() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let origin = serve_orders(DocsPage::new("/openapi.json")).await;
    browser.open(&format!("{origin}/docs#/probes/health")).await;
    for button in [".try-out__btn", ".execute"] {
        let there = format!("return document.querySelector('{button}') && true");
        browser.wait_for::<bool>(button, &there).await;
        browser.click(button).await;
    }
    let answer = "
        const got = document.querySelector('.live-responses-table .response');
        return got && got.innerText;";
    let answer: String = browser.wait_for("the answer", answer).await;
    assert!(
        answer.starts_with("200") && answer.contains("healthy"),
        "{answer}"
    );
    assert_eq!(browser.console().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_connects_only_to_allowed_origins() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let (listener, port) = listen().await;
    serve(listener, open_router(), &Log::default());
    let other = format!("http://other.localhost:{port}");
    let page = DocsPage::new("/openapi.json");
    let connected = page.clone().connect_to(&other).unwrap();
    for (page, is_allowed) in [(page, false), (connected, true)] {
        let origin = serve_orders(page).await;
        browser.open(&format!("{origin}/docs")).await;
        operations(&browser).await;
        let answer = browser.fetch(&format!("{other}/rates"), json!({})).await;
        assert_eq!(answer.is_withheld(), !is_allowed, "{answer:?}");
        let console = browser.console().await.join("\n");
        assert_eq!(
            console.contains("Content Security Policy"),
            !is_allowed,
            "{console}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_picture_in_the_readme_can_be_taken_again() {
    if env::var("PICTURES").as_deref() != Ok("overwrite") {
        return;
    }
    let Some(browser) = Browser::start().await else {
        return;
    };
    let origin = serve_orders(DocsPage::new("/openapi.json")).await;
    browser.open(&format!("{origin}/docs")).await;
    operations(&browser).await;
    browser.picture(1000, 1500).await;
    browser
        .click("#operations-orders-show_order .opblock-summary-control")
        .await;
    let tidy = "
        document.activeElement.blur();
        const there = document.querySelector('.opblock-body .response');
        if (!there || document.getAnimations().length) return null;
        document.documentElement.style.overflow = 'hidden';
        scrollTo(0, 0);
        return true;";
    browser.wait_for::<bool>("the details", tidy).await;
    let picture = browser.picture(1000, 1500).await;
    assert!(picture.len() < 150_000, "{}", picture.len());
    fs::write(PICTURE, picture).unwrap();
}
