//! Forged requests: a page sends them with the user's cookies without asking the user.

use serde_json::json;
use wythe_browser_tests::Browser;

use crate::{
    bank::{API, APP, BALANCE, BLOG, Bank, EVIL, PLAIN_API, PLAIN_EVIL, Settings},
    scheme::COOKIE,
    sign_in, start,
};

/// How a page sends `amount=10` without a preflight. Each is the body of a function of the target.
const WAYS: &[(&str, &str)] = &[
    (
        "a form",
        "const form = document.createElement('form');
         Object.assign(form, { method: 'post', action: args[0] });
         form.innerHTML = '<input name=amount value=10>';
         document.body.append(form);
         form.submit();",
    ),
    (
        "a form in a frame",
        "const frame = document.createElement('iframe');
         frame.name = 'frame';
         const form = document.createElement('form');
         Object.assign(form, { method: 'post', action: args[0], target: 'frame' });
         form.innerHTML = '<input name=amount value=10>';
         document.body.append(frame, form);
         form.submit();",
    ),
    (
        "fetch",
        "const body = new URLSearchParams({ amount: '10' });
         await fetch(args[0], { method: 'POST', mode: 'no-cors', credentials: 'include', body });",
    ),
    (
        "a beacon",
        "navigator.sendBeacon(args[0], new URLSearchParams({ amount: '10' }));",
    ),
];

/// A frame whose origin is `null`.
const SANDBOX: (&str, &str) = (
    "a sandboxed frame",
    "const frame = document.createElement('iframe');
     frame.sandbox = 'allow-forms allow-scripts';
     frame.srcdoc = `<form method=post action=${args[0]}><input name=amount value=10></form>
         <script>document.forms[0].submit()</script>`;
     document.body.append(frame);",
);

/// The sender, what the browser says of it, and whether the request passes.
struct Sender {
    page: String,
    site: &'static str,
    origin: String,
    passes: bool,
}

/// Sends from the page, and checks what has arrived and what it has done.
async fn send(
    browser: &Browser,
    bank: &Bank,
    to: &str,
    sender: &Sender,
    (way, script): (&str, &str),
) {
    let name = format!("{way} on {}", sender.page);
    browser.open(&sender.page).await;
    bank.log.clear();
    let before = bank.balance();
    let _: Option<()> = browser.run(script, json!([to])).await;
    let seen = bank.log.wait_for("POST", "/transfers").await;
    assert_eq!(seen.site.as_deref(), Some(sender.site), "{name}");
    assert_eq!(seen.origin.as_ref(), Some(&sender.origin), "{name}");
    let (status, paid) = if sender.passes { (200, 10) } else { (403, 0) };
    assert_eq!(seen.status, status, "{name}: {seen:?}");
    assert_eq!(before - bank.balance(), paid, "{name}: {seen:?}");
    assert_eq!(seen.cookies, [COOKIE], "{name}: the cookie comes with it");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_api_and_the_origins_that_cors_allows_act_for_the_user() {
    let Some((browser, bank)) = start(Settings::cookie_for_all_sites()).await else {
        return;
    };
    sign_in(&browser, &bank).await;
    let sender = |page: String, site, passes| Sender {
        origin: page.trim_end_matches('/').to_owned(),
        page,
        site,
        passes,
    };
    let senders = [
        sender(bank.api("/"), "same-origin", true),
        sender(bank.page(APP), "same-site", true),
        sender(bank.page(BLOG), "same-site", false),
        // Another port of the same host: for cookies it is the same.
        sender(bank.page(API), "same-site", false),
        sender(bank.page(EVIL), "cross-site", false),
    ];
    let to = bank.api("/transfers");
    for sender in &senders {
        for way in WAYS {
            send(&browser, &bank, &to, sender, *way).await;
        }
    }
    for page in [bank.api("/"), bank.page(APP), bank.page(EVIL)] {
        let sandboxed = Sender {
            page,
            site: "cross-site",
            origin: "null".to_owned(),
            passes: false,
        };
        send(&browser, &bank, &to, &sandboxed, SANDBOX).await;
    }
    assert_eq!(bank.balance(), BALANCE - 2 * 4 * 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_plain_http_the_origin_decides() {
    let Some((browser, bank)) = start(Settings::cookie_for_all_sites()).await else {
        return;
    };
    let to = bank.at(PLAIN_API, "/transfers");
    let own = bank.at(PLAIN_API, "");
    let neighbour = bank.page(PLAIN_API);
    let evil = bank.page(PLAIN_EVIL);
    // (page, ways, origin, status): nobody is signed in, because no `Secure` cookie is sent there.
    let cases = [
        (&own, WAYS, &*own, 401),
        (&neighbour, WAYS, &*neighbour, 403),
        (&evil, WAYS, &*evil, 403),
        (&own, &[SANDBOX][..], "null", 403),
    ];
    let each = |(page, ways, origin, status)| {
        let ways: &[(&str, &str)] = ways;
        ways.iter().map(move |way| (page, *way, origin, status))
    };
    for (page, (way, script), origin, status) in cases.into_iter().flat_map(each) {
        browser.open(page).await;
        bank.log.clear();
        let _: Option<()> = browser.run(script, json!([to])).await;
        let seen = bank.log.wait_for("POST", "/transfers").await;
        let name = format!("{way} on {page}");
        // Browsers send it to `https` and to this machine only.
        assert_eq!(seen.site, None, "{name}");
        assert_eq!(seen.origin.as_deref(), Some(origin), "{name}");
        assert_eq!(seen.status, status, "{name}");
    }
}
