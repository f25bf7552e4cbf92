//! WebSockets: any page can open them, with cookies, and CORS does not apply.
//!
//! Chromium sends no `Sec-Fetch-Site` with a handshake (version 156), so the origin decides.

use serde_json::json;

use crate::{
    bank::{API, APP, BLOG, EVIL, Settings},
    scheme::COOKIE,
    sign_in, start,
};

#[tokio::test(flavor = "multi_thread")]
async fn only_the_api_and_the_origins_that_cors_allows_open_a_websocket() {
    let Some((browser, bank)) = start(Settings::cookie_for_all_sites()).await else {
        return;
    };
    sign_in(&browser, &bank).await;
    let script = "
        const socket = new WebSocket(args[0]);
        return await new Promise(done => {
            socket.onmessage = event => done(event.data);
            socket.onerror = () => done('refused');
        });";
    // (page, what the page gets, the status)
    let cases = [
        (bank.api("/"), "hello ann", 101),
        (bank.page(APP), "hello ann", 101),
        (bank.page(BLOG), "refused", 403),
        (bank.page(API), "refused", 403),
        (bank.page(EVIL), "refused", 403),
    ];
    let to = bank.api("/socket").replacen("http:", "ws:", 1);
    for (page, expected, status) in cases {
        browser.open(&page).await;
        bank.log.clear();
        let got: String = browser.run(script, json!([to])).await;
        assert_eq!(got, expected, "{page}");
        let seen = bank.log.wait_for("GET", "/socket").await;
        assert_eq!(seen.status, status, "{page}: {seen:?}");
        assert_eq!(seen.cookies, [COOKIE], "{page}: the cookie comes with it");
        assert_eq!(seen.origin.as_deref(), Some(page.trim_end_matches('/')));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_with_an_opaque_origin_cannot_open_a_websocket() {
    let Some((browser, bank)) = start(Settings::default()).await else {
        return;
    };
    sign_in(&browser, &bank).await;
    let script = "
        const frame = document.createElement('iframe');
        frame.sandbox = 'allow-scripts';
        frame.srcdoc = `<script>
            const socket = new WebSocket('${args[0]}');
            socket.onopen = () => parent.postMessage('opened', '*');
            socket.onerror = () => parent.postMessage('refused', '*');
        </script>`;
        return await new Promise(done => {
            addEventListener('message', event => done(event.data));
            document.body.append(frame);
        });";
    bank.log.clear();
    let to = bank.api("/socket").replacen("http:", "ws:", 1);
    let got: String = browser.run(script, json!([to])).await;
    assert_eq!(got, "refused");
    let seen = bank.log.wait_for("GET", "/socket").await;
    assert_eq!((seen.origin.as_deref(), seen.status), (Some("null"), 403));
}
