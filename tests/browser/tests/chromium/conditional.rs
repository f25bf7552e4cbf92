//! A browser's cache and conditional requests.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicUsize, Ordering},
};

use axum::{Router, response::Html, routing::get};
use http::{HeaderMap, header};
use serde_json::json;
use wythe::{
    CacheControl, Compression, Conditional, ETag, compose, with_cache_control, with_compression,
    with_conditional,
};
use wythe_browser_tests::Browser;

use crate::{
    bank::{listen, serve},
    seen::Log,
};

/// Long enough to be compressed.
fn text(version: i64) -> String {
    format!("version {version} ").repeat(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cached_response_is_used_until_its_version_changes() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let version = Arc::new(AtomicI64::new(1));
    let conditional = Arc::new(AtomicUsize::new(0));
    let handler = {
        let (version, conditional) = (Arc::clone(&version), Arc::clone(&conditional));
        move |headers: HeaderMap| async move {
            let sent = headers.contains_key(header::IF_NONE_MATCH);
            conditional.fetch_add(usize::from(sent), Ordering::SeqCst);
            let version = version.load(Ordering::SeqCst);
            (ETag::version(version), text(version))
        }
    };
    let stack = compose((
        with_compression(Compression::gzip()),
        // The browser asks each time whether its copy is current.
        with_cache_control(CacheControl::private().no_cache()),
        with_conditional(Conditional::new()),
    ));
    let app = Router::new()
        .route(
            "/",
            get(async || Html("<!doctype html><title>cache</title>")),
        )
        .route("/text", get(stack.handler(handler)));
    let (listener, port) = listen().await;
    serve(listener, app, &Log::default());
    let origin = format!("http://cache.localhost:{port}");
    browser.open(&origin).await;
    let url = format!("{origin}/text");
    let read = async || {
        let answer = browser.fetch(&url, json!({})).await;
        // Whatever came over the wire, the script sees the whole response.
        assert_eq!(answer.status, 200);
        answer.body
    };
    assert_eq!(read().await, text(1));
    assert_eq!(conditional.load(Ordering::SeqCst), 0);
    assert_eq!(read().await, text(1));
    assert_eq!(conditional.load(Ordering::SeqCst), 1);
    let sizes = "return performance.getEntriesByName(arguments[0]).map(one => one.transferSize)";
    let sizes: Vec<u64> = browser.run(sizes, json!([url])).await;
    // The second one has no body: only its head was transferred.
    assert!(sizes[1] < sizes[0], "{sizes:?}");
    version.store(2, Ordering::SeqCst);
    assert_eq!(read().await, text(2));
    assert_eq!(conditional.load(Ordering::SeqCst), 2);
}
