//! Lets a request pass if a closure allows it: [`with_authorization`].

use std::{any, error::Error, fmt, future::Future, marker::PhantomData, sync::Arc};

use http::{Request, StatusCode};

use super::required::missing;
use crate::{
    contract::{
        Description, Later, Middleware, Needed, Place, Step, With,
        description::{Answer, Requirement},
        stage, with,
    },
    request::{Auth, RequestHead},
    wire::{Problem, without_paths},
};

const NAME: &str = "with_authorization";

const ROUTE_UNKNOWN: &str = "the check asks for the route, which is not known here: put the layer \
    around routes, with `Stack::handler`, `Router::layer` or `Router::route_layer`";

/// Lets only those requests pass that a check allows, given the principal and the request's head. See
/// [`authorization`](crate::authorization).
///
/// The check returns `true`, `false` or another [`Decision`], immediately or as a future. If it asks
/// for the [route](RequestHead::route) and the route is unknown, the request is answered 403, whatever
/// the check returns.
///
/// # Example: an immediate decision
///
/// ```
/// use http::Method;
/// use wythe::{Auth, with_authorization};
///
/// struct Claims {
///     admin: bool,
/// }
///
/// let layer = with_authorization(|auth: &Auth<Claims>, head| {
///     auth.0.admin || head.method() == Method::GET
/// });
/// ```
///
/// # Example: asking a store
///
/// The future must own the values that it uses: clone them before `async move`. A future that borrows
/// from the principal or the head does not compile ("lifetime may not live long enough"), nor does an
/// `async |..|` closure. An error of the store is answered 503.
///
/// ```
/// use wythe::{Auth, with_authorization};
///
/// #[derive(Clone)]
/// struct Store;
///
/// impl Store {
///     async fn is_member(&self, user: u64) -> Result<bool, std::io::Error> {
///         Ok(user == 7)
///     }
/// }
///
/// struct Claims {
///     user: u64,
/// }
///
/// let store = Store;
/// let layer = with_authorization(move |Auth(claims): &Auth<Claims>, _| {
///     let (store, user) = (store.clone(), claims.user);
///     async move { store.is_member(user).await }
/// });
/// ```
pub fn with_authorization<C, F, D, K>(check: F) -> With<Authorization<C, F, K>>
where
    F: Fn(&Auth<C>, &RequestHead<'_>) -> D + Send + Sync + 'static,
    D: Decision<K>,
{
    let cause = format!("denied by the check {}", any::type_name::<F>());
    let denied = Problem::new(StatusCode::FORBIDDEN)
        .reason("denied")
        .because(cause);
    with(Authorization {
        policy: Arc::new(CheckPolicy { check, denied }),
        kind: PhantomData,
    })
}

/// The middleware of [`with_authorization`](crate::with_authorization).
#[must_use]
pub struct Authorization<C, F, K> {
    policy: Arc<CheckPolicy<F>>,
    kind: PhantomData<fn(C) -> K>,
}

struct CheckPolicy<F> {
    check: F,
    denied: Problem,
}

impl<F> CheckPolicy<F> {
    fn conclude<B>(&self, decided: Decided, request: Request<B>) -> Step<B, ()> {
        match decided {
            Decided::Allow => Step::Next(request, ()),
            Decided::Deny => Step::Reply(self.denied.clone().into()),
            Decided::Answer(problem) => Step::Reply(problem.into()),
        }
    }
}

impl<C, F, K> Clone for Authorization<C, F, K> {
    fn clone(&self) -> Self {
        Self {
            policy: Arc::clone(&self.policy),
            kind: PhantomData,
        }
    }
}

impl<C, F, K> fmt::Debug for Authorization<C, F, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authorization(..)")
    }
}

impl<C, F, D, K> Place for Authorization<C, F, K>
where
    F: Fn(&Auth<C>, &RequestHead<'_>) -> D,
    D: Decision<K>,
{
    type Stage = stage::Authorize;
    type Provides = ();
    type Needs = Needed<Auth<C>>;

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        let check = Requirement::Check(check_name(any::type_name::<F>()));
        let denied = Answer::of(&self.policy.denied);
        let layer = Description::new(self.name()).requirement(check, denied);
        if !D::CAN_FAIL {
            return layer;
        }
        let failed = Answer::unavailable().when("when the check fails");
        layer.answer(failed)
    }
}

/// The name of the check in a description: that of the function, or of the function that contains the
/// closure.
fn check_name(path: &str) -> String {
    let function = path.trim_end_matches("::{{closure}}");
    let name = without_paths(function);
    if function == path {
        return name;
    }
    format!("closure in {name}")
}

