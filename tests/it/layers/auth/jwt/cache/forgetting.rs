//! Dropping tokens on demand.

use std::{
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{OnceLock, mpsc},
    thread,
    time::Duration,
};

use serde::{Deserialize, Deserializer};
use wythe::{
    Jwt, Later, TokenCache,
    auth::{Authenticate, Verdict},
};

use super::{counts, head, of_user, passes};
use crate::layers::auth::jwt::{Claims, hs256};

#[test]
fn a_forgotten_token_is_verified_again() {
    let jwt = hs256::<Claims>();
    let cache = jwt.token_cache().unwrap();
    let (ann, bob) = (of_user("ann"), of_user("bob"));
    assert!(passes(&jwt, &ann) && passes(&jwt, &bob));
    assert!(cache.forget(&ann));
    assert!(!cache.forget(&ann));
    assert!(!cache.forget(""));
    assert!(passes(&jwt, &ann) && passes(&jwt, &bob));
    assert_eq!((cache.len(), counts(cache)), (2, (1, 3)));
}

#[test]
fn the_tokens_of_a_user_are_forgotten() {
    let cache = TokenCache::of(5_000).unwrap();
    let jwt = hs256::<Claims>().cache(&cache);
    for n in 0..1_000 {
        assert!(passes(&jwt, &of_user(&(n % 500).to_string())));
    }
    // The user's two tokens are the same.
    assert_eq!(cache.forget_where(|claims| claims.sub == "7"), 1);
    assert_eq!(cache.forget_where(|claims| claims.sub.len() == 3), 400);
    assert_eq!(cache.len(), 99);
    cache.clear();
    assert!(cache.is_empty());
    assert!(passes(&jwt, &of_user("7")));
    assert_eq!(cache.len(), 1);
}

thread_local! {
    /// What happens while claims are read, after the signature was checked.
    static DURING_VERIFICATION: RefCell<Option<Box<dyn Fn()>>> = const { RefCell::new(None) };
}

/// Claims that take their time.
#[derive(Clone)]
struct Slow;

impl<'de> Deserialize<'de> for Slow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Claims::deserialize(deserializer)?;
        DURING_VERIFICATION.with_borrow(|action| action.iter().for_each(|run| run()));
        Ok(Self)
    }
}

#[test]
fn a_token_that_was_being_verified_when_tokens_were_forgotten_is_not_cached() {
    let ways: [(&str, fn(&TokenCache<Slow>)); 4] = [
        ("clear", TokenCache::clear),
        ("forget_where", |cache| {
            assert_eq!(cache.forget_where(|_| true), 0);
        }),
        ("forget", |cache| assert!(!cache.forget(of_user("ann")))),
        ("forget another", |cache| assert!(!cache.forget("another"))),
    ];
    for (name, forget) in ways {
        let jwt = hs256::<Slow>();
        let cache = jwt.token_cache().unwrap().clone();
        let own = cache.clone();
        DURING_VERIFICATION.set(Some(Box::new(move || forget(&own))));
        for _ in 0..2 {
            let verdict = jwt.authenticate(&head(&of_user("ann")));
            assert!(
                matches!(verdict, Later::Ready(Verdict::Verified(_))),
                "{name}"
            );
            assert!(cache.is_empty(), "{name}");
        }
        DURING_VERIFICATION.set(None);
        let verdict = jwt.authenticate(&head(&of_user("ann")));
        assert!(
            matches!(verdict, Later::Ready(Verdict::Verified(_))),
            "{name}"
        );
        assert_eq!((cache.len(), counts(&cache)), (1, (0, 3)), "{name}");
    }
}

/// Claims that ask the cache when they are cloned and dropped.
#[derive(Deserialize)]
struct ReentrantClaims {
    sub: String,
}

static CACHE: OnceLock<TokenCache<ReentrantClaims>> = OnceLock::new();

fn ask() {
    let cache = CACHE.get().unwrap();
    assert!(cache.len() <= 1);
    cache.forget_where(|_| false);
}

impl Clone for ReentrantClaims {
    fn clone(&self) -> Self {
        ask();
        let sub = self.sub.clone();
        Self { sub }
    }
}

impl Drop for ReentrantClaims {
    fn drop(&mut self) {
        ask();
    }
}

#[test]
fn claims_and_predicates_may_use_the_cache() {
    let (done, finished) = mpsc::channel();
    thread::spawn(move || {
        let cache = CACHE.get_or_init(|| TokenCache::of(1).unwrap());
        let jwt = hs256::<ReentrantClaims>().cache(cache);
        let send = |name: &str| {
            let verdict = jwt.authenticate(&head(&of_user(name)));
            assert!(matches!(verdict, Later::Ready(Verdict::Verified(_))));
        };
        // One is put out by the other, found, forgotten.
        ["ann", "bob", "bob", "ann"]
            .iter()
            .for_each(|name| send(name));
        cache.forget(of_user("ann"));
        send("ann");
        cache.clear();
        send("ann");
        cache.forget_where(|_| {
            cache.clear();
            true
        });
        assert!(cache.is_empty());
        done.send(()).unwrap();
    });
    finished
        .recv_timeout(Duration::from_secs(20))
        .expect("no lock waits for itself");
}

#[test]
fn a_panic_in_the_callers_code_leaves_the_cache_intact() {
    let jwt: Jwt<Claims> = hs256();
    let cache = jwt.token_cache().unwrap();
    assert!(passes(&jwt, &of_user("ann")));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        cache.forget_where(|_| panic!("a mistake"))
    }));
    panicked.unwrap_err();
    assert!(passes(&jwt, &of_user("ann")));
    assert_eq!((cache.len(), counts(cache)), (1, (1, 1)));
}
