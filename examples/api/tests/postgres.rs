//! PostgreSQL in place of SQLite: the same answers, also when requests meet, and when the server is down.

mod support;

use std::time::{Duration, Instant};

use example_api::{Config, DatabaseUrl};
use futures_util::future::join_all;
use serde_json::{Value, json};
use support::{Api, answer::Answer, config, database::File, postgres::Postgres};

async fn api_with(url: &str) -> Api {
    Api::run(Config {
        database_url: Some(DatabaseUrl::new(url)),
        ..config()
    })
    .await
}

/// The status and the body, without what differs each time. Ids may have gaps.
fn outcome(name: &str, answer: &Answer) -> (String, u16, Value) {
    let mut body = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    without_what_differs(&mut body);
    (name.to_owned(), answer.status.as_u16(), body)
}

fn without_what_differs(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for name in ["id", "request_id", "access_token", "token"] {
                members.remove(name);
            }
            members.values_mut().for_each(without_what_differs);
        }
        Value::Array(values) => values.iter_mut().for_each(without_what_differs),
        _ => {}
    }
}

/// What a user does, from registering to deleting.
async fn journey(api: &Api) -> Vec<(String, u16, Value)> {
    let mut all = Vec::new();
    let mut record = |name: &str, answer: Answer| {
        all.push(outcome(name, &answer));
        answer
    };
    record("register", api.register("Ada@example.com").await);
    record(
        "register again, in other letters",
        api.register("ada@EXAMPLE.com").await,
    );
    record("not registered", api.log_in("grace@example.com").await);
    // The Kelvin sign is no `K`, although Unicode has `k` as its lowercase letter.
    record("register kate", api.register("kate@example.com").await);
    let kelvin = api.log_in("\u{212a}ate@example.com").await;
    record("log in with a Kelvin sign", kelvin.is(401));
    let jar = record("log in", api.log_in("ADA@example.com").await).jar();
    let newer = record("refresh", api.refresh(&jar).await).jar();
    record("refresh in another tab", api.refresh(&jar).await);
    let nobody = json!({ "email": "a\0b@example.com", "password": "correct horse" });
    let login = api.post("/api/auth/login").json(&nobody).send();
    record("sign in with U+0000", login.await);
    let token = newer.access.clone();

    let grace = |name: &str, age: Option<u8>| json!({ "name": name, "email": "grace@example.com", "age": age });
    let create = |body: Value| api.post("/api/users").bearer(&token).json(&body).send();
    let created = record("create", create(grace("Grace", Some(36))).await);
    let grace_at = format!("/api/users/{}", created.json()["id"]);
    record("create again", create(grace("Grace", None)).await);
    record("a name with U+0000", create(grace("Gr\0ce", None)).await);
    let show = record("show", api.get(&grace_at).bearer(&token).send().await);
    let tag = show.field("etag").to_owned();
    let put = |body: Value| api.put(&grace_at).bearer(&token).json(&body);
    record(
        "replace",
        put(grace("Grace Hopper", None))
            .header("if-match", &tag)
            .send()
            .await,
    );
    record(
        "replace an old one",
        put(grace("Gina", None))
            .header("if-match", &tag)
            .send()
            .await,
    );
    let taken = json!({ "name": "Ada", "email": "ADA@example.com", "age": null });
    record(
        "an address that is taken",
        put(taken).header("if-match", "\"2\"").send().await,
    );
    let list = api.get("/api/users?per_page=1&page=2").bearer(&token);
    record("list", list.send().await);
    let last = api
        .get("/api/users?per_page=100&page=4294967295")
        .bearer(&token);
    record("a page after the last", last.send().await);

    let message =
        json!({ "name": "Zoë 🦀", "email": "zoe@example.com", "message": "Hello 'there'; --" });
    record(
        "a message",
        api.post("/api/contact").json(&message).send().await,
    );
    let opinion =
        json!({ "name": "Zoë", "email": "zoe@example.com", "message": "Good", "rating": 5 });
    record(
        "feedback",
        api.post("/api/feedback").json(&opinion).send().await,
    );
    let payment = json!({ "amount": 1999, "currency": "EUR" });
    for key in ["\"first\"", "\"first\"", "\"second\""] {
        let pay = api.post("/api/payments").bearer(&token).json(&payment);
        record("a payment", pay.header("idempotency-key", key).send().await);
    }
    let passwords = json!({ "current": "correct horse", "new": "battery staple" });
    let change = api.post("/api/auth/password").jar(&newer).json(&passwords);
    record("a new password", change.send().await);
    record("the old login", api.refresh(&newer).await);
    let delete = api.delete(&grace_at).bearer(&token);
    record("delete", delete.header("if-match", "\"2\"").send().await);
    record("show again", api.get(&grace_at).bearer(&token).send().await);
    all
}

