//! Stores of sessions: what holds for all of them, in memory and in Redis alike.

use std::{collections::HashMap, future::Future, time::Duration};

use proptest::{
    collection::vec,
    prop_oneof,
    strategy::{Just, Strategy},
    test_runner::{Config, TestRunner},
};
use tokio::runtime::{Builder, Runtime};
use wythe::auth::{
    MemorySessions, RedisSessions, SessionOwner, SessionRecord, SessionStore, SessionStoreError,
    SessionsByOwner,
};

use crate::common::{
    redis::Server,
    sessions::{WallClock, id},
};

/// What happens next. Numbers are of sessions, then seconds, then owners.
#[derive(Clone, Debug)]
enum Step {
    Advance(Duration),
    Load(u32),
    Insert(u32, &'static str, u64, Option<u32>),
    /// From the data that the session has now.
    Update(u32, &'static str),
    /// From these data.
    Swap(u32, &'static str, &'static str),
    LoadAll(&'static [u32]),
    Touch(u32, u64),
    Remove(u32),
    RemoveOwned(u32),
}
use Step::{Advance, Insert, Load, LoadAll, Remove, RemoveOwned, Swap, Touch, Update};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const NANO: Duration = Duration::from_nanos(1);

fn owner(number: u32) -> SessionOwner {
    SessionOwner::new(number.to_string())
}

fn record(clock: &WallClock, data: &str, seconds: u64, of: Option<u32>) -> SessionRecord {
    let record = clock.session(data, seconds);
    match of {
        Some(of) => record.owned_by(owner(of)),
        None => record,
    }
}

/// What was found, in a line.
fn found(clock: &WallClock, record: Option<SessionRecord>) -> String {
    let Some(record) = record else {
        return "none".to_owned();
    };
    let data = String::from_utf8_lossy(&record.data);
    let left = record.expires.duration_since(clock.now()).unwrap();
    let of = (0..9).find(|number| record.owner == Some(owner(*number)));
    assert_eq!(of.is_some(), record.owner.is_some());
    format!("{data} {left:?} {of:?}")
}

/// What a store says.
async fn said<S>(store: &S, clock: &WallClock, step: &Step) -> String
where
    S: SessionsByOwner<Error = SessionStoreError>,
{
    match step {
        Advance(_) => unreachable!(),
        Load(n) => found(clock, store.load(&id(*n)).await.unwrap()),
        Insert(n, data, seconds, of) => {
            let record = record(clock, data, *seconds, *of);
            let inserted = store.insert(id(*n), record).await;
            inserted.map_or_else(|error| error.to_string(), |()| "kept".to_owned())
        }
        LoadAll(numbers) => {
            let ids: Vec<_> = numbers.iter().map(|n| id(*n)).collect();
            let records = store.load_all(&ids).await.unwrap().into_iter();
            let lines: Vec<_> = records.map(|record| found(clock, record)).collect();
            lines.join(", ")
        }
        Update(n, data) => {
            let now = store.load(&id(*n)).await.unwrap();
            let now = now.map(|record| record.data).unwrap_or_default();
            let updated = store.update(&id(*n), &now, (*data).into()).await;
            updated.unwrap().to_string()
        }
        Swap(n, from, to) => store
            .update(&id(*n), &(*from).into(), (*to).into())
            .await
            .unwrap()
            .to_string(),
        Touch(n, seconds) => {
            let touched = store.touch(&id(*n), clock.now() + secs(*seconds)).await;
            touched.unwrap().to_string()
        }
        Remove(n) => store.remove(&id(*n)).await.unwrap().to_string(),
        RemoveOwned(of) => {
            let ended = store.remove_owned(&owner(*of)).await.unwrap();
            format!("{ended} ended")
        }
    }
}

/// A store in memory and one in Redis, which go by one clock.
struct StorePair {
    clock: WallClock,
    memory: MemorySessions,
    redis: RedisSessions,
}

impl StorePair {
    fn new(server: &Server, name: &str) -> Self {
        let clock = WallClock::default();
        let redis = RedisSessions::open(&server.url()).unwrap();
        let redis = redis.prefix(name).unwrap().timeout(secs(10)).unwrap();
        Self {
            memory: MemorySessions::default().clock(clock.show()),
            redis: redis.clock(clock.show()),
            clock,
        }
    }

    /// What both say, which is the same.
    async fn take(&self, step: &Step) -> String {
        let of_memory = said(&self.memory, &self.clock, step).await;
        let of_redis = said(&self.redis, &self.clock, step).await;
        assert_eq!(of_memory, of_redis, "{step:?}");
        of_memory
    }

    async fn run(&self, steps: &[Step]) -> Vec<String> {
        let mut said = Vec::new();
        for step in steps {
            match step {
                Advance(time) => self.clock.advance(*time),
                step => said.push(self.take(step).await),
            }
        }
        said
    }
}

fn server() -> Option<(Server, Runtime)> {
    let server = Server::start()?;
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    Some((server, runtime))
}

type Case = (&'static str, Vec<Step>, Vec<&'static str>);

fn one_by_one() -> Vec<Case> {
    vec![
        (
            "a session is found until it is removed",
            vec![
                Load(1),
                Insert(1, "alice", 60, None),
                Load(1),
                Load(2),
                Remove(1),
                Load(1),
                Remove(1),
            ],
            vec![
                "none",
                "kept",
                "alice 60s None",
                "none",
                "true",
                "none",
                "false",
            ],
        ),
        (
            "it is over when its time has come, not a nanosecond later or earlier",
            vec![
                Insert(1, "alice", 60, Some(1)),
                Advance(secs(60) - NANO),
                Load(1),
                Advance(NANO),
                Load(1),
            ],
            vec!["kept", "alice 1ns Some(1)", "none"],
        ),
        (
            "an update changes the data alone, and a touch the time alone",
            vec![
                Insert(1, "alice", 60, Some(1)),
                Advance(secs(30)),
                Touch(1, 120),
                Update(1, "of another length"),
                Advance(secs(90)),
                Load(1),
                Touch(1, 60),
                Load(1),
                Touch(1, 10),
                Advance(secs(10)),
                Load(1),
                Insert(2, "bob", 60, None),
                Update(2, ""),
                Touch(2, 120),
                Load(2),
            ],
            vec![
                "kept",
                "true",
                "true",
                "of another length 30s Some(1)",
                "true",
                "of another length 60s Some(1)",
                "true",
                "none",
                "kept",
                "true",
                "true",
                " 120s None",
            ],
        ),
        (
            "neither of them brings anything back, or makes anything",
            vec![
                Update(1, "alice"),
                Touch(1, 60),
                Load(1),
                Insert(2, "bob", 60, Some(1)),
                Remove(2),
                Update(2, "bob"),
                Touch(2, 60),
                Load(2),
                RemoveOwned(1),
            ],
            vec![
                "false", "false", "none", "kept", "true", "false", "false", "none", "0 ended",
            ],
        ),
        (
            "an id is not given twice",
            vec![
                Insert(1, "alice", 60, None),
                Insert(1, "mallory", 600, None),
                Load(1),
            ],
            vec!["kept", "another session has this id", "alice 60s None"],
        ),
    ]
}

fn changes_and_several() -> Vec<Case> {
    vec![
        (
            "data are changed only if they are the expected ones",
            vec![
                Insert(1, "alice", 60, Some(1)),
                Swap(1, "bob", "mallory"),
                Swap(1, "alic", "mallory"),
                Swap(1, "alice ", "mallory"),
                Swap(1, "", "mallory"),
                Load(1),
                Swap(1, "alice", ""),
                Swap(1, "alice", "mallory"),
                Swap(1, "", "bob"),
                Load(1),
                Swap(2, "", "mallory"),
            ],
            vec![
                "kept",
                "false",
                "false",
                "false",
                "false",
                "alice 60s Some(1)",
                "true",
                "false",
                "true",
                "bob 60s Some(1)",
                "false",
            ],
        ),
        (
            "several are loaded in the order of their ids",
            vec![
                Insert(1, "alice", 60, Some(1)),
                Insert(2, "bob", 30, None),
                LoadAll(&[2, 3, 1]),
                Advance(secs(30)),
                LoadAll(&[2, 1]),
                LoadAll(&[1]),
            ],
            vec![
                "kept",
                "kept",
                "bob 30s None, none, alice 60s Some(1)",
                "none, alice 30s Some(1)",
                "alice 30s Some(1)",
            ],
        ),
    ]
}

/// Many at once, and the ends of what can be said.
fn together() -> Vec<Case> {
    vec![
        (
            "all sessions of an owner end at once, and no others",
            vec![
                Insert(1, "laptop", 600, Some(1)),
                Insert(2, "phone", 60, Some(1)),
                Insert(3, "bob", 60, Some(2)),
                Insert(4, "nobody", 60, None),
                Update(2, "Phone"),
                Touch(2, 600),
                RemoveOwned(1),
                Load(1),
                Load(2),
                Update(1, "laptop"),
                Touch(1, 600),
                Load(3),
                Load(4),
                RemoveOwned(1),
            ],
            vec![
                "kept",
                "kept",
                "kept",
                "kept",
                "true",
                "true",
                "2 ended",
                "none",
                "none",
                "false",
                "false",
                "bob 60s Some(2)",
                "nobody 60s None",
                "0 ended",
            ],
        ),
        (
            "one that was made to end is over",
            vec![
                Insert(1, "alice", 60, None),
                Touch(1, 0),
                Load(1),
                Touch(1, 60),
                Update(1, "alice"),
                Remove(1),
                Insert(2, "never", 0, Some(1)),
                Load(2),
            ],
            vec![
                "kept", "true", "none", "false", "false", "false", "kept", "none",
            ],
        ),
        (
            "no data, and times that no clock reaches",
            vec![
                Insert(1, "", 60, Some(1)),
                Load(1),
                Insert(2, "for ever", 60, None),
                Touch(2, 16_651_553_673),
                Load(2),
                Advance(secs(1 << 33)),
                Load(2),
            ],
            vec![
                "kept",
                " 60s Some(1)",
                "kept",
                "true",
                "for ever 16651553673s None",
                "for ever 8061619081s None",
            ],
        ),
    ]
}

#[test]
fn one_table_of_cases_holds_for_both() {
    let Some((server, runtime)) = server() else {
        return;
    };
    let cases = [one_by_one(), changes_and_several(), together()];
    let cases = cases.into_iter().flatten();
    for (n, (name, steps, expected)) in cases.enumerate() {
        let both = StorePair::new(&server, &format!("case-{n}"));
        assert_eq!(runtime.block_on(both.run(&steps)), expected, "{name}");
    }
}

/// What should be: the end in nanoseconds from the start, the data and the owner.
#[derive(Default)]
struct Model {
    now: Duration,
    sessions: HashMap<u32, (Duration, &'static str, Option<u32>)>,
}

impl Model {
    /// What a store has to say; `None` if it may say this or that, as the server's clock, which is
    /// not turned here, decides with ours.
    fn take(&mut self, step: &Step) -> Option<String> {
        let now = self.now;
        let known = |n: &u32| self.sessions.get(n).copied();
        let over = |n: &u32| known(n).is_some_and(|(ends, ..)| ends <= now);
        Some(match *step {
            Advance(_) | LoadAll(_) => return None,
            Load(n) => match known(&n).filter(|(ends, ..)| *ends > now) {
                Some((ends, data, of)) => format!("{data} {:?} {of:?}", ends - now),
                None => "none".to_owned(),
            },
            Insert(n, ..) | Update(n, _) | Swap(n, ..) | Touch(n, _) | Remove(n) if over(&n) => {
                return None;
            }
            Insert(n, ..) if known(&n).is_some() => "another session has this id".to_owned(),
            Insert(n, data, seconds, of) => {
                self.sessions.insert(n, (now + secs(seconds), data, of));
                "kept".to_owned()
            }
            Update(n, data) => {
                let known = self.sessions.get_mut(&n);
                known.map(|(_, old, _)| *old = data).is_some().to_string()
            }
            Swap(n, from, to) => {
                let known = self.sessions.get_mut(&n);
                let known = known.filter(|(_, data, _)| *data == from);
                known.map(|(_, data, _)| *data = to).is_some().to_string()
            }
            Touch(n, seconds) => {
                let known = self.sessions.get_mut(&n);
                let touched = known.map(|(ends, ..)| *ends = now + secs(seconds));
                touched.is_some().to_string()
            }
            Remove(n) => self.sessions.remove(&n).is_some().to_string(),
            RemoveOwned(of) => {
                let of = Some(of);
                let owned = || self.sessions.iter().filter(|(_, known)| known.2 == of);
                if owned().any(|(n, _)| over(n)) {
                    return None;
                }
                let ended = owned().count();
                self.sessions.retain(|_, known| known.2 != of);
                format!("{ended} ended")
            }
        })
    }
}

/// An id is never used again, and its owner stays.
const fn owner_of(n: u32) -> Option<u32> {
    if n < 5 { Some(n % 2) } else { None }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let n = || 0_u32..8;
    let data = || prop_oneof![Just("alice"), Just("bob"), Just("")];
    // Longer than the test takes, as the server has a clock of its own.
    let time = || 100_u64..400;
    let step = prop_oneof![
        2 => (0_u64..100_000_000_000).prop_map(|nanos| Advance(Duration::from_nanos(nanos))),
        1 => (0_u64..100).prop_map(|seconds| Advance(secs(seconds))),
        8 => n().prop_map(Load),
        6 => (n(), data(), time()).prop_map(|(n, d, t)| Insert(n, d, t, owner_of(n))),
        4 => (n(), data()).prop_map(|(n, d)| Update(n, d)),
        4 => (n(), data(), data()).prop_map(|(n, from, to)| Swap(n, from, to)),
        4 => (n(), time()).prop_map(|(n, t)| Touch(n, t)),
        2 => n().prop_map(Remove),
        1 => (0_u32..3).prop_map(RemoveOwned),
    ];
    vec(step, 1..40)
}

#[test]
fn any_sequence_gets_the_same_answers_from_both() {
    let Some((server, runtime)) = server() else {
        return;
    };
    let number = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(Config::with_cases(200));
    let result = runner.run(&steps(), |steps| {
        number.set(number.get() + 1);
        let both = StorePair::new(&server, &format!("any-{}", number.get()));
        runtime.block_on(async {
            let mut model = Model::default();
            for step in steps {
                if let Advance(time) = step {
                    model.now += time;
                    both.clock.advance(time);
                    continue;
                }
                if let Some(expected) = model.take(&step) {
                    assert_eq!(both.take(&step).await, expected, "{step:?}");
                }
            }
        });
        Ok(())
    });
    result.unwrap();
}

/// Runs the same with each store, its clock and its clone, which stands for a second request.
async fn for_each<T, U>(
    test: impl Fn(MemorySessions, WallClock) -> T,
    again: impl Fn(RedisSessions, WallClock) -> U,
) where
    T: Future<Output = ()>,
    U: Future<Output = ()>,
{
    let clock = WallClock::default();
    test(MemorySessions::default().clock(clock.show()), clock).await;
    let Some(server) = Server::start() else {
        return;
    };
    let clock = WallClock::default();
    let redis = RedisSessions::open(&server.url()).unwrap();
    let redis = redis.timeout(secs(10)).unwrap().clock(clock.show());
    again(redis, clock).await;
}

/// Changes the data of a session or notes its use.
async fn go_on<S>(store: &S, n: u32, time: usize, session: &SessionRecord) -> bool
where
    S: SessionStore<Error = SessionStoreError>,
{
    let there = if time.is_multiple_of(2) {
        store
            .update(&id(n), &session.data, session.data.clone())
            .await
    } else {
        store.touch(&id(n), session.expires).await
    };
    there.unwrap()
}

/// Many requests go on with a session while it is removed.
async fn race<S>(store: S, clock: WallClock)
where
    S: SessionsByOwner<Error = SessionStoreError> + Clone,
{
    for round in 0..30 {
        let session = clock.session("alice", 600).owned_by(owner(1));
        store.insert(id(round), session.clone()).await.unwrap();
        let updates: Vec<_> = (0..16)
            .map(|first| {
                let (store, session) = (store.clone(), session.clone());
                tokio::spawn(async move {
                    let mut kept = 0;
                    while kept < 10_000 && go_on(&store, round, first + kept, &session).await {
                        kept += 1;
                        tokio::task::yield_now().await;
                    }
                    kept
                })
            })
            .collect();
        while store.load(&id(round)).await.unwrap().is_none() {}
        if round % 2 == 0 {
            assert!(store.remove(&id(round)).await.unwrap());
        } else {
            assert_eq!(store.remove_owned(&owner(1)).await.unwrap(), 1);
        }
        for update in updates {
            assert!(update.await.unwrap() < 10_000, "it did not end");
        }
        assert_eq!(store.load(&id(round)).await.unwrap(), None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_removed_session_stays_removed_under_concurrent_use() {
    for_each(race, race).await;
}

/// Some change the data of a session and others its time, and all of that is there in the end.
async fn both_at_once<S>(store: S, clock: WallClock)
where
    S: SessionStore<Error = SessionStoreError> + Clone,
{
    for round in 0..30_u32 {
        let session = clock.session("0", 600).owned_by(owner(1));
        store.insert(id(round), session.clone()).await.unwrap();
        let (touches, ends) = (store.clone(), session.expires);
        let touches = tokio::spawn(async move {
            for n in 1..=50 {
                assert!(touches.touch(&id(round), ends + secs(n)).await.unwrap());
            }
        });
        let mut from = session.data.clone();
        for n in 1..=50 {
            let to = bytes::Bytes::from(n.to_string());
            assert!(store.update(&id(round), &from, to.clone()).await.unwrap());
            from = to;
        }
        touches.await.unwrap();
        let mut expected = session;
        (expected.data, expected.expires) = ("50".into(), ends + secs(50));
        assert_eq!(store.load(&id(round)).await.unwrap(), Some(expected));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_change_and_the_note_of_a_use_do_not_undo_each_other() {
    for_each(both_at_once, both_at_once).await;
}

/// Of all that remove a session at once, one has ended it.
async fn removals<S>(store: S, clock: WallClock)
where
    S: SessionStore<Error = SessionStoreError> + Clone,
{
    for round in 0..30 {
        let session = clock.session("alice", 600);
        store.insert(id(round), session).await.unwrap();
        let all: Vec<_> = (0..8)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { store.remove(&id(round)).await.unwrap() })
            })
            .collect();
        let mut ended = 0;
        for removal in all {
            ended += u32::from(removal.await.unwrap());
        }
        assert_eq!(ended, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn only_one_of_two_removals_ends_a_session() {
    for_each(removals, removals).await;
}

async fn back_and_forth<S>(store: S, clock: WallClock)
where
    S: SessionStore<Error = SessionStoreError>,
{
    store
        .insert(id(1), clock.session("alice", 60))
        .await
        .unwrap();
    clock.go_back(secs(3_600));
    assert!(store.load(&id(1)).await.unwrap().is_some());
    clock.advance(secs(3_600 + 60));
    assert_eq!(store.load(&id(1)).await.unwrap(), None);
    // Those that are made while the clock is wrong last as long as they should.
    clock.advance(secs(1 << 30));
    store.insert(id(2), clock.session("bob", 60)).await.unwrap();
    assert!(store.load(&id(2)).await.unwrap().is_some());
    clock.go_back(secs(1 << 30));
    store
        .insert(id(3), clock.session("carol", 60))
        .await
        .unwrap();
    assert!(store.load(&id(3)).await.unwrap().is_some());
}

#[tokio::test]
async fn expiry_follows_a_clock_that_is_set_back_and_forward() {
    for_each(back_and_forth, back_and_forth).await;
}

#[tokio::test]
async fn limits_the_length_of_the_data() {
    for_each(
        |store, clock| lengths(store.record_bytes(100), clock),
        |store, clock| lengths(store.record_bytes(100), clock),
    )
    .await;
}

async fn lengths<S: SessionStore<Error = SessionStoreError>>(store: S, clock: WallClock) {
    let fits = clock.session([7; 100], 60);
    let too_long = clock.session([7; 101], 60);
    let refused = store.insert(id(1), too_long.clone()).await.unwrap_err();
    assert!(refused.is_too_long(), "{refused}");
    assert_eq!(
        refused.to_string(),
        "the data of the session have 101 bytes; the store allows at most 100"
    );
    store.insert(id(1), fits.clone()).await.unwrap();
    assert!(
        store
            .update(&id(1), &fits.data, too_long.data)
            .await
            .unwrap_err()
            .is_too_long()
    );
    assert_eq!(store.load(&id(1)).await.unwrap(), Some(fits));
}

#[test]
fn debug_shows_nothing_of_a_session() {
    let clock = WallClock::default();
    let record = clock
        .session("secret", 60)
        .owned_by(SessionOwner::new("alice"));
    let shown = format!("{record:?} {:?} {:?}", id(1), owner(1));
    assert!(
        shown.starts_with("SessionRecord { bytes: 6, expires: "),
        "{shown}"
    );
    assert!(
        shown.ends_with("owned: true } SessionId(..) SessionOwner(..)"),
        "{shown}"
    );
    let redis = RedisSessions::open("redis://:hunter2@127.0.0.1:1").unwrap();
    let shown = format!("{redis:?} {:?}", MemorySessions::default());
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("prefix: \"wythe:session\""), "{shown}");
}
