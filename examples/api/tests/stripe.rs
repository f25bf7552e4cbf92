//! Events of Stripe: who may send them, and what they do.

mod support;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use example_api::{Config, DatabaseUrl};
use serde_json::{Value, json};
use sqlx::{Row, SqlitePool};
use support::{Api, STRIPE_SECRET, answer::Answer, clock::TestClock, config, database::File};
use wythe::webhook::WebhookScheme;

const PATH: &str = "/api/webhooks/stripe";

/// What the clock of the tests shows.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn payment(event: &str, kind: &str, payment: &str) -> Value {
    json!({
        "id": event,
        "object": "event",
        "type": kind,
        "data": { "object": { "id": payment, "amount": 1099, "currency": "eur" } },
    })
}

/// Sends an event that was signed at this time.
async fn send_at(api: &Api, event: &Value, time: SystemTime) -> Answer {
    let body = event.to_string();
    let scheme = WebhookScheme::stripe(STRIPE_SECRET).unwrap();
    let fields = scheme.sign("", time, &body).unwrap();
    let signature = fields["stripe-signature"].to_str().unwrap();
    let call = api.post(PATH).header("stripe-signature", signature);
    call.json(event).send().await
}

/// The statuses of the payments in the database.
async fn statuses(file: &File) -> Vec<(String, String)> {
    let pool = SqlitePool::connect(file.path()).await.unwrap();
    let rows = sqlx::query("SELECT id, status FROM stripe_payments ORDER BY id");
    let rows = rows.fetch_all(&pool).await.unwrap();
    let rows = rows.iter().map(|row| (row.get("id"), row.get("status")));
    let rows = rows.collect();
    pool.close().await;
    rows
}

#[tokio::test]
async fn payments_are_settled_once_by_signed_events() {
    let file = File::new();
    let api = Api::run(Config {
        database_url: Some(DatabaseUrl::new(file.path())),
        clock: TestClock::new().reader(),
        ..config()
    })
    .await;
    let send = async |event: &Value| send_at(&api, event, now()).await;

    let failed = payment("evt_1", "payment_intent.payment_failed", "pi_1");
    let answer = send(&failed).await.is(200);
    assert_eq!(answer.json(), json!({ "received": true }));
    let succeeded = payment("evt_2", "payment_intent.succeeded", "pi_1");
    send(&succeeded).await.is(200);
    let paid = [("pi_1".to_owned(), "succeeded".to_owned())];
    assert_eq!(statuses(&file).await, paid);

    // Events of other types, and events that come too late, change nothing.
    let other = payment("evt_3", "charge.updated", "pi_3");
    assert_eq!(
        send(&other).await.is(200).json(),
        json!({ "received": true })
    );
    send(&payment("evt_4", "payment_intent.payment_failed", "pi_1"))
        .await
        .is(200);
    assert_eq!(statuses(&file).await, paid);

    // An event that was handled before is answered and not handled.
    let pool = SqlitePool::connect(file.path()).await.unwrap();
    sqlx::query("DELETE FROM stripe_payments")
        .execute(&pool)
        .await
        .unwrap();
    pool.close().await;
    let again = send(&succeeded).await.is(200);
    assert_eq!(again.json(), json!({ "received": true }));
    assert_eq!(statuses(&file).await, []);
}

#[tokio::test]
async fn events_without_a_valid_signature_are_rejected() {
    let (api, _) = Api::with_test_clock().await;
    let event = payment("evt_1", "payment_intent.succeeded", "pi_1");
    let six_minutes = Duration::from_secs(360);
    for time in [now() - six_minutes, now() + six_minutes] {
        let answer = send_at(&api, &event, time).await.is(400);
        let detail = answer.json()["detail"].to_string();
        assert!(detail.contains("timestamp"), "{detail}");
    }
    api.post(PATH).json(&event).send().await.is(400);
    let forged = api.post(PATH).header("stripe-signature", "t=1,v1=0");
    forged.json(&event).send().await.is(400);
    let shapeless = json!({ "id": "evt_2", "type": "payment_intent.succeeded" });
    send_at(&api, &shapeless, now()).await.is(422);
    let not_storable = payment("evt_3", "payment_intent.succeeded", "pi\0");
    send_at(&api, &not_storable, now()).await.is(422);
    send_at(&api, &event, now()).await.is(200);
}
