//! Whatever happens, a scheme with a cache answers as one without.

use std::{collections::HashSet, time::Duration};

use proptest::{collection, prelude::*};
use serde_json::json;
use wythe::{Jwt, TokenCache};

use super::{TestClock, passes};
use crate::layers::auth::jwt::{Claims, NOW, hs256, token};

const TOKENS: usize = 12;

#[derive(Clone, Debug)]
enum Event {
    Request(usize),
    Forged(usize),
    Clock(u64),
    Forget(usize),
    ForgetUser(usize),
    Clear,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (0..TOKENS).prop_map(Event::Request),
        1 => (0..TOKENS).prop_map(Event::Forged),
        2 => (0..40_u64).prop_map(|seconds| Event::Clock(NOW + seconds)),
        1 => (0..TOKENS).prop_map(Event::Forget),
        1 => (0..TOKENS).prop_map(Event::ForgetUser),
        1 => Just(Event::Clear),
    ]
}

/// Token `n` is of user `n / 2`, and good for twenty seconds from the `n`th.
fn tokens() -> Vec<String> {
    let window =
        |n: u64| json!({ "sub": (n / 2).to_string(), "nbf": NOW + n, "exp": NOW + n + 20 });
    (0..12).map(|n| token(&window(n))).collect()
}

struct Model {
    clock: TestClock,
    plain: Jwt<Claims>,
    cached: Jwt<Claims>,
    cache: TokenCache<Claims>,
    /// Tokens that are there, if none was ever put out.
    cached_tokens: HashSet<usize>,
    now: u64,
}

impl Model {
    fn of(room: usize) -> Self {
        let clock = TestClock::at(NOW);
        let cache = TokenCache::of(room).unwrap();
        let jwt = hs256::<Claims>().leeway(Duration::ZERO);
        let jwt = jwt.clock(clock.now());
        Self {
            plain: jwt.clone().without_cache(),
            cached: jwt.cache(&cache),
            clock,
            cache,
            cached_tokens: HashSet::new(),
            now: NOW,
        }
    }

    fn apply(&mut self, event: &Event, tokens: &[String]) -> Result<(), TestCaseError> {
        match *event {
            Event::Request(n) => return self.request(n, &tokens[n]),
            Event::Forged(n) => {
                let mut forged = tokens[n].clone();
                forged.replace_range(40..41, if &forged[40..41] == "A" { "B" } else { "A" });
                prop_assert!(!passes(&self.cached, &forged));
            }
            Event::Clock(now) => {
                self.now = now;
                self.clock.set(now);
            }
            Event::Forget(n) => {
                let forgotten = self.cache.forget(&tokens[n]);
                prop_assert!(!forgotten || self.cached_tokens.contains(&n));
                self.cached_tokens.remove(&n);
            }
            Event::ForgetUser(user) => {
                let sub = user.to_string();
                let forgotten = self.cache.forget_where(|claims| claims.sub == sub);
                let before = self.cached_tokens.len();
                self.cached_tokens.retain(|n| n / 2 != user);
                prop_assert!(forgotten <= before - self.cached_tokens.len());
            }
            Event::Clear => {
                self.cache.clear();
                self.cached_tokens.clear();
                prop_assert!(self.cache.is_empty());
            }
        }
        Ok(())
    }

    fn request(&mut self, n: usize, token: &str) -> Result<(), TestCaseError> {
        let start = NOW + n as u64;
        let good = (start..start + 20).contains(&self.now);
        prop_assert_eq!(passes(&self.plain, token), good);
        let before = self.cache.hits();
        prop_assert_eq!(passes(&self.cached, token), good);
        let found = self.cache.hits() > before;
        // Only what was verified and not forgotten since is found.
        prop_assert!(!found || (good && self.cached_tokens.contains(&n)));
        if good {
            self.cached_tokens.insert(n);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn a_cache_changes_no_response(
        room in 1..2 * TOKENS,
        events in collection::vec(event(), 1..120),
    ) {
        let tokens = tokens();
        let mut model = Model::of(room);
        for event in &events {
            model.apply(event, &tokens)?;
            prop_assert!(model.cache.len() <= room);
            prop_assert!(model.cache.len() <= model.cached_tokens.len());
        }
    }

    #[test]
    fn with_enough_room_every_valid_token_is_verified_once(
        requests in collection::vec(0..TOKENS, 1..100),
    ) {
        let tokens = tokens();
        let mut model = Model::of(TOKENS);
        model.apply(&Event::Clock(NOW + 15), &tokens)?;
        for n in requests {
            model.apply(&Event::Request(n), &tokens)?;
        }
        prop_assert_eq!(model.cache.len(), model.cached_tokens.len());
        prop_assert_eq!(model.cache.misses(), model.cached_tokens.len() as u64);
    }
}
