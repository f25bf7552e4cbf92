//! Sessions in Redis: what the server stores, and for how long.

use std::time::Duration;

use bytes::Bytes;
use redis::FromRedisValue;
use wythe::{
    Sessions,
    auth::{RedisSessions, SessionOwner, SessionRecord, SessionStore, SessionsByOwner},
    with_auth,
};

use crate::{
    common::{
        empty, get,
        redis::Server,
        sessions::{WallClock, id},
    },
    contract::disconnects::survives_disconnects,
};

fn store(url: &str) -> RedisSessions {
    let store = RedisSessions::open(url).unwrap();
    store.timeout(Duration::from_secs(10)).unwrap()
}

/// A store that goes by the clock.
fn with_clock(server: &Server, clock: &WallClock) -> RedisSessions {
    store(&server.url()).clock(clock.show())
}

/// Asks the server something that has bytes in it.
fn ask<T: FromRedisValue>(server: &Server, command: &[&[u8]]) -> T {
    let [name, arguments @ ..] = command else {
        unreachable!()
    };
    let mut command = redis::cmd(std::str::from_utf8(name).unwrap());
    command.arg(arguments);
    command.query(&mut server.connection()).unwrap()
}

fn alice() -> SessionOwner {
    SessionOwner::new("alice")
}

#[tokio::test]
async fn stores_the_data_under_a_prefixed_key_that_expires() {
    let Some(server) = Server::start() else {
        return;
    };
    let clock = WallClock::default();
    let sessions = with_clock(&server, &clock);
    let key = "wythe:session:".to_owned() + &base64url(id(1).as_bytes());
    sessions
        .insert(id(1), clock.session("of alice", 3_600))
        .await
        .unwrap();
    assert_eq!(server.keys(), [key.as_str()]);
    let value: Vec<u8> = server.ask(&format!("GET {key}"));
    let (head, data) = value.split_at(9);
    assert_eq!((head[0], data), (1, &b"of alice"[..]));
    let left: u64 = server.ask(&format!("PTTL {key}"));
    assert!((3_590_000..=3_600_000).contains(&left), "{left}");

    // An update changes the data, a use the time, and a removal leaves nothing.
    assert!(
        sessions
            .update(&id(1), &"of alice".into(), "of Alice".into())
            .await
            .unwrap()
    );
    let value: Vec<u8> = server.ask(&format!("GET {key}"));
    assert_eq!(value, [head, b"of Alice"].concat());
    let left: u64 = server.ask(&format!("PTTL {key}"));
    assert!((3_590_000..=3_600_000).contains(&left), "{left}");
    let in_a_minute = clock.now() + Duration::from_secs(60);
    assert!(sessions.touch(&id(1), in_a_minute).await.unwrap());
    let left: u64 = server.ask(&format!("PTTL {key}"));
    assert!((50_000..=60_000).contains(&left), "{left}");
    sessions.remove(&id(1)).await.unwrap();
    assert!(server.keys().is_empty());

    let shop = sessions.prefix("shop:eu").unwrap();
    shop.insert(id(1), clock.session("", 60)).await.unwrap();
    assert_eq!(server.keys(), [key.replace("wythe:session", "shop:eu")]);
}

fn nanos(clock: &WallClock) -> u64 {
    let since = clock.now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_nanos()).unwrap()
}

fn base64url(bytes: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(bytes)
}

#[tokio::test]
async fn the_server_deletes_an_expired_session() {
    let Some(server) = Server::start() else {
        return;
    };
    let clock = WallClock::default();
    let sessions = with_clock(&server, &clock);
    let mut record = clock.session("", 0);
    record.expires += Duration::from_millis(5);
    sessions.insert(id(1), record).await.unwrap();
    // Its clock is not ours, which stands still.
    while !server.keys().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(sessions.load(&id(1)).await.unwrap(), None);
    assert!(
        !sessions
            .update(&id(1), &"".into(), "".into())
            .await
            .unwrap()
    );
    let ends = clock.now() + Duration::from_secs(60);
    assert!(!sessions.touch(&id(1), ends).await.unwrap());
}