impl<C, F, D, K, B> Middleware<B> for Authorization<C, F, K>
where
    C: Send + Sync + 'static,
    F: Fn(&Auth<C>, &RequestHead<'_>) -> D + Send + Sync + 'static,
    D: Decision<K>,
    B: Send + 'static,
{
    type Carry = ();

    fn before(&self, request: Request<B>) -> Later<Step<B, ()>> {
        let Some(auth) = request.extensions().get::<Auth<C>>() else {
            return Step::reply(missing::<C>(NAME));
        };
        let head = RequestHead::from(&request);
        let decision = (self.policy.check)(auth, &head);
        if head.take_route_missed() {
            return Step::reply(self.policy.denied.clone().because(ROUTE_UNKNOWN));
        }
        match decision.decide() {
            Later::Ready(decided) => Later::Ready(self.policy.conclude(decided, request)),
            Later::Pending(decided) => {
                let policy = Arc::clone(&self.policy);
                Later::pending(async move { policy.conclude(decided.await, request) })
            }
        }
    }
}

/// What a check may return, immediately or as a future.
///
/// | returned | the request passes | the request is refused | the check failed |
/// |---|---|---|---|
/// | `bool` | `true` | `false`: 403 | |
/// | `Result<(), Problem>` | `Ok(())` | `Err(problem)`: the problem, for example a 404 | |
/// | `Result<bool, E>` | `Ok(true)` | `Ok(false)`: 403 | `Err(error)`: 503, with the error in the log; a [`Problem`] is sent unchanged |
/// | a future of one of these, which is `Send` and owns what it needs | | | |
///
/// `Result<bool, E>` is for checks that can fail: if the store is down, nothing has been denied.
///
/// Your own types can be decisions too.
///
/// # Example
///
/// ```
/// use wythe::{Later, authorization::{Decided, Decision, Immediate}};
///
/// enum Vote {
///     Yes,
///     No,
/// }
///
/// impl Decision<Immediate> for Vote {
///     fn decide(self) -> Later<Decided> {
///         Later::Ready(match self {
///             Self::Yes => Decided::Allow,
///             Self::No => Decided::Deny,
///         })
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "a check cannot return `{Self}`",
    label = "this does not say whether the request is allowed",
    note = "return `bool`, `Result<(), Problem>`, `Result<bool, E>` where `E` is an error, or a \
            future of one of these that is `Send` and owns what it needs"
)]
pub trait Decision<K> {
    /// Whether the check can fail: the description then has a 503.
    const CAN_FAIL: bool = false;

    /// Whether the request is allowed.
    fn decide(self) -> Later<Decided>;
}

/// The kind of a [`Decision`] that is made immediately.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Immediate;

/// The kind of a [`Decision`] that is a future.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Deferred;

/// The result of a check.
#[expect(
    clippy::exhaustive_enums,
    reason = "the contract: a check says one of these"
)]
pub enum Decided {
    /// The request passes.
    Allow,
    /// The request is answered 403.
    Deny,
    /// The request is answered with this problem.
    Answer(Problem),
}

impl Decided {
    /// The check failed: a 503, with the cause in the log. A [`Problem`] is sent unchanged.
    fn failed(cause: Box<dyn Error + Send + Sync>) -> Self {
        Self::Answer(match cause.downcast::<Problem>() {
            Ok(problem) => *problem,
            Err(cause) => Problem::unavailable(cause),
        })
    }
}

impl Decision<Immediate> for bool {
    fn decide(self) -> Later<Decided> {
        Later::Ready(if self { Decided::Allow } else { Decided::Deny })
    }
}

impl Decision<Immediate> for Result<(), Problem> {
    fn decide(self) -> Later<Decided> {
        Later::Ready(self.map_or_else(Decided::Answer, |()| Decided::Allow))
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> Decision<Immediate> for Result<bool, E> {
    const CAN_FAIL: bool = true;

    fn decide(self) -> Later<Decided> {
        match self {
            Ok(allowed) => allowed.decide(),
            Err(error) => Later::Ready(Decided::failed(error.into())),
        }
    }
}

impl<F> Decision<Deferred> for F
where
    F: Future<Output: Decision<Immediate>> + Send + 'static,
{
    const CAN_FAIL: bool = <F::Output as Decision<Immediate>>::CAN_FAIL;

    fn decide(self) -> Later<Decided> {
        Later::pending(async move {
            let decision = self.await.decide();
            decision.wait().await
        })
    }
}

impl Decision<Immediate> for Decided {
    const CAN_FAIL: bool = true;

    fn decide(self) -> Later<Decided> {
        Later::Ready(self)
    }
}

impl fmt::Debug for Decided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "Allow",
            Self::Deny => "Deny",
            Self::Answer(_) => "Answer",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::check_name;

    #[test]
    fn a_closure_is_named_after_its_function() {
        let cases = [
            ("app::orders::is_owner", "is_owner"),
            ("app::orders::stack::{{closure}}", "closure in stack"),
            (
                "app::stack<app::Db>::{{closure}}::{{closure}}",
                "closure in stack<Db>",
            ),
        ];
        for (path, name) in cases {
            assert_eq!(check_name(path), name);
        }
    }
}
