//! What the attributes of a cookie do: `SameSite`, `Secure`, `__Host-`.

use serde_json::{Value, json};
use wythe_browser_tests::Browser;

use crate::{
    bank::{API, APP, BLOG, Bank, EVIL, PLAIN_API, Settings},
    scheme::COOKIE,
    sign_in, start,
};

/// Has the API set these cookies, on its own page under this name.
async fn set(browser: &Browser, bank: &Bank, host: &str, lines: &[&str]) {
    browser.open(&bank.at(host, "/")).await;
    let init = json!({"method": "POST", "body": lines.join("\n")});
    let answer = browser.fetch(&bank.at(host, "/set-cookie"), init).await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

async fn names(browser: &Browser) -> Vec<String> {
    let cookies = browser.cookies().await;
    let mut names: Vec<_> = cookies.into_iter().map(|cookie| cookie.name).collect();
    names.sort();
    names
}

/// How a page sends a request. Each is the body of a function of the target.
const LINK: &str = "location.href = args[0];";
const FETCH: &str = "await fetch(args[0], { mode: 'no-cors', credentials: 'include' });";
const IMAGE: &str = "document.body.append(Object.assign(new Image(), { src: args[0] }));";
const FORM: &str = "
    const form = document.createElement('form');
    Object.assign(form, { method: 'post', action: args[0] });
    document.body.append(form);
    form.submit();";

#[tokio::test(flavor = "multi_thread")]
async fn same_site_decides_which_pages_send_the_cookie() {
    let Some((browser, bank)) = start(Settings::default()).await else {
        return;
    };
    let lines = [
        "lax=1; SameSite=Lax",
        "none=1; SameSite=None; Secure",
        "strict=1; SameSite=Strict",
        "unset=1",
    ];
    set(&browser, &bank, API, &lines).await;
    let all = &["lax", "none", "strict", "unset"][..];
    // (page, what it does, method, script, the cookies that arrive)
    let cases = [
        (bank.api("/"), "fetch", "GET", FETCH, all),
        (bank.page(APP), "fetch", "GET", FETCH, all),
        // SameSite does not keep out pages of the same site.
        (bank.page(BLOG), "a form", "POST", FORM, all),
        (
            bank.page(EVIL),
            "a link",
            "GET",
            LINK,
            &["lax", "none", "unset"],
        ),
        (bank.page(EVIL), "fetch", "GET", FETCH, &["none"]),
        (bank.page(EVIL), "an image", "GET", IMAGE, &["none"]),
        // Without the attribute it is Lax, except that such a form still sends it in its first two
        // minutes.
        (bank.page(EVIL), "a form", "POST", FORM, &["none", "unset"]),
    ];
    for (page, name, method, script, expected) in cases {
        browser.open(&page).await;
        bank.log.clear();
        let to = bank.api("/account");
        let _: Option<()> = browser.run(script, json!([to])).await;
        let seen = bank.log.wait_for(method, "/account").await;
        assert_eq!(seen.cookies, expected, "{name} on {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_prefixed_cookie_without_safe_attributes_is_dropped() {
    let Some((browser, bank)) = start(Settings::default()).await else {
        return;
    };
    // (case, the name of the API, the line, whether the cookie is kept)
    let cases = [
        ("as it should be", API, "__Host-a=1; Secure; Path=/", true),
        (
            "the same",
            API,
            "__Host-b=1; Secure; Path=/; HttpOnly; SameSite=Strict",
            true,
        ),
        ("not secure", API, "__Host-c=1; Path=/", false),
        (
            "for a domain",
            API,
            "__Host-d=1; Secure; Path=/; Domain=bank.localhost",
            false,
        ),
        (
            "for a path",
            API,
            "__Host-e=1; Secure; Path=/account",
            false,
        ),
        (
            "the prefix in small letters",
            API,
            "__host-f=1; Path=/",
            false,
        ),
        ("without the prefix", API, "g=1", true),
        (
            "by plain http",
            PLAIN_API,
            "__Host-h=1; Secure; Path=/",
            false,
        ),
        (
            "secure, by plain http",
            PLAIN_API,
            "i=1; Secure; Path=/",
            false,
        ),
        (
            "for all sites, not secure",
            API,
            "j=1; SameSite=None",
            false,
        ),
    ];
    for (name, host, line, kept) in cases {
        let before = names(&browser).await.len();
        set(&browser, &bank, host, &[line]).await;
        let after = names(&browser).await;
        assert_eq!(after.len() - before, usize::from(kept), "{name}: {after:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_the_same_site_cannot_plant_a_second_host_prefixed_cookie() {
    let Some((browser, bank)) = start(Settings::default()).await else {
        return;
    };
    sign_in(&browser, &bank).await;
    set(&browser, &bank, API, &["token=own; Path=/"]).await;
    browser.open(&bank.page(BLOG)).await;
    let plant = "
        document.cookie = `${args[0]}=planted; Path=/; Domain=bank.localhost`;
        document.cookie = `${args[0]}=planted; Path=/; Domain=bank.localhost; Secure`;
        document.cookie = `token=planted; Path=/account; Domain=bank.localhost`;";
    let _: Option<()> = browser.run(plant, json!([COOKIE])).await;

    browser.open(&bank.api("/")).await;
    bank.log.clear();
    let answer = browser.fetch(&bank.api("/account"), json!({})).await;
    assert_eq!(answer.json()["name"], Value::from("ann"), "{answer:?}");
    let seen = bank.log.wait_for("GET", "/account").await;
    assert_eq!(seen.cookies, [COOKIE, "token", "token"]);
}
