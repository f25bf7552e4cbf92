//! What becomes of sessions when the server that keeps them fails, in every way it can.

use std::{
    error::Error,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinSet,
};
use wythe::auth::{
    RedisSessions, SessionOwner, SessionRecord, SessionStore, SessionStoreError, SessionsByOwner,
};

use crate::common::{
    redis::{Server, SlowProxy, free_port},
    sessions::id,
};

const TIMEOUT: Duration = Duration::from_millis(150);

/// What a command may take beyond the timeout on a machine that does much else.
const MARGIN: Duration = Duration::from_millis(850);

/// A store that is given up after three failures and tried again soon.
fn store(url: &str) -> RedisSessions {
    let store = RedisSessions::open(url).unwrap().timeout(TIMEOUT).unwrap();
    let store = store.give_up_after(NonZeroU32::new(3).unwrap());
    let (first, longest) = (Duration::from_millis(20), Duration::from_millis(50));
    store.try_again_after(first, longest).unwrap()
}

fn record() -> SessionRecord {
    let ends = std::time::SystemTime::now() + Duration::from_secs(3_600);
    SessionRecord::new("alice".into(), ends).owned_by(SessionOwner::new("alice"))
}

/// What a command says, which must not wait longer than it may.
async fn timely<T>(asked: impl Future<Output = Result<T, SessionStoreError>>) -> Result<T, String> {
    let start = Instant::now();
    let answer = asked.await;
    let took = start.elapsed();
    assert!(took < TIMEOUT + MARGIN, "it waited {took:?}");
    answer.map_err(|error| {
        assert!(!error.is_full() && !error.is_too_long());
        error.to_string()
    })
}

/// All that can be asked, one after the other: nothing of it succeeds.
async fn all_fail(store: &RedisSessions) {
    timely(store.load(&id(1))).await.unwrap_err();
    timely(store.insert(id(2), record())).await.unwrap_err();
    let data = record().data;
    timely(store.update(&id(1), &data, data.clone()))
        .await
        .unwrap_err();
    let ends = record().expires;
    timely(store.touch(&id(1), ends)).await.unwrap_err();
    timely(store.remove(&id(1))).await.unwrap_err();
    timely(store.remove_owned(&SessionOwner::new("alice")))
        .await
        .unwrap_err();
}

/// Checks that every command is an error while the server fails, never an answer; that most of
/// them do not wait; and that the store finds the server when it is back.
async fn it_is_an_error_until_it_is_back<S>(
    mut server: S,
    url: impl Fn(&S) -> String,
    fail: impl Fn(&mut S),
    heal: impl Fn(&mut S),
) {
    let store = store(&url(&server));
    timely(store.insert(id(1), record())).await.unwrap();
    assert!(timely(store.load(&id(1))).await.unwrap().is_some());

    fail(&mut server);
    let deadline = Instant::now() + Duration::from_secs(20);
    while !store.metrics().is_open {
        all_fail(&store).await;
        assert!(Instant::now() < deadline, "not given up: {store:?}");
    }
    a_dead_server_costs_nothing(&store).await;

    heal(&mut server);
    it_is_found_again(&store).await;
}

/// Most of these do not wait at all.
async fn a_dead_server_costs_nothing(store: &RedisSessions) {
    let (start, before) = (Instant::now(), store.metrics());
    for _ in 0..200 {
        timely(store.load(&id(1))).await.unwrap_err();
    }
    let probes = store.metrics().failures - before.failures;
    assert!(probes <= 200 / 4, "{probes} of 200 asked");
    let max_time = (TIMEOUT + MARGIN) * (u32::try_from(probes).unwrap() + 1);
    assert!(start.elapsed() < max_time);
    assert_eq!(store.metrics().opened, 1);
}

