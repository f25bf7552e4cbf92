//! A content security policy with a nonce.

use std::collections::BTreeSet;

use axum::{Router, response::Html, routing::get};
use serde_json::json;
use wythe::{CspNonce, SecurityHeaders, compose, security_headers::Source, with_security_headers};
use wythe_browser_tests::Browser;

use crate::{
    bank::{listen, serve},
    seen::Log,
};

/// Notes which of its scripts run, and what the policy blocks.
async fn page(nonce: CspNonce) -> Html<String> {
    Html(format!(
        "<!doctype html><title>scripts</title><body>\
         <script nonce=\"{nonce}\">\
         window.ran = ['nonce']; window.blocked = [];\
         addEventListener('securitypolicyviolation', event => \
             blocked.push(`${{event.effectiveDirective}} ${{event.blockedURI}}`));\
         </script>\
         <script>ran.push('without')</script>\
         <script nonce=\"AAAAAAAAAAAAAAAAAAAAAA\">ran.push('another nonce')</script>\
         <script src=\"/own.js\"></script>\
         <script src=\"http://other.localhost/other.js\"></script>\
         <style>body {{ color: rgb(1, 2, 3) }}</style>\
         <style nonce=\"{nonce}\">body {{ background: rgb(4, 5, 6) }}</style>\
         <img src=\"data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=\" onload=\"ran.push('attribute')\">\
         </body>"
    ))
}

/// The origin of a server with the page, which also frames itself.
async fn serve_page() -> String {
    let (listener, port) = listen().await;
    let policy = SecurityHeaders::html_policy()
        .script_src([Source::this_origin()])
        .script_nonce()
        .style_nonce();
    let headers = SecurityHeaders::html()
        .content_security_policy(&policy)
        .unwrap();
    let stack = compose(with_security_headers(headers));
    let script = ([("content-type", "text/javascript")], "ran.push('own')");
    let frame = format!("<iframe src='http://csp.localhost:{port}/'></iframe>");
    let app = Router::new()
        .route("/", get(stack.handler(page)))
        .route("/own.js", get(async move || script))
        .route("/frame", get(async move || Html(frame.clone())));
    serve(listener, app, &Log::default());
    format!("http://csp.localhost:{port}")
}

#[tokio::test(flavor = "multi_thread")]
async fn only_scripts_and_styles_with_the_nonce_take_effect() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let origin = serve_page().await;
    browser.open(&origin).await;
    let done = "return document.readyState === 'complete' && window.blocked?.length >= 5 || null";
    let _: bool = browser.wait_for("the page and what is blocked", done).await;
    let ran: Vec<String> = browser.run("return ran", json!([])).await;
    assert_eq!(ran, ["nonce", "own"]);
    let blocked: BTreeSet<String> = browser.run("return blocked", json!([])).await;
    let expected = [
        "script-src-attr inline",
        "script-src-elem http://other.localhost/other.js",
        "script-src-elem inline",
        "style-src-elem inline",
    ];
    assert_eq!(blocked, expected.map(str::to_owned).into());
    let style = "const style = getComputedStyle(document.body);
        return [style.color, style.backgroundColor]";
    let style: [String; 2] = browser.run(style, json!([])).await;
    assert_eq!(style, ["rgb(0, 0, 0)", "rgb(4, 5, 6)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_frames_a_page_without_ancestors() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let origin = serve_page().await;
    browser.open(&format!("{origin}/frame")).await;
    let done = "return document.readyState === 'complete' || null";
    let _: bool = browser.wait_for("the page", done).await;
    let framed = "
        const frame = document.querySelector('iframe').contentWindow;
        try { return frame.document.title } catch { return 'blocked' }";
    let framed: String = browser.run(framed, json!([])).await;
    assert_eq!(framed, "blocked");
}
