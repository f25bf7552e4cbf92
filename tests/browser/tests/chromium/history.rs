//! What the back button shows to the next user.

use serde_json::json;

use crate::{
    bank::{APP, Settings},
    sign_in, start,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_no_store_page_is_not_shown_after_signing_out() {
    // (path, whether it is shown again): the second has no cache policy.
    let cases = [("/statement", false), ("/brochure", true)];
    let Some((browser, bank)) = start(Settings::default()).await else {
        return;
    };
    for (path, expected) in cases {
        sign_in(&browser, &bank).await;
        browser.open(&bank.api(path)).await;
        assert!(
            browser.text().await.contains("The statement of ann"),
            "{path}"
        );

        browser.open(&bank.page(APP)).await;
        let init = json!({"method": "POST", "credentials": "include"});
        let answer = browser.fetch(&bank.api("/sign-out"), init).await;
        assert_eq!(answer.status, 204, "{answer:?}");

        browser.back().await;
        let text = browser.text().await;
        assert_eq!(
            text.contains("The statement of ann"),
            expected,
            "{path}: {text}"
        );
    }
}
