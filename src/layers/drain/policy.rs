//! The handle, [`Drain`], which is also the policy, and the layer.

use std::{fmt, sync::Arc, time::Duration};

use http::{Request, Response, StatusCode, Version};
use tokio::sync::watch;

use crate::{
    contract::{
        Description, Later, Middleware, Place, Step, With, close, description::Answer, stage, with,
    },
    wire::Problem,
};

const NAME: &str = "with_drain";

/// Lets clients finish and disconnect while the server stops; see the [module](super).
///
/// # Example
///
/// ```
/// use wythe::{Drain, compose, with_drain};
///
/// let drain = Drain::new();
/// let stack = compose((with_drain(drain.clone()),));
/// ```
pub const fn with_drain(drain: Drain) -> With<Drain> {
    with(drain)
}

/// Whether the server is stopping: a handle that the server, [`with_drain`] and the readiness check
/// share.
#[derive(Clone)]
#[must_use]
pub struct Drain(Arc<Inner>);

struct Inner {
    phase: watch::Sender<Phase>,
    refusal: Problem,
}

/// How far the shutdown of a server has progressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Phase {
    /// Not at all.
    Serving,
    /// It serves requests, but no longer wants new ones.
    Leaving,
    /// It refuses requests.
    Refusing,
}

impl Drain {
    /// A server that is not stopping.
    pub fn new() -> Self {
        let refusal = Problem::new(StatusCode::SERVICE_UNAVAILABLE)
            .reason("draining")
            .detail("This server is stopping. Send the request again.")
            .retry_after(Duration::from_secs(1))
            .expected();
        Self(Arc::new(Inner {
            phase: watch::Sender::new(Phase::Serving),
            refusal,
        }))
    }

    /// Whether the server wants new requests: the result of the readiness check.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.phase() == Phase::Serving
    }

    /// How far the shutdown has progressed.
    #[must_use]
    pub fn phase(&self) -> Phase {
        *self.0.phase.borrow()
    }

    /// Makes the server not ready. Requests are still served.
    pub fn leave(&self) {
        self.advance(Phase::Leaving);
    }

    /// Refuses requests from now on.
    pub fn refuse(&self) {
        self.advance(Phase::Refusing);
    }

    /// Phases only move forward.
    fn advance(&self, to: Phase) {
        self.0.phase.send_if_modified(|phase| {
            let later = *phase < to;
            if later {
                *phase = to;
            }
            later
        });
    }

    /// Waits until the server is in this phase, or in a later one.
    pub async fn reached(&self, phase: Phase) {
        let mut phases = self.0.phase.subscribe();
        // `wait_for` can't fail: `self` holds the sender.
        drop(phases.wait_for(|now| *now >= phase).await);
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self::new()
    }
}

impl Place for Drain {
    type Stage = stage::Admit;
    type Provides = ();
    type Needs = ();

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        let refused = Answer::of(&self.0.refusal).when("while the server is stopping");
        Description::new(self.name()).answer(refused)
    }
}

impl<B> Middleware<B> for Drain {
    type Carry = Version;

    fn before(&self, request: Request<B>) -> Later<Step<B, Version>> {
        let version = request.version();
        if self.phase() < Phase::Refusing {
            return Step::next(request, version);
        }
        let mut refusal = self.0.refusal.clone().into_response();
        close(version, refusal.headers_mut());
        Step::reply(refusal)
    }

    fn after<R>(&self, version: Version, response: &mut Response<R>) {
        if self.phase() > Phase::Serving && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            close(version, response.headers_mut());
        }
    }
}

impl fmt::Debug for Drain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Drain").field(&self.phase()).finish()
    }
}