#[tokio::test]
async fn instances_share_sessions() {
    let Some(server) = Server::start() else {
        return;
    };
    let clock = WallClock::default();
    let first = with_clock(&server, &clock);
    let second = store(&(server.url() + "?protocol=resp3")).clock(clock.show());
    let record = clock.session([0, 255, 13, 10, 0], 60).owned_by(alice());
    first.insert(id(1), record.clone()).await.unwrap();
    assert_eq!(second.load(&id(1)).await.unwrap(), Some(record.clone()));
    let refused = second.insert(id(1), record.clone()).await.unwrap_err();
    assert_eq!(refused.to_string(), "another session has this id");
    assert!(
        second
            .update(&id(1), &record.data, "".into())
            .await
            .unwrap()
    );
    assert!(second.touch(&id(1), record.expires).await.unwrap());
    assert_eq!(second.remove_owned(&alice()).await.unwrap(), 1);
    assert!(!first.update(&id(1), &"".into(), "".into()).await.unwrap());
    assert!(!first.touch(&id(1), record.expires).await.unwrap());
    assert_eq!(first.load(&id(1)).await.unwrap(), None);
    // A clock that is behind hands out what this one does not.
    first.insert(id(2), clock.session("", 60)).await.unwrap();
    clock.advance(Duration::from_secs(60));
    assert_eq!(first.load(&id(2)).await.unwrap(), None);
}

#[tokio::test]
async fn a_foreign_value_is_an_error_of_this_session_only() {
    let Some(server) = Server::start() else {
        return;
    };
    let clock = WallClock::default();
    let sessions = with_clock(&server, &clock);
    let key = "wythe:session:".to_owned() + &base64url(id(1).as_bytes());
    let key = key.as_bytes();
    sessions
        .insert(id(2), clock.session("alice", 60))
        .await
        .unwrap();

    let of_another_type: [&[&[u8]]; 3] = [
        &[b"SADD", key, b"1"],
        &[b"HSET", key, b"1", b"2"],
        &[b"RPUSH", key, b"1"],
    ];
    let garbage: [&[u8]; 6] = [
        b"",
        b"garbage",
        b"{\"user\":\"mallory\",\"role\":\"admin\"}",
        &[3; 100],
        &[1; 8],
        &[2; 40],
    ];
    let garbage = garbage.map(|value| [b"SET", key, value]);
    let all = garbage
        .iter()
        .map(|command| (command.as_slice(), "not a session of this version"));
    let all = all.chain(of_another_type.map(|command| (command, "of another type")));
    for _ in 0..3 {
        for (command, cause) in all.clone() {
            ask::<()>(&server, &[b"DEL", key]);
            ask::<()>(&server, command);
            let error = sessions.load(&id(1)).await.unwrap_err().to_string();
            assert!(error.contains(cause), "{error}");
            assert!(!error.contains("mallory"), "{error}");
            let before: Vec<u8> = ask(&server, &[b"DUMP", key]);
            for answer in [
                sessions.touch(&id(1), clock.now()).await,
                sessions.update(&id(1), &"".into(), "alice".into()).await,
            ] {
                let answer = answer.map_err(|error| error.to_string().contains("another type"));
                let expected = match cause {
                    "of another type" => Err(true),
                    _ => Ok(false),
                };
                assert_eq!(answer, expected);
            }
            assert_eq!(ask::<Vec<u8>>(&server, &[b"DUMP", key]), before);
            let taken = sessions.insert(id(1), clock.session("alice", 60)).await;
            assert_eq!(
                taken.unwrap_err().to_string(),
                "another session has this id"
            );
        }
    }
    // The server has done nothing wrong.
    let metrics = sessions.metrics();
    assert_eq!((metrics.failures, metrics.is_open), (0, false));
    assert!(sessions.load(&id(2)).await.unwrap().is_some());
    sessions.remove(&id(1)).await.unwrap();
    assert_eq!(sessions.load(&id(1)).await.unwrap(), None);
}

#[tokio::test]
async fn a_huge_foreign_value_is_an_error_and_a_huge_session_is_kept() {
    let Some(server) = Server::start() else {
        return;
    };
    let clock = WallClock::default();
    let sessions = with_clock(&server, &clock).record_bytes(16 << 20);
    let huge = vec![b'x'; 16 << 20];
    let key = "wythe:session:".to_owned() + &base64url(id(1).as_bytes());
    ask::<()>(&server, &[b"SET", key.as_bytes(), &huge]);
    sessions.load(&id(1)).await.unwrap_err();
    let record = clock.session(huge, 60);
    sessions.insert(id(2), record.clone()).await.unwrap();
    assert!(sessions.load(&id(2)).await.unwrap() == Some(record));
}

