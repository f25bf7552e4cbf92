//! What the log is told.

use std::{sync::mpsc, thread, time::Duration};

use serde_json::json;
use tokio::{runtime::Builder, time::advance};
use tracing::{Event, Metadata, Subscriber, span};
use wythe::Jwks;

use super::{scripted::Scripted, set, settle, signer::Signer, status};
use crate::common::log::{Log, listen};

#[tokio::test(start_paused = true)]
async fn logs_each_failure_once_and_the_recovery() {
    let (log, _guard) = Log::listen();
    let signer = Signer::p256("a");
    let provider = Scripted::new(set(&[signer.jwk()]));
    let keys = Jwks::url("https://id.example.com/keys?api_key=hush").unwrap();
    let keys = keys.transport(provider.clone());
    keys.prefetch().await.unwrap();
    assert_eq!(log.take(), "");
    provider.fails();
    advance(Duration::from_secs(601)).await;
    for _ in 0..10 {
        assert_eq!(status(&keys, &signer.token()).await, 200);
        settle().await;
    }
    let failed = log.take();
    assert_eq!(failed.lines().count(), 1, "{failed}");
    for part in [
        "WARN",
        "fetching keys failed",
        "cause=the keys could not be fetched: down",
        "failures=1",
        "usable=true",
        "https://id.example.com/keys",
    ] {
        assert!(failed.contains(part), "{part}: {failed}");
    }
    assert!(!failed.contains("hush"), "{failed}");
    provider.answers(set(&[signer.jwk()]));
    advance(Duration::from_secs(2)).await;
    assert_eq!(status(&keys, &signer.token()).await, 200);
    settle().await;
    let recovered = log.take();
    assert_eq!(recovered.lines().count(), 1, "{recovered}");
    assert!(recovered.starts_with("INFO"), "{recovered}");
    assert!(
        recovered.contains("fetching keys succeeded again"),
        "{recovered}"
    );
}

#[tokio::test(start_paused = true)]
async fn warns_of_secret_keys_without_showing_them() {
    let (log, _guard) = Log::listen();
    let secret = "c2VjcmV0".repeat(8);
    let oct = json!({"kty": "oct", "k": secret});
    let keys = Scripted::new(set(&[oct, Signer::p256("a").jwk()])).keys();
    keys.prefetch().await.unwrap();
    let events = log.take();
    assert!(
        events.starts_with("WARN") && events.contains("secret=1"),
        "{events}"
    );
    assert!(!events.contains(&secret), "{events}");
}

/// Looks at the keys whenever something is logged.
struct Watch(Jwks, mpsc::Sender<u32>);

impl Subscriber for Watch {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "wythe"
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &Event<'_>) {
        self.1.send(self.0.status().failures).unwrap();
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[test]
fn a_log_subscriber_may_read_the_status() {
    let provider = Scripted::new(String::new());
    provider.fails();
    let keys = provider.keys();
    let (sender, receiver) = mpsc::channel();
    let watch = Watch(keys.clone(), sender);
    // On a thread of its own, which nobody waits for if it hangs.
    thread::spawn(move || {
        let _guard = listen(watch);
        let runtime = Builder::new_current_thread().enable_time().build();
        runtime.unwrap().block_on(keys.prefetch()).unwrap_err();
    });
    assert_eq!(receiver.recv_timeout(Duration::from_secs(10)), Ok(1));
}
