//! Every route, as in the API's table, over HTTP/1.1 and over HTTP/2 with prior knowledge.

mod support;

use http::{Method, Version};
use serde_json::{Value, json};
use support::{Api, ORIGIN};

macro_rules! over_both_versions {
    ($($name:ident)*) => {
        mod http1 {
            $(#[tokio::test] async fn $name() {
                super::$name(super::Api::start(super::Version::HTTP_11)).await;
            })*
        }
        mod http2 {
            $(#[tokio::test] async fn $name() {
                super::$name(super::Api::start(super::Version::HTTP_2)).await;
            })*
        }
    };
}

over_both_versions! {
    uses_the_http_version_of_the_client
    a_cdn_may_cache_hello
    the_old_hello_says_what_to_use_instead
    answers_as_the_client_prefers
    head_is_answered_like_get_but_without_a_body
    registers_an_email_address_once
    logs_in_with_the_correct_password_only
    logs_out_by_clearing_the_cookies
    protected_takes_a_bearer_token_or_a_cookie
    creates_users
    lists_users_page_by_page
    shows_replaces_and_deletes_a_user
    only_its_owner_can_change_an_account
    reads_parameters_from_the_path
    searches_with_repeated_keys
    takes_a_message_as_json_and_as_a_form
    takes_feedback_as_json_and_as_a_form
    shows_data_to_pages_of_every_origin
    makes_a_payment_once
}

async fn uses_the_http_version_of_the_client(api: Api) {
    let answer = api.get("/api/hello").send().await;
    let path = std::thread::current().name().unwrap_or_default().to_owned();
    let http2 = answer.version == Version::HTTP_2;
    assert_eq!(http2, path.contains("http2"), "{path} {answer:?}");
}

async fn a_cdn_may_cache_hello(api: Api) {
    let answer = api.get("/api/hello").send().await.is(200);
    assert_eq!(answer.json(), json!({ "message": "Hello, world!" }));
    let directives = "public, s-maxage=60, stale-while-revalidate=300";
    assert_eq!(answer.field("cache-control"), directives);
}

async fn the_old_hello_says_what_to_use_instead(api: Api) {
    let old = api.get("/api/v1/hello").send().await.is(200);
    assert_eq!(old.json(), json!({ "message": "Hello, world!" }));
    assert_eq!(old.field("deprecation"), "@1793491200");
    assert_eq!(old.field("sunset"), "Mon, 01 Nov 2027 00:00:00 GMT");
    let successor = "</api/v2/hello>; rel=\"successor-version\"";
    assert_eq!(old.field("link"), successor);
    let new = api.get("/api/v2/hello").send().await.is(200);
    assert_eq!(
        new.json(),
        json!({ "greeting": "Hello, world!", "language": "en", "version": "v2" })
    );
    assert!(!new.headers.contains_key("deprecation"));
}

async fn answers_as_the_client_prefers(api: Api) {
    let hello = || api.get("/api/v2/hello");
    let german = hello().header("accept-language", "fr, de-CH;q=0.8, en;q=0.5");
    let german = german.send().await.is(200);
    assert_eq!(german.json()["greeting"], "Hallo, Welt!");
    let csv = hello().header("accept", "text/csv").send().await;
    assert_eq!(
        csv.refused(406)["supported_media_types"],
        json!(["application/json"])
    );

    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let nowhere = |accept: &str| api.get("/api/nowhere").header("accept", accept).send();
    let page = nowhere(browser).await.is(404);
    assert_eq!(page.field("content-type"), "text/html; charset=utf-8");
    assert!(page.body.starts_with(b"<!doctype html>"));
    for accept in ["*/*", "application/json", "text/html;q=0, */*"] {
        nowhere(accept).await.refused(404);
    }
}

async fn head_is_answered_like_get_but_without_a_body(api: Api) {
    let get = api.get("/api/hello").send().await;
    let head = api.call(Method::HEAD, "/api/hello").send().await.is(200);
    assert!(head.body.is_empty());
    for name in ["content-type", "content-length", "cache-control"] {
        assert_eq!(head.field(name), get.field(name));
    }
}

async fn registers_an_email_address_once(api: Api) {
    let answer = api.register("ada@example.com").await.is(201);
    assert_eq!(answer.json(), json!({ "status": "registered", "id": 1 }));
    api.register("ada@example.com").await.refused(409);
    api.register("Ada@Example.com").await.refused(409);

    let short = json!({ "email": "no address", "password": "short" });
    let answer = api.post("/api/register").json(&short).send().await;
    let problem = answer.refused(422);
    assert_eq!(problem["errors"][0]["pointer"], "#/email");
    assert_eq!(problem["errors"][1]["pointer"], "#/password");
}

