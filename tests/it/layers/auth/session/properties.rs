//! What holds for all cookies and all data.

use std::{collections::BTreeMap, sync::LazyLock};

use proptest::prelude::*;
use serde_json::Value;
use tokio::runtime::Runtime;
use wythe::{Auth, Session, Sessions, auth::SessionKey, with_auth};

use super::fixture::{Clock, SECRET, Store, ask, encrypted, sent, stored, user};
use crate::common::{self, empty, get, send};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let builder = &mut tokio::runtime::Builder::new_current_thread();
    builder.build().unwrap()
});

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|map: BTreeMap<_, _>| Value::from_iter(map)),
        ]
    })
}

proptest! {
    #[test]
    fn reads_the_data_that_were_written(data in json(), later in 0_u64..1_800) {
        let clock = Clock::new();
        let key = SessionKey::new(SECRET).unwrap();
        for sessions in [
            Sessions::<Value>::encrypted([key]).unwrap(),
            Sessions::<Value>::stored(Store::default()).unwrap().into(),
        ] {
            let sessions = sessions.clock(clock.read());
            clock.set(0);
            let login = RUNTIME.block_on(sessions.login(&data));
            let Ok(cookie) = login else { continue };
            clock.set(later);
            let layer = with_auth(sessions);
            let request = get("/").header("cookie", sent(cookie)).body(empty()).unwrap();
            let seen = RUNTIME.block_on(common::send_to(&layer, request, |request| {
                let session = request.extensions().get::<Auth<Session<Value>>>().cloned();
                async move {
                    let mut response = http::Response::new(empty());
                    response.extensions_mut().insert(session.unwrap().0);
                    Ok(response)
                }
            }));
            let session = seen.extensions().get::<Session<Value>>().unwrap();
            prop_assert_eq!(session.data(), &data);
        }
    }

    #[test]
    fn a_changed_or_cut_cookie_is_refused(
        at in any::<prop::sample::Index>(), bit in 0_u32..8, length in any::<prop::sample::Index>(),
    ) {
        let clock = Clock::new();
        for sessions in [encrypted(&clock), stored(&clock, &Store::default()).into()] {
            let cookie = RUNTIME.block_on(sessions.login(&user("alice"))).unwrap();
            let value = cookie.value().as_bytes();
            let mut changed = value.to_vec();
            changed[at.index(value.len())] ^= 1 << bit;
            let cut = value[..length.index(value.len())].to_vec();
            for broken in [changed, cut] {
                let cookies = [b"__Host-session=", &*broken].concat();
                let Ok(cookies) = http::HeaderValue::from_bytes(&cookies) else { continue };
                let request = get("/").header("cookie", cookies).body(empty()).unwrap();
                let response = RUNTIME.block_on(send(&with_auth(sessions.clone()), request));
                prop_assert_eq!(response.status(), 401);
            }
            let whole = RUNTIME.block_on(ask(&sessions, &sent(cookie)));
            prop_assert_eq!(whole.status(), 200);
        }
    }

    #[test]
    fn no_cookie_that_was_not_set_passes(value in "[!#-+./:<-\\[\\]-~0-9-]{0,120}") {
        let clock = Clock::new();
        for sessions in [encrypted(&clock), stored(&clock, &Store::default()).into()] {
            let cookies = format!("__Host-session={value}");
            prop_assert_eq!(RUNTIME.block_on(ask(&sessions, &cookies)).status(), 401);
        }
    }
}
