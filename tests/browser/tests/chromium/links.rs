//! GET requests that change nothing: links, and addresses that a user types. CSRF protection allows
//! them.

use serde_json::json;

use crate::{
    bank::{APP, BLOG, EVIL, Settings},
    scheme::COOKIE,
    sign_in, start,
};

#[tokio::test(flavor = "multi_thread")]
async fn links_from_any_site_pass() {
    let Some((browser, bank)) = start(Settings::cookie_for_all_sites()).await else {
        return;
    };
    sign_in(&browser, &bank).await;
    let cases = [
        (bank.api("/"), "same-origin"),
        (bank.page(APP), "same-site"),
        (bank.page(BLOG), "same-site"),
        (bank.page(EVIL), "cross-site"),
    ];
    for (page, site) in cases {
        browser.open(&page).await;
        bank.log.clear();
        let to = bank.api("/account");
        let script = "
            const link = document.createElement('a');
            Object.assign(link, { href: args[0], textContent: 'a link' });
            document.body.append(link);";
        let _: Option<()> = browser.run(script, json!([to])).await;
        browser.click("a").await;
        let seen = bank.log.wait_for("GET", "/account").await;
        assert_eq!(seen.site.as_deref(), Some(site), "{page}");
        assert_eq!(seen.cookies, [COOKIE], "{page}");
        assert_eq!(seen.status, 200, "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_the_user_types_passes() {
    let Some((browser, bank)) = start(Settings::default()).await else {
        return;
    };
    sign_in(&browser, &bank).await;
    bank.log.clear();
    browser.open(&bank.api("/account")).await;
    let seen = bank.log.wait_for("GET", "/account").await;
    assert_eq!(seen.site.as_deref(), Some("none"));
    // A strict cookie is sent as well.
    assert_eq!(seen.status, 200);
}
