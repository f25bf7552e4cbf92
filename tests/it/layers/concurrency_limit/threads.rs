//! Limits hold when many threads send requests at once.

use std::{
    convert::Infallible,
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use http::{Request, Response, StatusCode};
use tower::{Layer, ServiceExt, service_fn};
use wythe::{ConcurrencyLimit, with_concurrency_limit};

use super::{ask, counts, has_room, now, only, send};
use crate::common::{Body, empty, read};

const THREADS: usize = 8;

fn with(key: usize) -> Request<Body> {
    let mut request = Request::new(empty());
    request.extensions_mut().insert(key);
    request
}

#[test]
fn exactly_the_limit_is_in_progress_in_any_order() {
    for max in [1, 5, 100] {
        let layer = only(max);
        let start = Barrier::new(THREADS);
        let held: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|_| {
                    scope.spawn(|| {
                        let layer = layer.clone();
                        start.wait();
                        let answers = (0..50).map(|_| ask(&layer));
                        answers
                            .filter(|answer| answer.status() == StatusCode::OK)
                            .collect::<Vec<_>>()
                    })
                })
                .collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap())
                .collect()
        });
        assert_eq!(held.len(), max);
        assert_eq!(counts(&layer), (max, 0));
        // Released by another thread than the one that took it.
        drop(held);
        assert_eq!(counts(&layer), (0, 0));
    }
}

#[test]
fn keys_used_by_many_threads_keep_their_limits_and_are_forgotten() {
    const KEYS: usize = 3;
    const MAX_CONCURRENT: usize = 2;
    let limit = ConcurrencyLimit::of(MAX_CONCURRENT).unwrap();
    let layer = with_concurrency_limit(limit.by(|head| head.extensions().get::<usize>().copied()));
    let inside: [AtomicUsize; KEYS] = Default::default();
    let (passed, start) = (AtomicUsize::new(0), Barrier::new(THREADS));
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (layer, inside, passed, start) = (layer.clone(), &inside, &passed, &start);
            scope.spawn(move || {
                start.wait();
                for n in 0..20_000 {
                    let key = (n + number) % KEYS;
                    let Ok(answer) = now(send(&layer, with(key)));
                    if answer.status() != StatusCode::OK {
                        continue;
                    }
                    let others = inside[key].fetch_add(1, Ordering::SeqCst);
                    assert!(
                        others < MAX_CONCURRENT,
                        "{others} others of key {key} are in progress"
                    );
                    passed.fetch_add(1, Ordering::SeqCst);
                    inside[key].fetch_sub(1, Ordering::SeqCst);
                    drop(answer);
                }
            });
        }
    });
    assert!(passed.into_inner() > 0);
    assert_eq!((counts(&layer), layer.inner().keys()), ((0, 0), 0));
}

/// A handler at work, or one that is being dropped.
struct Inside(Arc<AtomicUsize>);

impl Inside {
    fn new(inside: Arc<AtomicUsize>, peak: &AtomicUsize) -> Self {
        peak.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        Self(inside)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_waiting_request_is_served_and_the_limit_is_never_exceeded() {
    const MAX_CONCURRENT: usize = 3;
    const REQUESTS: usize = 2_000;
    let inside = Arc::new(AtomicUsize::new(0));
    let peak = Arc::new(AtomicUsize::new(0));
    let handler = {
        let (inside, peak) = (Arc::clone(&inside), Arc::clone(&peak));
        service_fn(move |_: Request<Body>| {
            let (inside, peak) = (Arc::clone(&inside), Arc::clone(&peak));
            async move {
                let inside = Inside::new(inside, &peak);
                tokio::task::yield_now().await;
                drop(inside);
                Ok::<_, Infallible>(Response::new(Body::from("ok")))
            }
        })
    };
    let limit = ConcurrencyLimit::of(MAX_CONCURRENT).unwrap();
    let limit = limit.queue(REQUESTS, Duration::from_secs(300)).unwrap();
    let layer = with_concurrency_limit(limit);
    let tasks: Vec<_> = (0..REQUESTS)
        .map(|n| {
            let service = layer.layer(handler.clone());
            tokio::spawn(async move {
                let call = service.oneshot(Request::new(empty()));
                // Some leave while they wait or are served.
                if n % 5 == 0 {
                    let soon = Duration::from_micros(n as u64 % 300);
                    return tokio::time::timeout(soon, call).await.is_ok();
                }
                let Ok(answer) = call.await;
                assert_eq!(answer.status(), StatusCode::OK);
                read(answer).await.body() == "ok"
            })
        })
        .collect();
    for (n, task) in tasks.into_iter().enumerate() {
        assert!(task.await.unwrap() || n % 5 == 0);
    }
    assert_eq!(counts(&layer), (0, 0));
    assert!(has_room(&layer));
    assert!(peak.load(Ordering::SeqCst) <= MAX_CONCURRENT);
}