#[tokio::test]
async fn both_databases_lead_to_the_same_answers() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let file = File::new();
    let lite = journey(&api_with(file.path()).await).await;
    let postgres = journey(&api_with(&server.url()).await).await;
    assert_eq!(postgres, lite);
    let statuses: Vec<_> = lite.iter().map(|(_, status, _)| *status).collect();
    assert_eq!(
        statuses,
        [
            201, 409, 401, 201, 401, 200, 204, 409, 422, 201, 409, 422, 200, 200, 412, 409, 200,
            200, 201, 201, 201, 201, 201, 204, 401, 204, 404
        ],
        "{lite:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_meet_do_not_overwrite_each_other() {
    let Some(server) = Postgres::start() else {
        return;
    };
    // Two processes with one database.
    let apis = [(); 2].map(|()| {
        let url = server.url();
        let variables = [("DATABASE_URL", &*url), ("RATE_LIMIT_FACTOR", "100")];
        Api::start_with(&variables)
    });
    let [here, there] = &apis;
    let both = || apis.iter().cycle();
    let token = here.token("ada@example.com").await;
    let grace = |age: u8| json!({ "name": "Grace", "email": "grace@example.com", "age": age });
    let create = here.post("/api/users").bearer(&token).json(&grace(36));
    create.send().await.is(201);

    let writes = both().take(50).zip(20_u8..).map(|(api, age)| {
        let put = api.put("/api/users/2").bearer(&token).json(&grace(age));
        put.header("if-match", "\"1\"").send()
    });
    let mut statuses: Vec<_> = join_all(writes)
        .await
        .iter()
        .map(|answer| answer.status)
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses[0], 200);
    assert!(
        statuses[1..].iter().all(|status| *status == 412),
        "{statuses:?}"
    );

    // Each process has a store of keys of its own; the database has one.
    let payment = json!({ "amount": 1999, "currency": "EUR" });
    let payments = both().take(20).map(|api| {
        let pay = api.post("/api/payments").bearer(&token).json(&payment);
        pay.header("idempotency-key", "\"once\"").send()
    });
    let answers = join_all(payments).await;
    let made: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == 201)
        .collect();
    assert!(!made.is_empty());
    for answer in &answers {
        match answer.status.as_u16() {
            201 => assert_eq!(answer.json(), made[0].json()),
            status => assert_eq!(status, 409),
        }
    }

    // A process that has answered none of them knows from the database what was paid with the key.
    let url = server.url();
    let later = Api::start_with(&[("DATABASE_URL", &*url)]);
    for (amount, status) in [(1999, 201), (5000, 422)] {
        let payment = json!({ "amount": amount, "currency": "EUR" });
        let pay = later.post("/api/payments").bearer(&token).json(&payment);
        let pay = pay.header("idempotency-key", "\"once\"");
        let answer = pay.send().await.is(status);
        if status == 201 {
            assert_eq!(answer.json(), made[0].json());
        }
    }

    // Of two tabs that refresh, one gets a token; the other is not taken for a thief.
    let jar = there.log_in("ada@example.com").await.is(200).jar();
    let refreshed = join_all(both().take(10).map(|api| api.refresh(&jar))).await;
    let won: Vec<_> = refreshed
        .iter()
        .filter(|answer| answer.status == 204)
        .collect();
    assert_eq!(won.len(), 1);
    assert!(
        refreshed
            .iter()
            .all(|answer| [204, 409].contains(&answer.status.as_u16()))
    );
    here.refreshed(&won[0].jar()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_down_is_503_and_comes_back() {
    let Some(mut server) = Postgres::start() else {
        return;
    };
    let api = api_with(&server.url()).await;
    let token = api.token("ada@example.com").await;
    let show = || api.get("/api/users/1").bearer(&token).send();
    show().await.is(200);

    server.stop();
    let begun = Instant::now();
    let problem = show().await.refused(503);
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
    assert!(!problem.to_string().contains("127.0.0.1"), "{problem}");
    // What needs no database works.
    api.get("/api/hello").send().await.is(200);

    server.run();
    show().await.is(200);
    api.log_in("ada@example.com").await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_together_find_one_database() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let url = server.url();
    let starts = (0..4).map(|_| {
        let url = url.clone();
        tokio::task::spawn_blocking(move || Api::start_with(&[("DATABASE_URL", &url)]))
    });
    let apis: Vec<_> = join_all(starts)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    apis[0].register("ada@example.com").await.is(201);
    for api in &apis {
        api.log_in("ada@example.com").await.is(200);
    }
}

#[tokio::test]
async fn a_process_that_starts_later_knows_logins_and_the_admin() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let url = server.url();
    let admin = json!({ "email": "root@example.com", "password": "correct horse" });
    let start = || {
        Api::start_with(&[
            ("DATABASE_URL", &*url),
            ("ADMIN_EMAIL", "Root@example.com"),
            ("ADMIN_PASSWORD", "correct horse"),
        ])
    };
    let first = start();
    let jar = first.browser("ada@example.com").await;
    drop(first);
    let later = start();
    later.refreshed(&jar).await;
    let answer = later.post("/api/auth/login").json(&admin).send().await;
    let overview = later.get("/api/admin/users").bearer(&answer.token());
    let overview = overview.send().await.is(200).json();
    let known: Vec<_> = [0, 1]
        .map(|n| &overview["users"][n])
        .map(|user| (&user["email"], &user["has_account"], &user["logins"]))
        .into();
    let (root, ada) = (json!("Root@example.com"), json!("ada@example.com"));
    let (yes, one) = (json!(true), json!(1));
    assert_eq!(known, [(&root, &yes, &one), (&ada, &yes, &one)]);
}

#[test]
fn the_password_of_the_database_is_not_shown() {
    let url = DatabaseUrl::new("postgres://app:hidden%40@db.example.com:6432/main?sslmode=require");
    assert_eq!(url.to_string(), "PostgreSQL at db.example.com:6432");
    assert_eq!(format!("{url:?}"), "PostgreSQL at db.example.com:6432");
    let bad = DatabaseUrl::new("postgres://app:hidden@db:port/main");
    assert_eq!(bad.to_string(), "PostgreSQL");
}
