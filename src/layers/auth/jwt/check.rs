//! Holds what else the caller asks of the claims.

use std::{fmt, sync::Arc};

use super::refusal::JwtRefusal;

type Check<C> = Arc<dyn Fn(&C) -> Result<(), JwtRefusal> + Send + Sync>;

/// Checks of the caller's own.
pub(super) struct Checks<C>(Vec<Check<C>>);

impl<C> Checks<C> {
    pub(super) fn add<R: fmt::Display>(
        &mut self,
        check: impl Fn(&C) -> Result<(), R> + Send + Sync + 'static,
    ) {
        self.0.push(Arc::new(move |claims| {
            check(claims).map_err(|reason| JwtRefusal::Check(reason.to_string()))
        }));
    }

    /// The claims, if every check says yes to them now. It is asked about each request, also where
    /// the token has been verified before: what it knows may have changed since.
    pub(super) fn pass(&self, claims: C) -> Result<C, JwtRefusal> {
        for check in &self.0 {
            check(&claims)?;
        }
        Ok(claims)
    }

    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }
}

impl<C> Default for Checks<C> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<C> Clone for Checks<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
