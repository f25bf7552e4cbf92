//! What every store does: one table of cases for all of them.

use std::time::Duration;

use bytes::Bytes;
use wythe::{
    Idempotency, ManualClock,
    idempotency::{Acquired, Claim, IdempotencyStore, MemoryAnswers},
};

const LEASE: Duration = Duration::from_secs(30);
const DAY: Duration = Duration::from_secs(86_400);

/// The claim of a request: of this key, payload and owner.
pub(super) const fn claim(key: u8, payload: u8, owner: u8) -> Claim {
    Claim::new([key; 32], [payload; 32], [owner; 16])
}

enum Operation {
    Acquire(Claim, Acquired),
    Renew(Claim, bool),
    Complete(Claim, &'static str, bool),
    Release(Claim, bool),
}

use Operation::{Acquire, Complete, Release, Renew};

const fn in_progress(payload: u8) -> Acquired {
    let payload = [payload; 32];
    Acquired::InProgress { payload }
}

fn answered(payload: u8, answer: &'static str) -> Acquired {
    let (payload, answer) = ([payload; 32], Bytes::from(answer));
    Acquired::Answered { payload, answer }
}

/// Each case has keys of its own.
fn cases() -> Vec<(&'static str, Vec<Operation>)> {
    vec![
        (
            "a key is acquired once",
            vec![
                Acquire(claim(1, 1, 1), Acquired::Free),
                Acquire(claim(1, 1, 2), in_progress(1)),
                Acquire(claim(1, 9, 2), in_progress(1)),
            ],
        ),
        (
            "the answer of a request is that of all others",
            vec![
                Acquire(claim(2, 1, 1), Acquired::Free),
                Complete(claim(2, 1, 1), "one", true),
                Acquire(claim(2, 1, 2), answered(1, "one")),
                Acquire(claim(2, 9, 3), answered(1, "one")),
            ],
        ),
        (
            "a key that is freed is free",
            vec![
                Acquire(claim(3, 1, 1), Acquired::Free),
                Release(claim(3, 1, 1), true),
                Release(claim(3, 1, 1), false),
                Acquire(claim(3, 2, 2), Acquired::Free),
                Acquire(claim(3, 2, 3), in_progress(2)),
            ],
        ),
        (
            "only the owner of a lease changes it",
            vec![
                Acquire(claim(4, 1, 1), Acquired::Free),
                Renew(claim(4, 1, 2), false),
                Complete(claim(4, 1, 2), "two", false),
                Release(claim(4, 1, 2), false),
                Renew(claim(4, 1, 1), true),
                Acquire(claim(4, 1, 3), in_progress(1)),
            ],
        ),
        (
            "an answer stays as it is",
            vec![
                Acquire(claim(5, 1, 1), Acquired::Free),
                Complete(claim(5, 1, 1), "one", true),
                Complete(claim(5, 1, 1), "two", false),
                // The reply to the first may have been lost.
                Complete(claim(5, 1, 1), "one", true),
                Renew(claim(5, 1, 1), false),
                Release(claim(5, 1, 1), false),
                Acquire(claim(5, 1, 2), answered(1, "one")),
            ],
        ),
        (
            "a lease that was lost is taken again, and an answer is not lost with it",
            vec![
                Renew(claim(6, 1, 1), true),
                Acquire(claim(6, 1, 2), in_progress(1)),
                Complete(claim(7, 1, 1), "one", true),
                Acquire(claim(7, 1, 2), answered(1, "one")),
            ],
        ),
        (
            "an answer can be empty",
            vec![
                Acquire(claim(8, 1, 1), Acquired::Free),
                Complete(claim(8, 1, 1), "", true),
                Acquire(claim(8, 1, 2), answered(1, "")),
            ],
        ),
    ]
}

pub(super) async fn does_what_a_store_does(store: &dyn IdempotencyStore) {
    for (name, steps) in cases() {
        for (n, step) in steps.into_iter().enumerate() {
            let case = format!("{name}, step {n}");
            match step {
                Acquire(claim, expected) => {
                    let acquired = store.acquire(&claim, LEASE).wait().await;
                    assert_eq!(acquired.expect(&case), expected, "{case}");
                }
                Renew(claim, expected) => {
                    let renewed = store.renew(&claim, LEASE).wait().await;
                    assert_eq!(renewed.expect(&case), expected, "{case}");
                }
                Complete(claim, answer, expected) => {
                    let completed = store.complete(&claim, answer.into(), DAY).wait().await;
                    assert_eq!(completed.expect(&case), expected, "{case}");
                }
                Release(claim, expected) => {
                    let released = store.release(&claim).wait().await;
                    assert_eq!(released.expect(&case), expected, "{case}");
                }
            }
        }
    }
}

#[tokio::test]
async fn the_memory_does_what_a_store_does() {
    does_what_a_store_does(&MemoryAnswers::default()).await;
    does_what_a_store_does(&MemoryAnswers::new(100, 1_024).unwrap()).await;
}

async fn acquire(store: &MemoryAnswers, claim: &Claim) -> Option<Acquired> {
    store.acquire(claim, LEASE).wait().await.ok()
}

#[tokio::test]
async fn leases_and_answers_expire() {
    let clock = ManualClock::default();
    let store = MemoryAnswers::default().clock(&clock);
    assert_eq!(acquire(&store, &claim(1, 1, 1)).await, Some(Acquired::Free));
    clock.advance(LEASE - Duration::from_nanos(1));
    assert_eq!(acquire(&store, &claim(1, 1, 2)).await, Some(in_progress(1)));
    assert!(store.renew(&claim(1, 1, 1), LEASE).wait().await.unwrap());
    clock.advance(LEASE - Duration::from_nanos(1));
    assert_eq!(acquire(&store, &claim(1, 1, 2)).await, Some(in_progress(1)));
    clock.advance(Duration::from_nanos(1));
    assert_eq!(acquire(&store, &claim(1, 1, 2)).await, Some(Acquired::Free));
    assert!(
        !store
            .complete(&claim(1, 1, 1), "late".into(), DAY)
            .wait()
            .await
            .unwrap()
    );
    assert!(
        store
            .complete(&claim(1, 1, 2), "two".into(), DAY)
            .wait()
            .await
            .unwrap()
    );
    clock.advance(DAY - Duration::from_nanos(1));
    assert_eq!(
        acquire(&store, &claim(1, 1, 3)).await,
        Some(answered(1, "two"))
    );
    clock.advance(Duration::from_nanos(1));
    assert_eq!(acquire(&store, &claim(1, 1, 3)).await, Some(Acquired::Free));
    assert_eq!(store.len(), 1);
}

#[tokio::test]
async fn the_memory_is_bounded_and_drops_the_answers_that_expire_first() {
    let clock = ManualClock::default();
    let store = MemoryAnswers::new(4, 1_024).unwrap().clock(&clock);
    let answer = || Bytes::from(vec![0; 300]);
    for key in 0..100 {
        let claim = claim(key, 1, 1);
        assert_eq!(acquire(&store, &claim).await, Some(Acquired::Free));
        assert!(store.complete(&claim, answer(), DAY).wait().await.unwrap());
        clock.advance(Duration::from_secs(1));
        // Three answers fit.
        assert!(store.len() <= 3);
    }
    assert!(matches!(
        acquire(&store, &claim(99, 1, 2)).await,
        Some(Acquired::Answered { .. })
    ));
    assert_eq!(acquire(&store, &claim(0, 1, 2)).await, Some(Acquired::Free));
    let too_long = Bytes::from(vec![0; 1_025]);
    let refused = store.complete(&claim(0, 1, 2), too_long, DAY).wait().await;
    assert_eq!(refused.unwrap_err().to_string(), "the store has no room");
    assert_eq!(store.max_answer_bytes(), 1_024);
}

#[test]
fn a_policy_accepts_no_longer_answers_than_its_store() {
    let policy = Idempotency::in_memory;
    drop(policy().max_answer_bytes(4 * 1024 * 1024).unwrap());
    let error = policy().max_answer_bytes(4 * 1024 * 1024 + 1).unwrap_err();
    assert!(error.to_string().contains("use a larger store"), "{error}");
}

#[tokio::test]
async fn requests_in_progress_are_never_dropped() {
    let store = MemoryAnswers::new(3, 1_024).unwrap();
    for key in 0..3 {
        assert_eq!(
            acquire(&store, &claim(key, 1, 1)).await,
            Some(Acquired::Free)
        );
    }
    assert_eq!(acquire(&store, &claim(3, 1, 1)).await, None);
    for key in 0..3 {
        assert_eq!(
            acquire(&store, &claim(key, 1, 2)).await,
            Some(in_progress(1))
        );
    }
    assert!(store.release(&claim(1, 1, 1)).wait().await.unwrap());
    assert_eq!(acquire(&store, &claim(3, 1, 1)).await, Some(Acquired::Free));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_claims_at_once_one_acquires_the_key() {
    let store = MemoryAnswers::default();
    for key in 0..50 {
        let claims: Vec<_> = (0..20)
            .map(|owner| {
                let store = store.clone();
                tokio::spawn(async move { acquire(&store, &claim(key, 1, owner)).await })
            })
            .collect();
        let mut free = 0;
        for claim in claims {
            free += u32::from(claim.await.unwrap() == Some(Acquired::Free));
        }
        assert_eq!(free, 1);
    }
}
