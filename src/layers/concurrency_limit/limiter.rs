//! Decides who comes in: the layer of [`with_concurrency_limit`](super::with_concurrency_limit).

use std::{fmt, sync::Arc};

use http::{Request, StatusCode, header};
use tower_layer::Layer;

use super::{
    gate::{Gate, Permit, Turn, Visit},
    policy::{ConcurrencyLimit, Queue},
    service::Limited,
    table::Table,
};
use crate::{
    contract::{Description, Place},
    request::key::{Key, Seed},
    wire::Problem,
};

/// The layer of [`with_concurrency_limit`](super::with_concurrency_limit): a limit and its counts.
///
/// Clones share the counts, so a clone that is kept shows them:
///
/// ```
/// use wythe::{ConcurrencyLimit, with_concurrency_limit};
///
/// let layer = with_concurrency_limit(ConcurrencyLimit::of(100)?);
/// let limiter = layer.inner().clone();
/// println!("{} requests in progress, {} waiting", limiter.in_progress(), limiter.waiting());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[must_use]
pub struct ConcurrencyLimiter<K: Key>(Arc<Shared<K>>);

struct Shared<K: Key> {
    limit: ConcurrencyLimit<K>,
    gates: Gates,
    refusal: Problem,
}

enum Gates {
    /// One for all requests.
    One(Arc<Gate>),
    /// One for each key.
    ByKey(Arc<Table>, Seed),
}

/// What becomes of a request.
pub(super) enum Admission {
    Enter(Permit),
    Wait(Turn),
    Refuse(Problem),
}

impl<K: Key> ConcurrencyLimiter<K> {
    pub(super) fn new(limit: ConcurrencyLimit<K>) -> Self {
        let refusal = Problem::reduced_capacity()
            .reason("concurrency")
            .retry_after(limit.retry_after)
            .extension("violated-policies", vec![limit.name.as_ref()]);
        let gates = if limit.keyed {
            Gates::ByKey(Arc::new(Table::new(limit.most)), Seed::random())
        } else {
            Gates::One(Arc::new(Gate::new(limit.most)))
        };
        Self(Arc::new(Shared {
            limit,
            gates,
            refusal,
        }))
    }

    /// How many requests are in progress at this moment: those whose response has not ended.
    #[must_use]
    pub fn in_progress(&self) -> usize {
        self.0.gates.sum(Gate::in_progress)
    }

    /// How many requests wait at this moment.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.gates.sum(Gate::waiting)
    }

    /// How many keys have a request in progress or waiting at this moment; no other is kept.
    #[must_use]
    pub fn keys(&self) -> usize {
        match &self.0.gates {
            Gates::One(gate) => usize::from(gate.in_progress() > 0),
            Gates::ByKey(table, _) => table.len(),
        }
    }

    pub(super) fn admit<B>(&self, request: Request<B>) -> (Request<B>, Admission) {
        let shared = &*self.0;
        let (table, seed) = match &shared.gates {
            Gates::One(gate) => {
                let visit = Visit::new(Arc::clone(gate), None);
                return (request, shared.admit(visit));
            }
            Gates::ByKey(table, seed) => (table, seed),
        };
        let (mut head, body) = request.into_parts();
        let key = seed.fingerprint_with(|writer| shared.limit.key.write(&mut head, writer));
        let admission = match key {
            Ok(key) => shared.admit(table.visit(key)),
            Err(problem) => Admission::Refuse(problem),
        };
        (Request::from_parts(head, body), admission)
    }

    pub(super) fn refusal(&self) -> Problem {
        self.0.refusal.clone()
    }
}

impl<K: Key> Shared<K> {
    fn admit(&self, visit: Visit) -> Admission {
        let visit = match visit.enter() {
            Ok(permit) => return Admission::Enter(permit),
            Err(visit) => visit,
        };
        let turn = match self.limit.queue {
            Some(Queue { most, longest }) => visit.line_up(most, longest),
            None => None,
        };
        turn.map_or_else(|| Admission::Refuse(self.refusal.clone()), Admission::Wait)
    }
}

impl Gates {
    fn sum(&self, of: impl Fn(&Gate) -> usize) -> usize {
        match self {
            Self::One(gate) => of(gate),
            Self::ByKey(table, _) => table.sum(of),
        }
    }
}

impl<K: Key> Place for ConcurrencyLimiter<K> {
    type Stage = K::Stage;
    type Provides = ();
    type Needs = K::Needs;

    fn describe(&self) -> Description {
        let limit = &self.0.limit;
        let description = Description::new("with_concurrency_limit")
            .answers(StatusCode::SERVICE_UNAVAILABLE, limit.to_string())
            .adds(header::RETRY_AFTER);
        limit.key.describe(description)
    }
}

impl<K: Key, S> Layer<S> for ConcurrencyLimiter<K> {
    type Service = Limited<K, S>;

    fn layer(&self, inner: S) -> Limited<K, S> {
        Limited::new(self.clone(), inner)
    }
}

impl<K: Key> Clone for ConcurrencyLimiter<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// The limit; never a key.
impl<K: Key> fmt::Debug for ConcurrencyLimiter<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConcurrencyLimiter")
            .field(&self.0.limit)
            .finish()
    }
}
