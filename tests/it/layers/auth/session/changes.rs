//! Changes of the data of a stored session by several requests.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use wythe::{
    Sessions, StoredSessions,
    auth::{MemorySessions, RedisSessions, SessionStore},
};

use super::fixture::{Clock, Store, User, ask, sent, session, stored, user};
use crate::common::redis::Server;

/// The tests of this file need a session of their own data: those of a cart.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
struct Cart {
    items: Vec<u32>,
}

/// The session of a cookie that was just set.
async fn session_of(
    sessions: &StoredSessions<Cart>,
    cookie: &wythe::SessionCookie,
) -> wythe::Session<Cart> {
    use wythe::{Auth, with_auth};

    use crate::common::{Body, empty, get, send_to};

    let cookie = format!("{}={}", cookie.name(), cookie.value());
    let request = get("/").header("cookie", cookie).body(empty()).unwrap();
    let response = send_to(
        &with_auth(sessions.clone()),
        request,
        |request| async move {
            let Auth(session) = request
                .extensions()
                .get::<Auth<wythe::Session<Cart>>>()
                .unwrap();
            let mut response = http::Response::new(Body::default());
            response.extensions_mut().insert(session.clone());
            Ok::<_, std::convert::Infallible>(response)
        },
    )
    .await;
    response
        .extensions()
        .get::<wythe::Session<Cart>>()
        .unwrap()
        .clone()
}

/// Many requests begin with the same session, and each adds to it.
async fn no_change_is_lost(store: impl SessionStore) {
    let sessions = Sessions::<Cart>::stored(store).unwrap();
    let cookie = sessions.login(&Cart::default()).await.unwrap();
    let session = session_of(&sessions, &cookie).await;
    let changes: Vec<_> = (0..5)
        .map(|item| {
            let (sessions, session) = (sessions.clone(), session.clone());
            tokio::spawn(async move {
                let changed = sessions.update(&session, |cart| cart.items.push(item));
                let changed = changed.await.unwrap();
                assert!(changed.items.contains(&item));
            })
        })
        .collect();
    for change in changes {
        change.await.unwrap();
    }
    let mut items = session_of(&sessions, &cookie).await.items.clone();
    items.sort_unstable();
    assert_eq!(items, [0, 1, 2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn five_requests_in_parallel_lose_no_change() {
    no_change_is_lost(Store::default()).await;
    for _ in 0..20 {
        no_change_is_lost(MemorySessions::default()).await;
        no_change_is_lost(Arc::new(MemorySessions::default())).await;
    }
    let Some(server) = Server::start() else {
        return;
    };
    let redis = RedisSessions::open(&server.url()).unwrap();
    let redis = redis.timeout(Duration::from_secs(10)).unwrap();
    for _ in 0..20 {
        no_change_is_lost(redis.clone()).await;
    }
}

#[tokio::test]
async fn a_change_starts_from_what_the_store_has_now() {
    let store = Store::default();
    let sessions = stored(&Clock::new(), &store);
    let cookie = sent(sessions.login(&user("alice")).await.unwrap());
    // Both requests begin with the same data.
    let (first, second) = (
        session(&sessions, &cookie).await,
        session(&sessions, &cookie).await,
    );
    let change = |user: &mut User| user.name.push('1');
    sessions.update(&first, change).await.unwrap();
    // A third comes between the load and the change of the second.
    let others = store.clone();
    store.before("update", move || {
        let mut records = others.records();
        for record in records.values_mut() {
            let data = String::from_utf8(record.data.to_vec()).unwrap();
            record.data = data.replace("alice1", "alice13").into();
        }
        others.put(records);
    });
    let mut calls = 0;
    let changed = sessions.update(&second, |user| {
        calls += 1;
        user.name.push('2');
    });
    assert_eq!(changed.await.unwrap().name, "alice132");
    assert_eq!(calls, 2);
    assert_eq!(ask(&sessions, &cookie).await.body(), "alice132");
}

#[tokio::test]
async fn a_session_that_always_changes_is_a_503_and_stays_as_it_is() {
    /// Nobody's change comes first.
    #[derive(Default)]
    struct Busy(MemorySessions);

    impl SessionStore for Busy {
        type Error = wythe::auth::SessionStoreError;

        async fn load(
            &self,
            id: &wythe::auth::SessionId,
        ) -> Result<Option<wythe::auth::SessionRecord>, Self::Error> {
            self.0.load(id).await
        }

        async fn insert(
            &self,
            id: wythe::auth::SessionId,
            record: wythe::auth::SessionRecord,
        ) -> Result<(), Self::Error> {
            self.0.insert(id, record).await
        }

        async fn update(
            &self,
            _: &wythe::auth::SessionId,
            _: &bytes::Bytes,
            _: bytes::Bytes,
        ) -> Result<bool, Self::Error> {
            Ok(false)
        }

        async fn touch(
            &self,
            id: &wythe::auth::SessionId,
            expires: std::time::SystemTime,
        ) -> Result<bool, Self::Error> {
            self.0.touch(id, expires).await
        }

        async fn remove(&self, id: &wythe::auth::SessionId) -> Result<bool, Self::Error> {
            self.0.remove(id).await
        }
    }

    let sessions = Sessions::<Cart>::stored(Busy::default()).unwrap();
    let cookie = sessions.login(&Cart::default()).await.unwrap();
    let session = session_of(&sessions, &cookie).await;
    let refused = sessions.update(&session, |cart| cart.items.push(1)).await;
    assert_eq!(refused.unwrap_err().status(), 503);
    // Nothing to change needs no store.
    sessions.update(&session, |_| ()).await.unwrap();
}
