//! What only the admin may do, and who the admin is.

mod support;

use http::Version;
use serde_json::json;
use support::{
    Api,
    answer::{Answer, Jar},
    database::File,
};

const EMAIL: &str = "root@example.com";
const PASSWORD: &str = "a long password";

/// Starts the program with an admin who has this password.
fn start(file: &File, password: &str) -> Api {
    Api::start_with(&[
        ("DATABASE_URL", file.path()),
        ("ADMIN_EMAIL", EMAIL),
        ("ADMIN_PASSWORD", password),
    ])
}

async fn log_in(api: &Api, password: &str) -> Answer {
    let account = json!({ "email": EMAIL, "password": password });
    let login = api.post("/api/auth/login").json(&account);
    login.send().await
}

async fn list(api: &Api, jar: &Jar) -> Answer {
    api.get("/api/admin/users").jar(jar).send().await
}

/// Checks that the response names the missing scope.
#[track_caller]
fn is_not_admin(answer: Answer) {
    let challenge = r#"Bearer error="insufficient_scope", scope="users:admin""#;
    assert_eq!(answer.field("www-authenticate"), challenge);
    let answer = answer.is(403);
    assert_eq!(answer.json()["title"], "Forbidden");
}

#[tokio::test]
async fn the_admin_sees_all_users_and_deletes_any() {
    let file = File::new();
    let api = start(&file, PASSWORD);
    let ada = api.browser("ada@example.com").await;
    api.log_in("ada@example.com").await.is(200);
    let admin = log_in(&api, PASSWORD).await.is(200).jar();

    let listed = list(&api, &admin).await.is(200);
    assert_eq!(listed.field("cache-control"), "no-store");
    let user = |id: u32, email: &str, logins: u32| {
        json!({
            "id": id, "name": null, "email": email, "age": null,
            "has_account": true, "logins": logins,
        })
    };
    let expected = json!([user(0, EMAIL, 1), user(1, "ada@example.com", 2)]);
    let expected = json!({ "users": expected, "page": 1, "per_page": 20, "total": 2 });
    assert_eq!(listed.json(), expected);

    let delete = |jar: &Jar, id: &str| {
        let path = format!("/api/admin/users/{id}");
        api.delete(&path).jar(jar).send()
    };
    is_not_admin(delete(&ada, "0").await);
    delete(&admin, "1").await.is(204);
    delete(&admin, "1").await.refused(404);
    delete(&admin, "x").await.refused(400);
    api.refresh(&ada).await.refused(401);
    api.log_in("ada@example.com").await.refused(401);

    // A refreshed token has the scope as well.
    let admin = api.refresh(&admin).await.is(204).jar();
    list(&api, &admin).await.is(200);
}

#[tokio::test]
async fn there_is_no_admin_by_default() {
    let api = Api::start(Version::HTTP_11);
    let answer = api.get("/api/admin/users").send().await;
    assert_eq!(answer.field("www-authenticate"), r#"Bearer realm="api""#);
    answer.refused(401);
    // Neither the user who registers first, nor one with any particular address.
    for email in ["ada@example.com", EMAIL] {
        let jar = api.browser(email).await;
        is_not_admin(list(&api, &jar).await);
        let delete = api.delete("/api/admin/users/1").jar(&jar);
        is_not_admin(delete.send().await);
    }
}

#[tokio::test]
async fn the_configuration_decides_who_is_the_admin() {
    let file = File::new();
    let api = start(&file, PASSWORD);
    api.register(EMAIL).await.refused(409);
    let jar = log_in(&api, PASSWORD).await.is(200).jar();
    drop(api);

    // Nothing has changed.
    let api = start(&file, PASSWORD);
    let jar = api.refresh(&jar).await.is(204).jar();
    drop(api);

    // Another password ends the logins that the old one started.
    let api = start(&file, "another password");
    api.refresh(&jar).await.refused(401);
    log_in(&api, PASSWORD).await.refused(401);
    let jar = log_in(&api, "another password").await.is(200).jar();
    drop(api);

    // There is no admin.
    let api = Api::start_with(&[("DATABASE_URL", file.path())]);
    api.refresh(&jar).await.refused(401);
    log_in(&api, "another password").await.refused(401);
    let registered = api.register(EMAIL).await.is(201);
    assert_eq!(registered.json()["id"], 1);
}
