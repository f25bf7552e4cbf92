//! The version of a user, from `ETag` to `If-Match`: no write is lost.

mod support;

use futures_util::future::join_all;
use http::Version;
use serde_json::{Value, json};
use support::{Api, ORIGIN};

fn grace(age: u8) -> Value {
    json!({ "name": "Grace", "email": "grace@example.com", "age": age })
}

/// A signed-in user, and Grace as user 2.
async fn with_grace(version: Version) -> (Api, String) {
    let api = Api::start(version);
    let token = api.token("ada@example.com").await;
    let create = api.post("/api/users").bearer(&token).json(&grace(36));
    create.send().await.is(201);
    (api, token)
}

#[tokio::test]
async fn a_client_that_has_the_version_gets_no_content() {
    let (api, token) = with_grace(Version::HTTP_11).await;
    let show = |tag: &str| {
        let show = api.get("/api/users/2").bearer(&token);
        show.header("if-none-match", tag).header("origin", ORIGIN)
    };
    for tag in ["\"1\"", "W/\"1\"", "\"0\", \"1\"", "*"] {
        let answer = show(tag).send().await.is(304);
        assert!(answer.body.is_empty());
        assert_eq!(answer.field("etag"), "\"1\"");
        assert_eq!(answer.field("cache-control"), "private, no-cache");
        assert_eq!(answer.field("access-control-allow-origin"), ORIGIN);
        assert!(!answer.headers.contains_key("content-type"));
    }
    show("\"2\"").send().await.is(200);
    let unknown = api.get("/api/users/9").bearer(&token);
    unknown
        .header("if-none-match", "*")
        .send()
        .await
        .refused(404);
}

#[tokio::test]
async fn writes_need_the_current_version() {
    let (api, token) = with_grace(Version::HTTP_2).await;
    let put = |age: u8| api.put("/api/users/2").bearer(&token).json(&grace(age));
    let delete = || api.delete("/api/users/2").bearer(&token);
    put(37).send().await.refused(428);
    delete().send().await.refused(428);
    put(37).header("if-match", "1").send().await.refused(400);
    put(37)
        .header("if-match", "W/\"1\"")
        .send()
        .await
        .refused(412);
    put(37)
        .header("if-none-match", "*")
        .send()
        .await
        .refused(412);

    let answer = put(37).header("if-match", "\"1\"").send().await.is(200);
    assert_eq!(answer.field("etag"), "\"2\"");
    put(38)
        .header("if-match", "\"1\"")
        .send()
        .await
        .refused(412);
    delete()
        .header("if-match", "\"1\"")
        .send()
        .await
        .refused(412);
    let shown = api.get("/api/users/2").bearer(&token).send().await.is(200);
    assert_eq!(shown.json()["age"], 37);

    // What is not a precondition comes first.
    let nobody = api.put("/api/users/2").json(&grace(37));
    nobody.header("if-match", "\"1\"").send().await.refused(401);
    let invalid = put(7).header("if-match", "\"1\"");
    invalid.send().await.refused(422);
    let unknown = api.put("/api/users/9").bearer(&token).json(&grace(37));
    unknown
        .header("if-match", "\"1\"")
        .send()
        .await
        .refused(404);

    // The owner of an account alone may change it, whatever the precondition says.
    api.token("bob@example.com").await;
    let account = || api.put("/api/users/3").bearer(&token).json(&grace(37));
    for tag in ["\"999\"", "*"] {
        account().header("if-match", tag).send().await.refused(403);
    }
    // The same path, spelled in another way.
    let spelled = api.put("/api/users/%32").bearer(&token).json(&grace(39));
    let answer = spelled.header("if-match", "\"2\"").send().await.is(200);
    assert_eq!(answer.field("etag"), "\"3\"");

    delete().header("if-match", "\"3\"").send().await.is(204);
    delete()
        .header("if-match", "\"3\"")
        .send()
        .await
        .refused(404);
}

async fn of_50_writes_with_one_version_one_is_performed(version: Version) {
    let (api, token) = with_grace(version).await;
    for round in 1..=3 {
        let tag = format!("\"{round}\"");
        let writes = (0..50_u8).map(|n| {
            let put = api.put("/api/users/2").bearer(&token);
            put.json(&grace(20 + n)).header("if-match", &tag).send()
        });
        let answers = join_all(writes).await;
        let (won, lost): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.status == 200);
        assert_eq!((won.len(), lost.len()), (1, 49));
        for answer in lost {
            answer.refused(412);
        }
        let shown = api.get("/api/users/2").bearer(&token).send().await.is(200);
        assert_eq!(shown.json(), won[0].json());
        assert_eq!(shown.field("etag"), won[0].field("etag"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_50_writes_one_is_performed_over_http1() {
    of_50_writes_with_one_version_one_is_performed(Version::HTTP_11).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_50_writes_one_is_performed_over_http2() {
    of_50_writes_with_one_version_one_is_performed(Version::HTTP_2).await;
}