#[tokio::test]
async fn the_index_of_an_owner_drops_expired_sessions_and_expires_itself() {
    let Some(server) = Server::start() else {
        return;
    };
    let clock = WallClock::default();
    let sessions = with_clock(&server, &clock);
    let index = "wythe:session:owner:".to_owned() + &base64url(alice().as_bytes());
    let size = || server.ask::<u64>(&format!("ZCARD {index}"));
    let left = || server.ask::<u64>(&format!("PTTL {index}")) / 1_000;
    let day = 24 * 3_600;
    let session = |seconds| clock.session("", seconds).owned_by(alice());

    sessions.insert(id(1), session(30 * day)).await.unwrap();
    // Until the end of the 3.26 days in which it expires, and a day more.
    let bucket = |seconds: u64| {
        let expires = nanos(&clock) + seconds * 1_000_000_000;
        let until = expires | (u64::MAX >> 16);
        (until - nanos(&clock)) / 1_000_000_000 + day
    };
    let after_30_days = bucket(30 * day);
    let lasts = |seconds| (seconds - 10..=seconds + 1).contains(&left());
    assert!(lasts(after_30_days) && after_30_days >= 31 * day && after_30_days < 35 * day);
    // A shorter one does not shorten it, nor does a use that is noted late.
    sessions.insert(id(2), session(60)).await.unwrap();
    assert!(lasts(after_30_days));
    let touch = async |n, record: SessionRecord| {
        assert!(sessions.touch(&id(n), record.expires).await.unwrap());
    };
    touch(1, session(60)).await;
    assert!(lasts(after_30_days));
    // One that is used lasts longer, and so does what is known of it.
    touch(1, session(40 * day)).await;
    assert!(lasts(bucket(40 * day)));
    assert_eq!(size(), 2);
    // Over, but other clocks may be behind.
    let left_of_second = bucket(60);
    clock.advance(Duration::from_secs(left_of_second - 10));
    sessions.insert(id(3), session(60)).await.unwrap();
    assert_eq!(size(), 3);
    clock.advance(Duration::from_secs(20));
    sessions.insert(id(4), session(60)).await.unwrap();
    assert_eq!(size(), 3, "the second is over since a day");
    // Sessions of nobody are in no index.
    sessions.insert(id(5), clock.session("", 60)).await.unwrap();
    assert_eq!(size(), 3);
    sessions.remove_owned(&alice()).await.unwrap();
    assert!(!server.keys().contains(&index));
}

#[tokio::test]
async fn hundreds_of_sessions_of_an_owner_end() {
    let Some(server) = Server::start() else {
        return;
    };
    let clock = WallClock::default();
    let sessions = with_clock(&server, &clock);
    for n in 0..350 {
        let session = clock.session("", 60).owned_by(alice());
        sessions.insert(id(n), session).await.unwrap();
    }
    sessions
        .insert(id(1_000), clock.session("", 60))
        .await
        .unwrap();
    let before = sessions.metrics().round_trips;
    assert_eq!(sessions.remove_owned(&alice()).await.unwrap(), 350);
    assert_eq!(sessions.metrics().round_trips - before, 4 * 3 + 1);
    assert_eq!(server.keys().len(), 1);
}

#[tokio::test]
async fn one_command_each_and_few_with_an_owner() {
    let Some(server) = Server::start() else {
        return;
    };
    let clock = WallClock::default();
    let sessions = with_clock(&server, &clock);
    // The scripts are known from here on.
    let owned = clock.session("", 60).owned_by(alice());
    sessions.insert(id(0), owned.clone()).await.unwrap();
    let none = Bytes::new();
    sessions.update(&id(0), &none, none.clone()).await.unwrap();
    sessions.touch(&id(0), owned.expires).await.unwrap();
    let mut before = sessions.metrics().round_trips;
    let mut trips = || {
        let now = sessions.metrics().round_trips;
        std::mem::replace(&mut before, now).abs_diff(now)
    };
    sessions.insert(id(1), clock.session("", 60)).await.unwrap();
    assert_eq!(trips(), 1);
    sessions.load(&id(1)).await.unwrap();
    assert_eq!(trips(), 1);
    sessions.update(&id(1), &none, none.clone()).await.unwrap();
    assert_eq!(trips(), 1);
    sessions.touch(&id(1), owned.expires).await.unwrap();
    assert_eq!(trips(), 1);
    sessions.remove(&id(1)).await.unwrap();
    assert_eq!(trips(), 1);
    sessions.insert(id(2), owned.clone()).await.unwrap();
    assert_eq!(trips(), 2);
    sessions.update(&id(2), &none, none.clone()).await.unwrap();
    assert_eq!(trips(), 1);
    for seconds in [1, 3_600, 12 * 3_600] {
        let later = owned.expires + Duration::from_secs(seconds);
        assert!(sessions.touch(&id(2), later).await.unwrap());
        assert_eq!(trips(), 1, "{seconds}");
    }
    // Its entry in the index has to last longer.
    let days_later = owned.expires + Duration::from_secs(4 * 86_400);
    assert!(sessions.touch(&id(2), days_later).await.unwrap());
    assert_eq!(trips(), 3);
    assert!(sessions.touch(&id(2), days_later).await.unwrap());
    assert_eq!(trips(), 1);
    sessions.load_all(&[id(0), id(1), id(2)]).await.unwrap();
    assert_eq!(trips(), 1);
}