async fn it_is_found_again(store: &RedisSessions) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while timely(store.load(&id(1))).await.is_err() {
        assert!(Instant::now() < deadline, "not asked again: {store:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    while timely(store.insert(id(3), record())).await.is_err() {
        assert!(Instant::now() < deadline, "not asked again: {store:?}");
        drop(timely(store.remove(&id(3))).await);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let data = record().data;
    assert!(
        timely(store.update(&id(3), &data, data.clone()))
            .await
            .unwrap()
    );
    let ends = record().expires;
    assert!(timely(store.touch(&id(3), ends)).await.unwrap());
    assert!(timely(store.load(&id(3))).await.unwrap().is_some());
    assert!(!store.metrics().is_open);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_killed() {
    let Some(server) = Server::start() else {
        return;
    };
    it_is_an_error_until_it_is_back(server, Server::url, Server::kill, Server::restart).await;
}

/// Two commands wait on a connection whose server has become a replica. The error of the first has a new
/// connection made, and that of the second is still about the old one.
#[tokio::test]
async fn a_late_error_does_not_drop_the_connection_that_was_made_meanwhile() {
    const REPLICA: &[u8] = b"-READONLY You can't write against a read only replica.\r\n";
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicU32::new(0));
    let late = Arc::new(Notify::new());
    let (accepted, fail_late) = (Arc::clone(&connections), Arc::clone(&late));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let is_first = accepted.fetch_add(1, Relaxed) == 0;
            let late = Arc::clone(&fail_late);
            tokio::spawn(async move {
                let mut client = BufReader::new(client);
                if !is_first {
                    loop {
                        next_get(&mut client).await;
                        client.write_all(b"$-1\r\n").await.unwrap();
                    }
                }
                next_get(&mut client).await;
                next_get(&mut client).await;
                client.write_all(REPLICA).await.unwrap();
                late.notified().await;
                client.write_all(REPLICA).await.unwrap();
                late.notified().await;
            });
        }
    });

    let store = RedisSessions::open(&url).unwrap();
    let mut both = JoinSet::new();
    for number in [1, 2] {
        let store = store.clone();
        both.spawn(async move { store.load(&id(number)).await });
    }
    both.join_next().await.unwrap().unwrap().unwrap_err();
    assert!(store.load(&id(3)).await.unwrap().is_none());
    late.notify_one();
    both.join_next().await.unwrap().unwrap().unwrap_err();
    assert!(store.load(&id(3)).await.unwrap().is_none());
    assert_eq!(connections.load(Relaxed), 2);
}

/// Waits for a GET, and accepts all other commands.
async fn next_get(client: &mut BufReader<TcpStream>) {
    loop {
        let mut line = String::new();
        client.read_line(&mut line).await.unwrap();
        let parts: usize = line.trim_end().trim_start_matches('*').parse().unwrap();
        let mut command = Vec::new();
        for _ in 0..parts {
            line.clear();
            client.read_line(&mut line).await.unwrap();
            let length: usize = line.trim_end().trim_start_matches('$').parse().unwrap();
            let mut part = vec![0; length + 2];
            client.read_exact(&mut part).await.unwrap();
            command.push(part);
        }
        if command[0].eq_ignore_ascii_case(b"GET\r\n") {
            return;
        }
        client.write_all(b"+OK\r\n").await.unwrap();
    }
}

/// Logs print the chain of an error, so it must not end before what the client of Redis says.
#[tokio::test]
async fn the_error_of_the_client_is_the_source() {
    let store = store(&format!("redis://127.0.0.1:{}", free_port()));
    let source = |error: &SessionStoreError| error.source().map(ToString::to_string);
    let refused = store.load(&id(1)).await.unwrap_err();
    assert!(source(&refused).is_some(), "{refused}");
    while !store.metrics().is_open {
        store.load(&id(1)).await.unwrap_err();
    }
    let not_asked = store.load(&id(1)).await.unwrap_err();
    assert_eq!(source(&not_asked), None, "{not_asked}");
}