async fn logs_in_with_the_correct_password_only(api: Api) {
    api.register("ada@example.com").await.is(201);
    let answer = api.log_in("ADA@example.com").await.is(200);
    let user = json!({ "id": 1, "email": "ada@example.com" });
    let expected = json!({ "message": "Login successful", "user": user });
    assert_eq!(answer.json(), expected);
    assert_eq!(answer.field("cache-control"), "no-store");
    assert_eq!(answer.token().split('.').count(), 3);

    let mut unknown = api.log_in("grace@example.com").await.refused(401);
    let wrong = json!({ "email": "ada@example.com", "password": "incorrect horse" });
    let answer = api.post("/api/auth/login").json(&wrong).send().await;
    let mut wrong = answer.refused(401);
    // Only the id of the request tells the two apart.
    for problem in [&mut unknown, &mut wrong] {
        problem["request_id"].take();
    }
    assert_eq!(wrong, unknown);
}

async fn logs_out_by_clearing_the_cookies(api: Api) {
    let answer = api.post("/api/auth/logout").send().await.is(204);
    answer.takes_cookies_back();
    assert!(answer.body.is_empty());
}

async fn protected_takes_a_bearer_token_or_a_cookie(api: Api) {
    let token = api.token("ada@example.com").await;
    let expected = json!({ "user": { "id": 1, "email": "ada@example.com" } });
    let protected = || api.get("/api/protected");
    let answer = protected().bearer(&token).send().await.is(200);
    assert_eq!(answer.json(), expected);
    assert_eq!(answer.field("cache-control"), "no-store");
    let answer = protected().cookie(&token).send().await.is(200);
    assert_eq!(answer.json(), expected);

    let answer = protected().send().await;
    assert_eq!(answer.field("www-authenticate"), r#"Bearer realm="api""#);
    answer.refused(401);
    // A token sent in two ways (RFC 6750, section 2).
    let both = protected().bearer(&token).cookie(&token).send().await;
    both.refused(400);
    // The account is deleted, so its token is invalid; the id is not reused.
    api.delete("/api/users/1")
        .bearer(&token)
        .header("if-match", "*")
        .send()
        .await
        .is(204);
    protected().bearer(&token).send().await.refused(401);
    api.register("grace@example.com").await.is(201);
    protected().bearer(&token).send().await.refused(401);
}

async fn creates_users(api: Api) {
    let token = api.token("ada@example.com").await;
    let create = |user: &Value| api.post("/api/users").bearer(&token).json(user).send();
    let grace = json!({ "name": "Grace", "email": "grace@example.com", "age": 36 });
    let answer = create(&grace).await.is(201);
    assert_eq!(answer.json(), json!({ "id": 2, "name": "Grace" }));
    assert_eq!(answer.field("location"), "/api/users/2");
    assert!(answer.headers.contains_key("ratelimit"));
    create(&grace).await.refused(409);

    let ageless = json!({ "name": "Jo", "email": "jo@example.com" });
    create(&ageless).await.is(201);
    let child = json!({ "name": "J", "email": "jo", "age": 17 });
    let problem = create(&child).await.refused(422);
    assert_eq!(problem["error_count"], 3);
    let answer = api.post("/api/users").json(&grace).send().await;
    answer.refused(401);
    // Without a password, nobody can log in.
    api.log_in("grace@example.com").await.refused(401);
}

async fn lists_users_page_by_page(api: Api) {
    let token = api.token("ada@example.com").await;
    for n in 0..3 {
        let user = json!({ "name": format!("User {n}"), "email": format!("{n}@example.com") });
        let create = api.post("/api/users").bearer(&token).json(&user);
        create.send().await.is(201);
    }
    let list = |query: &str| {
        let path = format!("/api/users{query}");
        api.get(&path).bearer(&token).send()
    };
    let all = list("").await.is(200).json();
    assert_eq!(all["users"].as_array().unwrap().len(), 4);
    let ada = json!({ "id": 1, "name": null, "email": "ada@example.com", "age": null });
    assert_eq!(all["users"][0], ada);
    let page = list("?page=2&per_page=3").await.is(200).json();
    assert_eq!(page["users"].as_array().unwrap().len(), 1);
    assert_eq!(page["users"][0]["name"], "User 2");
    assert_eq!((&page["total"], &page["page"]), (&json!(4), &json!(2)));
    let beyond = list("?page=4294967295&per_page=100").await.is(200).json();
    assert_eq!(beyond["users"], json!([]));

    for query in [
        "?page=0",
        "?per_page=0",
        "?per_page=101",
        "?page=x",
        "?page=-1",
    ] {
        list(query).await.refused(422);
    }
    api.get("/api/users").send().await.refused(401);
}

async fn shows_replaces_and_deletes_a_user(api: Api) {
    let token = api.token("ada@example.com").await;
    let grace = json!({ "name": "Grace", "email": "grace@example.com" });
    let create = api.post("/api/users").bearer(&token).json(&grace);
    create.send().await.is(201);

    let show = |id: &str| {
        let path = format!("/api/users/{id}");
        api.get(&path).bearer(&token).send()
    };
    let shown = show("2").await.is(200);
    assert_eq!(shown.json()["email"], "grace@example.com");
    assert_eq!(shown.field("etag"), "\"1\"");
    assert_eq!(shown.field("cache-control"), "private, no-cache");
    let changed = json!({ "name": "Grace Hopper", "email": "grace@example.com", "age": 37 });
    let replace = |id: &str, user: &Value| {
        let path = format!("/api/users/{id}");
        let put = api.put(&path).bearer(&token).json(user);
        put.header("if-match", "*").send()
    };
    let answer = replace("2", &changed).await.is(200);
    assert_eq!(answer.json()["age"], 37);
    assert_eq!(answer.field("etag"), "\"2\"");
    assert_eq!(show("2").await.is(200).json(), answer.json());
    let taken = json!({ "name": "Grace", "email": "ada@example.com" });
    replace("2", &taken).await.refused(409);
    replace("2", &json!({ "name": "Grace" })).await.refused(422);
    replace("9", &changed).await.refused(404);

    let delete = || {
        let delete = api.delete("/api/users/2").bearer(&token);
        delete.header("if-match", "*").send()
    };
    let answer = delete().await.is(204);
    assert!(answer.body.is_empty());
    delete().await.refused(404);
    show("2").await.refused(404);
    show("two").await.refused(400);
    show("99999999999999999999").await.refused(400);
    api.get("/api/users/1").send().await.refused(401);
    api.delete("/api/users/1").send().await.refused(401);
}

async fn only_its_owner_can_change_an_account(api: Api) {
    let ada = api.token("ada@example.com").await;
    let grace = api.token("grace@example.com").await;
    let user = json!({ "name": "Grace", "email": "grace@example.com" });
    let replace = |token: &str| {
        let put = api.put("/api/users/2").bearer(token).json(&user);
        put.header("if-match", "*").send()
    };
    replace(&ada).await.refused(403);
    api.delete("/api/users/2")
        .bearer(&ada)
        .header("if-match", "*")
        .send()
        .await
        .refused(403);
    replace(&grace).await.is(200);
    // The password is unchanged.
    api.log_in("grace@example.com").await.is(200);
    api.delete("/api/users/2")
        .bearer(&grace)
        .header("if-match", "*")
        .send()
        .await
        .is(204);
    api.log_in("grace@example.com").await.refused(401);
}

async fn reads_parameters_from_the_path(api: Api) {
    let answer = api.get("/api/posts/7/42").send().await.is(200);
    assert_eq!(answer.json(), json!({ "user_id": 7, "post_id": 42 }));
    for path in ["/api/posts/seven/42", "/api/posts/7/-1", "/api/posts/7/4.2"] {
        let problem = api.get(path).send().await.refused(400);
        assert!(problem["detail"].is_string(), "{problem}");
    }
    let answer = api
        .get("/api/docs/guide/caf%C3%A9/a%2Fb")
        .send()
        .await
        .is(200);
    let path = json!("guide/caf\u{e9}/a/b");
    assert_eq!(answer.json()["path"], path);
    api.get("/api/docs/").send().await.refused(404);
    api.get("/api/docs/%ff").send().await.refused(400);
}

async fn searches_with_repeated_keys(api: Api) {
    let search = |query: &str| {
        let path = format!("/api/search?{query}");
        api.get(&path).send()
    };
    let answer = search("q=tower+of%20stone&tag=a&tag=b").await.is(200);
    let expected = json!({ "q": "tower of stone", "tag": ["a", "b"] });
    assert_eq!(answer.json(), expected);
    let answer = search("q=towers").await.is(200);
    assert_eq!(answer.json()["tag"], json!([]));
    for query in ["", "q=", "tag=a", "q=a&q=b", "q=a&tag="] {
        search(query).await.refused(422);
    }
    for query in ["q=%ff", "q=%zz"] {
        search(query).await.refused(400);
    }
}

async fn takes_a_message_as_json_and_as_a_form(api: Api) {
    let message = json!({ "name": "Ada", "email": "ada@example.com", "message": "Hello" });
    let answer = api.post("/api/contact").json(&message).send().await.is(201);
    assert_eq!(answer.json(), json!({ "status": "received", "id": 1 }));
    let form = api
        .post("/api/contact")
        .form("name=Ada&email=ada%40example.com&message=a+b");
    assert_eq!(form.send().await.is(201).json()["id"], 2);
    let form = api.post("/api/contact").form("name=Ada&email=ada&message=");
    let problem = form.send().await.refused(422);
    assert_eq!(problem["error_count"], 2);
    let form = api.post("/api/contact").form("name=%zz");
    form.send().await.refused(400);
    let text = api
        .post("/api/contact")
        .header("content-type", "text/plain");
    text.body("hello").send().await.refused(415);
}

async fn takes_feedback_as_json_and_as_a_form(api: Api) {
    let feedback =
        json!({ "name": "Ada", "email": "ada@example.com", "message": "Good", "rating": 5 });
    let answer = api.post("/api/feedback").json(&feedback).send().await;
    assert_eq!(answer.is(201).json(), json!({ "id": 1, "rating": 5 }));
    let form = api
        .post("/api/feedback")
        .form("name=Ada&email=ada%40example.com&message=a+b&rating=1");
    assert_eq!(form.send().await.is(201).json()["id"], 2);
    for rating in [json!(0), json!(6), json!(-1), json!(1.5), json!(null)] {
        let mut feedback = feedback.clone();
        feedback["rating"] = rating;
        let answer = api.post("/api/feedback").json(&feedback).send().await;
        assert_eq!(answer.refused(422)["errors"][0]["pointer"], "#/rating");
    }
    let form = api
        .post("/api/feedback")
        .form("name=&email=ada&message=&rating=6");
    assert_eq!(form.send().await.refused(422)["error_count"], 4);
}

async fn shows_data_to_pages_of_every_origin(api: Api) {
    for origin in ["https://anywhere.example", ORIGIN, "null"] {
        let answer = api.get("/api/data").header("origin", origin).send().await;
        let answer = answer.is(200);
        assert_eq!(answer.json()["currencies"][0]["code"], "EUR");
        assert_eq!(answer.field("access-control-allow-origin"), "*");
        assert!(
            !answer
                .headers
                .contains_key("access-control-allow-credentials")
        );
        assert!(answer.field("cache-control").contains("s-maxage=60"));
        let preflight = api
            .call(Method::OPTIONS, "/api/data")
            .header("origin", origin)
            .header("access-control-request-method", "GET");
        let answer = preflight.send().await.is(204);
        assert_eq!(answer.field("access-control-allow-origin"), "*");
        assert!(
            !answer
                .headers
                .contains_key("access-control-allow-credentials")
        );
    }
    // No other route is open, and neither is what no route answers.
    for path in ["/api/hello", "/api/nothing", "/api/data/", "/api/data/more"] {
        for method in [Method::GET, Method::OPTIONS] {
            let call = api.call(method, path);
            let call = call.header("origin", "https://anywhere.example");
            let call = call.header("access-control-request-method", "GET");
            let answer = call.send().await;
            let allowed = answer.headers.get("access-control-allow-origin");
            assert!(
                allowed.is_none_or(|allowed| allowed == ORIGIN),
                "{path}: {answer:?}"
            );
        }
    }
}

async fn makes_a_payment_once(api: Api) {
    let ada = api.token("ada@example.com").await;
    let grace = api.token("grace@example.com").await;
    let payment = json!({ "amount": 1999, "currency": "EUR" });
    let pay = |token: &str, key: &str, payment: &Value| {
        let pay = api.post("/api/payments").bearer(token).json(payment);
        pay.header("idempotency-key", key).send()
    };
    let made = json!({ "id": 1, "amount": 1999, "currency": "EUR" });
    let first = pay(&ada, "order-7", &payment).await.is(201);
    assert_eq!(first.json(), made);
    assert!(!first.headers.contains_key("idempotent-replayed"));
    for key in ["order-7", "\"order-7\""] {
        let again = pay(&ada, key, &payment).await.is(201);
        assert_eq!(again.json(), made);
        assert_eq!(again.field("idempotent-replayed"), "true");
    }
    // Another key, and another user.
    assert_eq!(pay(&ada, "order-8", &payment).await.is(201).json()["id"], 2);
    assert_eq!(
        pay(&grace, "order-7", &payment).await.is(201).json()["id"],
        3
    );

    let other = json!({ "amount": 2000, "currency": "EUR" });
    pay(&ada, "order-7", &other).await.refused(422);
    // An invalid payment does not use up its key.
    for invalid in [
        json!({ "amount": 0, "currency": "EUR" }),
        json!({ "amount": 1_000_001, "currency": "EUR" }),
        json!({ "amount": 1, "currency": "GBP" }),
    ] {
        let problem = pay(&ada, "order-9", &invalid).await.refused(422);
        assert_eq!(problem["error_count"], 1);
    }
    pay(&ada, "order-9", &other).await.is(201);
    pay(&ada, "two, keys", &other).await.refused(400);
    let without = api.post("/api/payments").bearer(&ada).json(&payment);
    without.send().await.refused(400);
    let anonymous = api.post("/api/payments").json(&payment);
    anonymous.send().await.refused(401);
}
