//! Session stores: the time of each operation, and the memory of a session.
//!
//! `cargo run --release -p wythe-redis-bench --bin sessions` starts a server of its own.

use std::{
    hint::black_box,
    num::NonZeroUsize,
    time::{Duration, Instant, SystemTime},
};

use wythe::auth::{
    MemorySessions, RedisSessions, SessionId, SessionOwner, SessionRecord, SessionStore,
    SessionsByOwner,
};
use wythe_bench_harness::{Counting, held};

#[path = "../../../../tests/it/common/redis.rs"]
#[expect(dead_code, reason = "shared with the tests")]
mod server;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// An id as random as those in cookies.
fn id(number: u32) -> SessionId {
    SessionId::from_bytes(*SessionOwner::new(number.to_be_bytes()).as_bytes())
}

fn record() -> SessionRecord {
    let ends = SystemTime::now() + Duration::from_secs(3_600);
    SessionRecord::new(vec![b'x'; 100].into(), ends)
}

/// Nanoseconds for each operation, done one after the other: the median of groups of one hundred,
/// so that other work of the machine is not included.
async fn each<F: Future>(ids: &[SessionId], mut ask: impl FnMut(SessionId) -> F) -> u128 {
    let mut groups = Vec::with_capacity(ids.len() / 100);
    for group in ids.chunks(100) {
        let start = Instant::now();
        for id in group {
            black_box(ask(*id).await);
        }
        groups.push(start.elapsed().as_nanos() / group.len() as u128);
    }
    groups.sort_unstable();
    groups[groups.len() / 2]
}

async fn memory(sessions: u32, owned: bool) {
    let record = match owned {
        true => record().owned_by(SessionOwner::new("alice")),
        false => record(),
    };
    let ids: Vec<_> = (0..sessions).map(id).collect();
    // As full as it gets without evictions.
    let room = NonZeroUsize::new(sessions as usize * 11 / 10).expect("not 0");
    let before = held();
    let store = MemorySessions::new(room);
    let insert = each(&ids, |id| store.insert(id, record.clone())).await;
    let bytes = (held() - before) as f64 / f64::from(sessions);
    let load = each(&ids, async |id| store.load(&id).await).await;
    let update = each(&ids, async |id| {
        store.update(&id, &record.data, record.data.clone()).await
    })
    .await;
    let touch = each(&ids, async |id| store.touch(&id, record.expires).await).await;
    let start = Instant::now();
    let ended = store.remove_owned(&SessionOwner::new("bob")).await;
    assert_eq!(ended.ok(), Some(0));
    let everywhere = start.elapsed();
    println!(
        "memory, {sessions:>9} sessions{}: {bytes:.0} bytes each; insert {insert} ns, load {load} \
         ns, update {update} ns, touch {touch} ns; out everywhere {everywhere:?}",
        if owned { " with owner" } else { "" },
    );
}

/// Flooded when full: each new session has to find one to evict.
async fn full() {
    let ids: Vec<_> = (0..300_000).map(id).collect();
    let store = MemorySessions::default();
    for id in ids.iter().take(100_000) {
        store.insert(*id, record()).await.ok();
    }
    let record = record();
    let insert = each(&ids[100_000..], |id| store.insert(id, record.clone())).await;
    println!("memory, full: insert {insert} ns");
}

fn print(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |part: usize| times[(times.len() - 1) * part / 1_000].as_nanos() as f64 / 1e3;
    println!(
        "redis, {name}: p50 {:.1} us, p99 {:.1} us, p99.9 {:.1} us",
        at(500),
        at(990),
        at(999)
    );
}

async fn timed<F: Future>(ids: &[SessionId], mut ask: impl FnMut(SessionId) -> F) -> Vec<Duration> {
    let mut times = Vec::with_capacity(ids.len());
    for id in ids {
        let start = Instant::now();
        black_box(ask(*id).await);
        times.push(start.elapsed());
    }
    times
}

#[tokio::main]
async fn main() {
    for sessions in [100_000, 1_000_000] {
        memory(sessions, false).await;
    }
    memory(100_000, true).await;
    full().await;

    let Some(server) = server::Server::start() else {
        return;
    };
    let store = RedisSessions::open(&server.url()).expect("a URL");
    let ids: Vec<_> = (0..20_000).map(id).collect();
    let plain = record();
    let owned = record().owned_by(SessionOwner::new("alice"));
    let insert = timed(&ids, |id| store.insert(id, plain.clone())).await;
    print("insert", insert);
    let used: String = server.ask("INFO memory");
    let used = used.lines().find(|line| line.starts_with("used_memory:"));
    println!("redis, 20,000 sessions: {}", used.unwrap_or_default());
    let load = timed(&ids, async |id| store.load(&id).await).await;
    print("load, one at a time", load);
    let mut tasks = Vec::new();
    for part in ids.chunks(ids.len() / 64) {
        let (store, part) = (store.clone(), part.to_vec());
        tasks.push(tokio::spawn(async move {
            timed(&part, async |id| store.load(&id).await).await
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap_or_default());
    }
    print("load, 64 at once", all);
    let update = timed(&ids, async |id| {
        store.update(&id, &plain.data, plain.data.clone()).await
    })
    .await;
    print("update", update);
    let touch = timed(&ids, async |id| store.touch(&id, plain.expires).await).await;
    print("touch", touch);
    for id in &ids {
        store.remove(id).await.ok();
    }
    let insert = timed(&ids, |id| store.insert(id, owned.clone())).await;
    print("insert with owner", insert);
    let touch = timed(&ids, async |id| store.touch(&id, owned.expires).await).await;
    print("touch with owner", touch);
    let start = Instant::now();
    let ended = store.remove_owned(&SessionOwner::new("alice")).await;
    println!("redis, out everywhere: {ended:?} in {:?}", start.elapsed());
    println!("{:?}", store.metrics());
}