/// Each command is answered in time, and all of them together are not.
#[tokio::test]
async fn an_operation_of_several_commands_has_one_timeout() {
    let Some(server) = Server::start() else {
        return;
    };
    let slow = SlowProxy::before(&server).await;
    let timeout = Duration::from_secs(1);
    let store = RedisSessions::open(&slow.url()).unwrap();
    let store = store.timeout(timeout).unwrap();
    store.insert(id(1), record()).await.unwrap();
    slow.delay(Duration::from_millis(600));
    // One command.
    assert!(store.load(&id(1)).await.unwrap().is_some());
    // Two or three.
    store.insert(id(2), record()).await.unwrap_err();
    let owner = SessionOwner::new("alice");
    store.remove_owned(&owner).await.unwrap_err();
    // What was begun is finished by another call.
    slow.delay(Duration::ZERO);
    let direct = RedisSessions::open(&server.url()).unwrap();
    direct.remove_owned(&owner).await.unwrap();
    assert!(direct.load(&id(1)).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs() {
    let Some(server) = Server::start() else {
        return;
    };
    let (hang, go_on) = (|s: &mut Server| s.hang(), |s: &mut Server| s.go_on());
    it_is_an_error_until_it_is_back(server, Server::url, hang, go_on).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_has_become_a_replica_without_its_primary() {
    let Some(server) = Server::with(&["--replica-serve-stale-data", "no"]) else {
        return;
    };
    let nobody = free_port();
    it_is_an_error_until_it_is_back(
        server,
        Server::url,
        |server| server.ask(&format!("REPLICAOF 127.0.0.1 {nobody}")),
        |server| server.ask("REPLICAOF NO ONE"),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_password_has_changed() {
    let Some(server) = Server::start() else {
        return;
    };
    let ask = |server: &mut Server| server.ask_for_password();
    let forget = |server: &mut Server| server.forget_password();
    it_is_an_error_until_it_is_back(server, Server::url, ask, forget).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_has_lost_the_rights() {
    let Some(server) = Server::start() else {
        return;
    };
    server.ask::<()>("ACL SETUSER shop on >pw ~wythe:* +@all");
    it_is_an_error_until_it_is_back(
        server,
        |server| format!("redis://shop:pw@127.0.0.1:{}", server.port()),
        |server| server.ask("ACL SETUSER shop -@all"),
        |server| server.ask("ACL SETUSER shop +@all"),
    )
    .await;
}

/// Prepares a server whose writes fail and whose reads do not.
async fn writes_fail_and_reads_do_not(server: &Server, fail: &str) {
    let store = store(&server.url());
    store.insert(id(1), record()).await.unwrap();
    server.ask::<()>(fail);
    for _ in 0..10 {
        timely(store.insert(id(2), record())).await.unwrap_err();
        let data = record().data;
        timely(store.update(&id(1), &data, data.clone()))
            .await
            .unwrap_err();
        assert!(timely(store.load(&id(1))).await.unwrap().is_some());
        let ends = record().expires;
        timely(store.touch(&id(1), ends)).await.unwrap_err();
        // Who is signed in stays so.
        assert!(timely(store.load(&id(1))).await.unwrap().is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_memory_signs_nobody_in_and_nobody_out() {
    let Some(server) = Server::with(&["--maxmemory-policy", "noeviction"]) else {
        return;
    };
    writes_fail_and_reads_do_not(&server, "CONFIG SET maxmemory 1").await;
    // A flood of sign-ins does not make it so.
    let store = store(&server.url());
    for _ in 0..10 {
        let refused = timely(store.insert(id(2), record())).await.unwrap_err();
        assert!(refused.contains("OOM"), "{refused}");
    }
    assert!(!store.metrics().is_open);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_signs_nobody_in_and_nobody_out() {
    let Some(server) = Server::start() else {
        return;
    };
    let nobody = free_port();
    writes_fail_and_reads_do_not(&server, &format!("REPLICAOF 127.0.0.1 {nobody}")).await;
}

/// A name that leads to another server when it is told.
async fn name_of(server: &Server) -> (String, tokio::sync::watch::Sender<u16>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let (leads_to, port) = tokio::sync::watch::channel(server.port());
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let port = *port.borrow();
            tokio::spawn(async move {
                let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
            });
        }
    });
    (url, leads_to)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_is_followed_though_the_old_primary_can_still_be_read() {
    let (Some(old), Some(new)) = (Server::start(), Server::start()) else {
        return;
    };
    let (url, leads_to) = name_of(&old).await;
    let store = store(&url);
    timely(store.insert(id(1), record())).await.unwrap();
    leads_to.send_replace(new.port());
    old.ask::<()>(&format!("REPLICAOF 127.0.0.1 {}", free_port()));
    assert!(timely(store.load(&id(1))).await.unwrap().is_some());
    timely(store.insert(id(2), record())).await.unwrap_err();
    timely(store.insert(id(2), record())).await.unwrap();
    assert_eq!(new.keys().len(), 2);
}

/// Something on the port that is no Redis.
async fn fake_server(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            drop(stream.write_all(answer).await);
            open.push(stream);
        }
    });
    format!("redis://127.0.0.1:{port}")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_from_redis_is_an_error() {
    let answers: [&[u8]; 5] = [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        // To all that is asked when connecting, and then to the command.
        b"+OK\r\n+OK\r\n+OK\r\n+OK\r\n",
        b":1\r\n:1\r\n:1\r\n:1\r\n:1\r\n",
        b"-LOADING Redis is loading the dataset in memory\r\n-LOADING\r\n-LOADING\r\n-LOADING\r\n",
    ];
    for answer in answers {
        let store = store(&fake_server(answer).await);
        for _ in 0..5 {
            timely(store.load(&id(1))).await.unwrap_err();
        }
        assert!(store.metrics().is_open, "{store:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_on_the_port() {
    let store = store(&format!("redis://127.0.0.1:{}", free_port()));
    for _ in 0..10 {
        all_fail(&store).await;
    }
    assert!(store.metrics().is_open);
}

#[test]
fn outside_a_runtime_it_is_an_error_and_not_a_panic() {
    let store = store("redis://127.0.0.1:1");
    let id = id(1);
    let asked = std::pin::pin!(store.load(&id));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Err(error)) = asked.poll(&mut context) else {
        panic!("no error")
    };
    assert!(error.to_string().contains("tokio"), "{error}");
}
