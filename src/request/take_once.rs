//! Carries a value in a request's extensions without requiring it to be `Clone`.

use std::{
    any::Any,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A value to be taken once. Extensions must be `Clone`, values need not be: clones share one
/// value, and the first to take it gets it.
///
/// Only a clone allocates, so the usual case costs no more than the extensions' own box.
pub(crate) struct TakeOnce<T>(Mutex<State<T>>);

enum State<T> {
    Owned(T),
    // Without the type, so that the sharing is compiled once for all types.
    Shared(Shared),
    Taken,
}

/// An `Option` of the value.
#[derive(Clone)]
struct Shared(Arc<Mutex<Box<dyn Any + Send>>>);

impl Shared {
    fn new(value: Box<dyn Any + Send>) -> Self {
        Self(Arc::new(Mutex::new(value)))
    }

    fn lock(&self) -> MutexGuard<'_, Box<dyn Any + Send>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// Without the combinators of `Option` and `Result`: each would be compiled for each type.
impl<T: Send + 'static> TakeOnce<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(Mutex::new(State::Owned(value)))
    }

    /// The value, unless another clone had it.
    pub(crate) fn take(self) -> Option<T> {
        let state = mem::replace(&mut *self.lock(), State::Taken);
        match state {
            State::Owned(value) => Some(value),
            State::Shared(shared) => match shared.lock().downcast_mut::<Option<T>>() {
                Some(value) => value.take(),
                None => None,
            },
            State::Taken => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        match self.0.lock() {
            Ok(state) => state,
            Err(poisoned) => poisoned.into_inner(),
        }
    }
}

impl<T: Send + 'static> Clone for TakeOnce<T> {
    fn clone(&self) -> Self {
        let state = &mut *self.lock();
        let shared = match mem::replace(state, State::Taken) {
            State::Owned(value) => Shared::new(Box::new(Some(value))),
            State::Shared(shared) => shared,
            State::Taken => return Self(Mutex::new(State::Taken)),
        };
        *state = State::Shared(shared.clone());
        Self(Mutex::new(State::Shared(shared)))
    }
}

#[cfg(test)]
mod tests {
    use super::TakeOnce;

    #[derive(Debug, PartialEq)]
    struct NotClone;

    #[test]
    fn the_value_is_taken_once_by_whichever_clone_comes_first() {
        assert_eq!(TakeOnce::new(NotClone).take(), Some(NotClone));
        let first = TakeOnce::new(NotClone);
        let second = first.clone();
        let third = second.clone();
        assert_eq!(third.take(), Some(NotClone));
        assert_eq!(first.take(), None);
        assert_eq!(second.take(), None);
    }

    #[test]
    fn dropping_a_clone_leaves_the_value_to_the_others() {
        let first = TakeOnce::new(NotClone);
        drop(first.clone());
        assert_eq!(first.take(), Some(NotClone));
    }
}
