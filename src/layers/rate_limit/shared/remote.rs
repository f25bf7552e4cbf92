//! Puts the store behind a limit: what is asked, and what follows if nothing comes back.

use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode, header, request::Parts};

use super::{
    super::{
        limit::{Limit, Tally},
        plans::Choice,
        policy::Options,
        request::{Asked, Kept, Passed},
        verdict::Verdict,
    },
    engine::Engine,
    failure::OnFailure,
    name::Name,
};
use crate::{
    contract::Description,
    request::key::{Fingerprint, Key, KeyPart},
    support::redis::Failure,
    wire::{Problem, retry_after},
};

/// A limit's counts in a store.
pub(in crate::layers::rate_limit) struct Remote {
    pub(in crate::layers::rate_limit) engine: Arc<Engine>,
    /// Counts here while the store does not answer.
    local: Option<Box<Limit>>,
    unavailable: Problem,
}

/// What is to be taken, and from whom.
pub(in crate::layers::rate_limit) struct Question {
    name: Name,
    local: Option<Fingerprint>,
    asked: Asked,
}

impl Remote {
    pub(in crate::layers::rate_limit) fn new(
        options: &Options,
        tally: &Arc<Tally>,
    ) -> Option<Self> {
        let sharing = options.sharing.as_ref()?;
        let rules = Arc::clone(&options.choice.rules);
        let engine = Engine::new(Arc::clone(sharing), rules, options.clock.clone());
        let local = engine.local().map(|rules| {
            let choice = Choice {
                rules,
                which: options.choice.which.clone(),
            };
            let options = Options {
                choice,
                sharing: None,
                ..options.clone()
            };
            Box::new(Limit::counting_into(options, Arc::clone(tally)))
        });
        Some(Self {
            engine: Arc::new(engine),
            local,
            unavailable: unavailable(),
        })
    }

    /// What it answers beside refusals by quota.
    pub(in crate::layers::rate_limit) fn describe(&self, limit: Description) -> Description {
        match self.engine.on_failure() {
            OnFailure::Deny => limit.answers(
                StatusCode::SERVICE_UNAVAILABLE,
                "when the store of the limit does not answer",
            ),
            OnFailure::Allow | OnFailure::Local { .. } => limit,
        }
    }

    pub(in crate::layers::rate_limit) fn local(&self) -> Option<&Limit> {
        self.local.as_deref()
    }

    pub(in crate::layers::rate_limit) fn question<P: KeyPart + ?Sized>(
        &self,
        key: &P,
        asked: Asked,
    ) -> Question {
        let local = self.local.as_ref();
        Question {
            name: self.engine.name(key, asked.plan),
            local: local.map(|local| local.fingerprint(key, asked.plan)),
            asked,
        }
    }

    /// The same, for a request.
    pub(in crate::layers::rate_limit) fn question_of<K: Key>(
        &self,
        key: &K,
        head: &mut Parts,
        asked: Asked,
    ) -> Result<Question, Problem> {
        let local = self.local.as_ref();
        let local = local.map(|local| local.fingerprint_of(key, head, asked.plan));
        Ok(Question {
            local: local.transpose()?,
            name: self.engine.name_of(key, head, asked.plan)?,
            asked,
        })
    }

    /// The answer that is known without asking the store.
    pub(in crate::layers::rate_limit) fn known(
        &self,
        limit: &Limit,
        question: &Question,
    ) -> Option<Result<Passed, Response<Bytes>>> {
        let Question { name, asked, .. } = question;
        let known = self.engine.known(name, asked.plan, asked.units)?;
        Some(self.conclude(limit, question, known))
    }

    pub(in crate::layers::rate_limit) async fn answer(
        &self,
        limit: &Limit,
        question: &Question,
    ) -> Result<Passed, Response<Bytes>> {
        let Question { name, asked, .. } = question;
        let taken = self.engine.take(name, asked.plan, asked.units).await;
        self.conclude(limit, question, taken)
    }

    #[expect(
        clippy::result_large_err,
        reason = "a box would be one more allocation"
    )]
    fn conclude(
        &self,
        limit: &Limit,
        question: &Question,
        taken: Result<Verdict, Failure>,
    ) -> Result<Passed, Response<Bytes>> {
        let asked = question.asked;
        let failure = match taken {
            Ok(verdict) => {
                let key = || Kept::Shared(question.name.clone());
                return limit.conclude(asked, Ok(verdict), key);
            }
            Err(failure) => failure,
        };
        if let (Some(local), Some(key)) = (&self.local, question.local) {
            let verdict = local.take(key, asked)?;
            let passed = local.conclude(asked, verdict, || Kept::Here(key))?;
            return Ok(Passed::Locally(Box::new(passed)));
        }
        if self.engine.on_failure() == OnFailure::Deny && !limit.options.shadow {
            return Err(self.refusal(failure));
        }
        Ok(Passed::Silently)
    }

    /// The answer where nobody knows what is left, and that is reason enough to refuse.
    fn refusal(&self, failure: Failure) -> Response<Bytes> {
        let problem = self.unavailable.clone();
        let mut response = match failure {
            // The event of when it was given up has the cause.
            Failure::GivenUp => problem.into_response(),
            failure => problem.because(failure).into_response(),
        };
        let wait = retry_after(self.engine.until_probe());
        response.headers_mut().insert(header::RETRY_AFTER, wait);
        response
    }

    /// The same for a handler.
    pub(in crate::layers::rate_limit) fn problem(&self, failure: Failure) -> Problem {
        let problem = self.unavailable.clone();
        problem
            .retry_after(self.engine.until_probe())
            .because(failure)
    }

    /// Takes for a handler.
    pub(in crate::layers::rate_limit) async fn take(
        &self,
        limit: &Limit,
        question: &Question,
    ) -> Result<(), Problem> {
        let Question { name, asked, local } = question;
        let failure = match self.engine.take(name, asked.plan, asked.units).await {
            Ok(verdict) => return limit.admit(*asked, Ok(verdict)),
            Err(failure) => failure,
        };
        if let (Some(counts), Some(key)) = (&self.local, *local) {
            return counts.admit(*asked, counts.take(key, *asked)?);
        }
        if self.engine.on_failure() == OnFailure::Deny && !limit.options.shadow {
            return Err(self.problem(failure));
        }
        Ok(())
    }
}

fn unavailable() -> Problem {
    Problem::reduced_capacity()
        .reason("store_down")
        .because("the store of the limit does not answer, and the limit denies requests then")
}