#[tokio::test]
async fn the_documented_permissions_are_sufficient() {
    let Some(server) = Server::start() else {
        return;
    };
    let rights =
        "~wythe:session:* +get +mget +set +del +evalsha +eval +getrange +setrange +pexpire";
    server.ask::<()>(&format!("ACL SETUSER some on >pw {rights}"));
    let owners = "+zscore +zadd +zremrangebyscore +zrange +zrem";
    server.ask::<()>(&format!("ACL SETUSER all on >pw {rights} {owners}"));
    let clock = WallClock::default();
    for (user, of) in [("some", None), ("all", Some(alice()))] {
        let url = format!("redis://{user}:pw@127.0.0.1:{}", server.port());
        let sessions = store(&url).clock(clock.show());
        let mut session = clock.session("", 60);
        session.owner = of;
        sessions.insert(id(1), session.clone()).await.unwrap();
        assert!(
            sessions
                .update(&id(1), &session.data, session.data.clone())
                .await
                .unwrap()
        );
        let found = sessions.load_all(&[id(1), id(2)]).await.unwrap();
        assert_eq!(found, [Some(session.clone()), None]);
        assert!(sessions.touch(&id(1), session.expires).await.unwrap());
        assert_eq!(sessions.load(&id(1)).await.unwrap(), Some(session));
        if let Some(of) = of {
            assert_eq!(sessions.remove_owned(&of).await.unwrap(), 1);
        }
        sessions.remove(&id(1)).await.unwrap();
    }
}

#[tokio::test]
async fn accepts_any_connection() {
    let Some(server) = Server::start() else {
        return;
    };
    let client = redis::Client::open(server.url()).unwrap();
    let connection = client.get_multiplexed_async_connection().await.unwrap();
    let clock = WallClock::default();
    let sessions = RedisSessions::new(connection).clock(clock.show());
    let record = clock.session("alice", 60).owned_by(alice());
    sessions.insert(id(1), record.clone()).await.unwrap();
    assert_eq!(sessions.load(&id(1)).await.unwrap(), Some(record));
}

#[test]
fn rejects_invalid_configurations_when_they_are_built() {
    let open = || RedisSessions::open("redis://127.0.0.1:1").unwrap();
    let second = Duration::from_secs(1);
    let cases = [
        ("no URL", RedisSessions::open("http://127.0.0.1")),
        ("no timeout", open().timeout(Duration::ZERO)),
        ("pauses", open().try_again_after(second * 2, second)),
        ("no prefix", open().prefix("")),
        ("a prefix with braces", open().prefix("{shop}")),
        ("a prefix with a star", open().prefix("shop*")),
    ];
    for (name, built) in cases {
        let error = built.map(drop).expect_err(name);
        assert_eq!(error.policy(), "RedisSessions", "{name}");
    }
    let error = RedisSessions::open("redis://:hunter2@[").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

/// A request whose session is due loads it and notes the use, at times in two commands, and updates the
/// index in between.
#[tokio::test]
async fn a_session_survives_clients_that_disconnect() {
    let Some(server) = Server::start() else {
        return;
    };
    let clock = WallClock::default();
    let sessions = Sessions::<String>::stored(with_clock(&server, &clock)).unwrap();
    let sessions = sessions.absolute(Duration::from_secs(10 * 86_400)).unwrap();
    let sessions = sessions.idle(Duration::from_secs(3_600)).unwrap();
    let sessions = sessions.clock(clock.show());
    let sessions = sessions.owned_by(|_| alice());
    let cookie = sessions.login(&"alice".to_owned()).await.unwrap();
    let cookie = format!("{}={}", cookie.name(), cookie.value());
    let make = || {
        clock.advance(Duration::from_secs(1_200));
        (with_auth(sessions.clone()), async |_| ())
    };
    let request = || get("/").header("cookie", &cookie).body(empty()).unwrap();
    survives_disconnects(make, request).await;
    // It is in the index, so that it ends with the others of its owner.
    let store = with_clock(&server, &clock);
    assert_eq!(store.remove_owned(&alice()).await.unwrap(), 1);
}
