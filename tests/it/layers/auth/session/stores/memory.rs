//! Sessions in memory: how many are kept, and which have to go.

use std::{
    num::NonZeroUsize,
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

use bytes::Bytes;
use wythe::auth::{MemorySessions, SessionOwner, SessionRecord, SessionStore, SessionsByOwner};

use crate::common::sessions::{WallClock, id};

fn of(sessions: usize, clock: &WallClock) -> MemorySessions {
    MemorySessions::new(NonZeroUsize::new(sessions).unwrap()).clock(clock.show())
}

async fn has(store: &MemorySessions, number: u32) -> bool {
    store.load(&id(number)).await.unwrap().is_some()
}

#[tokio::test]
async fn a_flood_of_sign_ins_displaces_only_itself() {
    let clock = WallClock::default();
    let store = of(8, &clock);
    // Four have signed in, and have come back.
    for n in 0..4 {
        store
            .insert(id(n), clock.session("signed in", 60))
            .await
            .unwrap();
        assert!(has(&store, n).await);
    }
    for n in 100..10_000 {
        store
            .insert(id(n), clock.session("flood", 3_600))
            .await
            .unwrap();
        assert!(store.len() <= 8);
    }
    // Somebody else signs in meanwhile.
    store
        .insert(id(5), clock.session("new", 7_200))
        .await
        .unwrap();
    for n in 20_000..20_003 {
        store
            .insert(id(n), clock.session("flood", 3_600))
            .await
            .unwrap();
    }
    for n in [0, 1, 2, 3, 5] {
        assert!(has(&store, n).await, "{n} was signed out");
    }
}

#[tokio::test]
async fn updates_and_touches_count_as_use() {
    let clock = WallClock::default();
    let store = of(1, &clock);
    for changes in [true, false] {
        store.insert(id(1), clock.session("a", 60)).await.unwrap();
        let ends = clock.now() + Duration::from_secs(60);
        assert!(match changes {
            true => store.update(&id(1), &"a".into(), "b".into()).await.unwrap(),
            false => store.touch(&id(1), ends).await.unwrap(),
        });
        let refused = store.insert(id(2), clock.session("c", 60)).await;
        assert!(refused.unwrap_err().is_full(), "{changes}");
        assert!(store.remove(&id(1)).await.unwrap());
    }
}

#[tokio::test]
async fn if_all_sessions_are_in_use_a_new_one_is_refused_until_one_ends() {
    let clock = WallClock::default();
    let store = of(4, &clock);
    for n in 0..4 {
        let session = clock.session("signed in", 60 + u64::from(n));
        store.insert(id(n), session).await.unwrap();
        assert!(has(&store, n).await);
    }
    let new = || clock.session("new", 600);
    let refused = store.insert(id(9), new()).await.unwrap_err();
    assert!(refused.is_full());
    assert_eq!(refused.to_string(), "there is no room for another session");

    store.remove(&id(3)).await.unwrap();
    store.insert(id(10), new()).await.unwrap();
    assert!(has(&store, 10).await);
    assert!(store.insert(id(11), new()).await.unwrap_err().is_full());

    clock.advance(Duration::from_secs(60));
    store.insert(id(12), new()).await.unwrap();
    assert!(!has(&store, 0).await && has(&store, 1).await && has(&store, 10).await);
}

#[tokio::test]
async fn never_more_than_was_said() {
    for max in [1, 7, 1_024, 3_000, 10_000] {
        let clock = WallClock::default();
        let store = of(max, &clock);
        for n in 0..u32::try_from(max + max / 5).unwrap() {
            store.insert(id(n), clock.session("", 60)).await.unwrap();
        }
        assert!(
            store.len() <= max && store.len() >= max * 9 / 10,
            "{max}: {store:?}"
        );
    }
}

/// Asks in one of five ways for a session that is not there.
async fn ask(way: u32, store: &MemorySessions, clock: &WallClock, number: u32) {
    let id = id(number);
    match way {
        0 => assert_eq!(store.load(&id).await.unwrap(), None),
        1 => assert!(!store.update(&id, &"".into(), "".into()).await.unwrap()),
        2 => assert!(!store.touch(&id, clock.now()).await.unwrap()),
        3 => assert!(!store.remove(&id).await.unwrap()),
        _ => {
            store.insert(id, clock.session("", 60)).await.unwrap();
            assert!(store.remove(&id).await.unwrap());
        }
    }
}

#[tokio::test]
async fn expired_sessions_are_swept_whatever_is_requested() {
    for way in 0..5 {
        let clock = WallClock::default();
        let store = MemorySessions::default().clock(clock.show());
        for n in 0..5_000 {
            let session = clock.session("", 60);
            store.insert(id(n), session).await.unwrap();
        }
        assert_eq!(store.len(), 5_000);
        clock.advance(Duration::from_secs(120));
        // Each goes through a part of it.
        ask(way, &store, &clock, 1 << 20).await;
        assert!((4_500..5_000).contains(&store.len()), "{store:?}");
        for n in 0..100 {
            ask(way, &store, &clock, (1 << 20) + n).await;
        }
        assert!(store.is_empty(), "{store:?}");
    }
}

/// A session that goes on under another id while all of its owner's end must not be missed.
#[tokio::test]
async fn an_owner_gets_no_new_session_while_all_are_being_ended() {
    let clock = WallClock::default();
    let store = of(100_000, &clock);
    let [alice, bob] = ["alice", "bob"].map(SessionOwner::new);
    let session = |owner| clock.session("", 60).owned_by(owner);
    for n in 0..1_000 {
        store.insert(id(n), session(alice)).await.unwrap();
    }
    let mut ending = Box::pin(store.remove_owned(&alice));
    let mut context = Context::from_waker(Waker::noop());
    for n in 1_000..1_010 {
        assert!(ending.as_mut().poll(&mut context).is_pending());
        let refused = store.insert(id(n), session(alice)).await.unwrap_err();
        assert!(refused.to_string().contains("being ended"), "{refused}");
        store.insert(id(n), session(bob)).await.unwrap();
    }
    assert_eq!(ending.await.unwrap(), 1_000);
    assert_eq!(store.len(), 10);
    store.insert(id(1), session(alice)).await.unwrap();

    // Given up halfway, it keeps nobody out.
    let mut ending = Box::pin(store.remove_owned(&alice));
    assert!(ending.as_mut().poll(&mut context).is_pending());
    drop(ending);
    store.insert(id(2), session(alice)).await.unwrap();
    assert_eq!(store.remove_owned(&bob).await.unwrap(), 10);
}

#[tokio::test]
async fn clones_share_the_sessions_and_so_does_an_arc() {
    let clock = WallClock::default();
    let store = Arc::new(of(10, &clock));
    let record = clock.session("alice", 60);
    Arc::clone(&store)
        .insert(id(1), record.clone())
        .await
        .unwrap();
    let clone = MemorySessions::clone(&store);
    assert_eq!(clone.load(&id(1)).await.unwrap(), Some(record));
    clone.remove(&id(1)).await.unwrap();
    assert_eq!(store.load(&id(1)).await.unwrap(), None);
}

#[tokio::test]
async fn copies_the_data_out_of_a_larger_buffer() {
    let clock = WallClock::default();
    let store = of(10, &clock);
    let request = Bytes::from(vec![7; 1 << 20]);
    let ends = clock.now() + Duration::from_secs(60);
    let record = SessionRecord::new(request.slice(..10), ends);
    store.insert(id(1), record.clone()).await.unwrap();
    let data = record.data;
    assert!(store.update(&id(1), &data.clone(), data).await.unwrap());
    assert!(request.is_unique(), "the megabyte is still in use");
}

#[test]
fn shows_no_session() {
    let store = MemorySessions::default();
    let shown = format!("{store:?}");
    assert_eq!(shown, "MemorySessions { len: 0, record_bytes: 4096, .. }");
}
