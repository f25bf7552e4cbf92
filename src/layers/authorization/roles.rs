//! Lets principals pass that have roles: [`HasRoles`] and [`Roles`].

use std::{fmt, marker::PhantomData, sync::Arc};

use http::{Request, StatusCode};

use super::{
    grant::{By, Itself},
    required::{HowMany, Required},
};
use crate::{
    contract::{Description, Later, Middleware, Needed, Place, Step, With, stage, with},
    request::{Auth, Either},
    wire::ConfigError,
};

/// A principal that says which roles it has.
///
/// A role is a type of the application's own, or `str`. Which role holds another is said here.
///
/// # Example
///
/// ```
/// use wythe::{HasRoles, with_roles};
///
/// #[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
/// enum Role {
///     Reader,
///     Editor,
///     Admin,
/// }
///
/// #[derive(Clone)]
/// struct User {
///     role: Role,
/// }
///
/// impl HasRoles for User {
///     type Role = Role;
///
///     /// An admin is an editor, and an editor is a reader.
///     fn has_role(&self, role: &Role) -> bool {
///         self.role >= *role
///     }
/// }
///
/// let layer = with_roles::<User, _>([Role::Editor])?;
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which roles it has",
    label = "a layer asks `{Self}` for roles",
    note = "write `impl HasRoles for {Self}`, or give the layer a closure that says it: \
            `with_roles([..])?.by(|principal: &{Self}, role| ..)`"
)]
pub trait HasRoles {
    /// What a role is: an enum of the application's own, or `str`. The log shows it by `Debug`.
    type Role: ?Sized + fmt::Debug;

    /// Whether it has this role.
    fn has_role(&self, role: &Self::Role) -> bool;
}

impl<T: HasRoles + ?Sized> HasRoles for Arc<T> {
    type Role = T::Role;

    fn has_role(&self, role: &T::Role) -> bool {
        (**self).has_role(role)
    }
}

/// The roles of whichever it is; both have roles of the same type.
impl<A: HasRoles, B: HasRoles<Role = A::Role>> HasRoles for Either<A, B> {
    type Role = A::Role;

    fn has_role(&self, role: &A::Role) -> bool {
        match self {
            Self::First(first) => first.has_role(role),
            Self::Second(second) => second.has_role(role),
        }
    }
}

/// The middleware of [`with_roles`](super::with_roles) and
/// [`with_any_role`](super::with_any_role).
#[must_use]
pub struct Roles<C, R: ?Sized, G = Itself> {
    inner: Arc<Inner<R, G>>,
    principal: PhantomData<fn(C)>,
}

struct Inner<R: ?Sized, G> {
    required: Required<R>,
    grant: G,
}

impl<C, R: ?Sized + fmt::Debug> Roles<C, R> {
    pub(super) fn new(
        roles: impl IntoIterator<Item = impl Into<Arc<R>>>,
        how_many: HowMany,
    ) -> Result<Self, ConfigError> {
        let roles = roles.into_iter().map(Into::into).collect();
        let required = Required::new(roles, how_many, "role", "insufficient_role", "Roles")?;
        Ok(Self::of(required, Itself))
    }
}

impl<C, R: ?Sized, G> Roles<C, R, G> {
    fn of(required: Required<R>, grant: G) -> Self {
        Self {
            inner: Arc::new(Inner { required, grant }),
            principal: PhantomData,
        }
    }
}

impl<C, R: ?Sized> With<Roles<C, R>> {
    /// Asks a closure whether the principal has a role, and not the principal itself.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::with_roles;
    ///
    /// struct Session {
    ///     roles: Vec<String>,
    /// }
    ///
    /// let layer = with_roles(["editor"])?
    ///     .by(|session: &Session, role: &str| session.roles.iter().any(|held| held == role));
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn by<F>(self, has: F) -> With<Roles<C, R, By<F>>>
    where
        F: Fn(&C, &R) -> bool + Send + Sync + 'static,
    {
        let required = self.into_middleware().inner.required.clone();
        with(Roles::of(required, By(has)))
    }
}

impl<C, R: ?Sized, G> Clone for Roles<C, R, G> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            principal: PhantomData,
        }
    }
}

impl<C, R: ?Sized + fmt::Debug, G> fmt::Debug for Roles<C, R, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.inner.required.when_refused("role");
        f.debug_tuple("Roles")
            .field(&format_args!("{words}"))
            .finish()
    }
}

/// Whether a principal has a role.
pub trait GrantsRoles<C, R: ?Sized> {
    /// Whether it has.
    fn has(&self, principal: &C, role: &R) -> bool;
}

impl<C: HasRoles> GrantsRoles<C, C::Role> for Itself {
    fn has(&self, principal: &C, role: &C::Role) -> bool {
        principal.has_role(role)
    }
}

impl<C, R: ?Sized, F: Fn(&C, &R) -> bool> GrantsRoles<C, R> for By<F> {
    fn has(&self, principal: &C, role: &R) -> bool {
        (self.0)(principal, role)
    }
}

impl<C, R, G> Place for Roles<C, R, G>
where
    R: ?Sized + fmt::Debug,
    G: GrantsRoles<C, R>,
{
    type Stage = stage::Authorize;
    type Provides = ();
    type Needs = Needed<Auth<C>>;

    fn describe(&self) -> Description {
        let required = &self.inner.required;
        let name = required.layer("with_roles", "with_any_role");
        Description::new(name).answers(StatusCode::FORBIDDEN, required.when_refused("role"))
    }
}

impl<C, R, G, B> Middleware<B> for Roles<C, R, G>
where
    C: Send + Sync + 'static,
    R: ?Sized + fmt::Debug,
    G: GrantsRoles<C, R>,
{
    type Carry = ();

    fn name(&self) -> &'static str {
        self.inner.required.layer("with_roles", "with_any_role")
    }

    fn before(&self, request: Request<B>) -> Later<Step<B, ()>> {
        let Inner { required, grant } = &*self.inner;
        required.judge("with_roles", request, |principal: &C, role: &R| {
            grant.has(principal, role)
        })
    }
}
