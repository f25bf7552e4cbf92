//! Requires roles: [`with_roles`].

use std::{fmt, marker::PhantomData, sync::Arc};

use http::Request;

use super::required::{By, Itself, Quantifier, Required};
use crate::{
    contract::{
        Description, Later, Middleware, Needed, Place, Step, With, description::Requirement, stage,
        with,
    },
    request::{Auth, Either},
    wire::ConfigError,
};

const NAME: &str = "with_roles";

/// Lets only principals with these roles pass. See [`authorization`](crate::authorization).
///
/// The type of the principal is the one that the stack provides. It says which roles it has by
/// implementing [`HasRoles`], or else the policy has a [closure](Roles::by).
///
/// # Example
///
/// ```
/// use wythe::{Auth, HasRoles, Roles, assume, compose, with_roles};
///
/// #[derive(Clone)]
/// struct User {
///     roles: Vec<String>,
/// }
///
/// impl HasRoles for User {
///     type Role = str;
///
///     fn has_role(&self, role: &str) -> bool {
///         self.roles.iter().any(|held| held == role)
///     }
/// }
///
/// let stack = compose((
///     assume::<Auth<User>>(),
///     with_roles(Roles::any(["editor", "admin"])?),
/// ));
/// # Ok::<(), wythe::ConfigError>(())
/// ```
pub const fn with_roles<C, R: ?Sized, G>(roles: Roles<C, R, G>) -> With<Roles<C, R, G>> {
    with(roles)
}

/// The roles, of type `R`, that a principal `C` must have.
#[must_use]
pub struct Roles<C, R: ?Sized, G = Itself> {
    policy: Arc<RolePolicy<R, G>>,
    principal: PhantomData<fn(C)>,
}

struct RolePolicy<R: ?Sized, G> {
    required: Required<R>,
    grant: G,
}

impl<C, R: ?Sized + fmt::Debug> Roles<C, R> {
    /// Requires all of these roles.
    ///
    /// # Errors
    ///
    /// If the list is empty.
    pub fn all(roles: impl IntoIterator<Item = impl Into<Arc<R>>>) -> Result<Self, ConfigError> {
        Self::new(roles, Quantifier::All)
    }

    /// Requires at least one of these roles.
    ///
    /// # Errors
    ///
    /// If the list is empty.
    pub fn any(roles: impl IntoIterator<Item = impl Into<Arc<R>>>) -> Result<Self, ConfigError> {
        Self::new(roles, Quantifier::Any)
    }

    fn new(
        roles: impl IntoIterator<Item = impl Into<Arc<R>>>,
        quantifier: Quantifier,
    ) -> Result<Self, ConfigError> {
        let roles = roles.into_iter().map(Into::into).collect();
        let required = Required::new(roles, quantifier, "role", "insufficient_role", "Roles")?;
        Ok(Self::of(required, Itself))
    }

    /// Asks a closure, instead of the principal itself, whether the principal has a role.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Roles, with_roles};
    ///
    /// struct User {
    ///     roles: Vec<String>,
    /// }
    ///
    /// let layer = with_roles(
    ///     Roles::all(["editor"])?
    ///         .by(|user: &User, role: &str| user.roles.iter().any(|held| held == role)),
    /// );
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn by<F>(self, has: F) -> Roles<C, R, By<F>>
    where
        F: Fn(&C, &R) -> bool + Send + Sync + 'static,
    {
        Roles::of(self.policy.required.clone(), By(has))
    }
}

impl<C, R: ?Sized, G> Roles<C, R, G> {
    fn of(required: Required<R>, grant: G) -> Self {
        Self {
            policy: Arc::new(RolePolicy { required, grant }),
            principal: PhantomData,
        }
    }
}

impl<C, R: ?Sized, G> Clone for Roles<C, R, G> {
    fn clone(&self) -> Self {
        Self {
            policy: Arc::clone(&self.policy),
            principal: PhantomData,
        }
    }
}

impl<C, R: ?Sized + fmt::Debug, G> fmt::Debug for Roles<C, R, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let required = Requirement::Roles(self.policy.required.names());
        f.debug_tuple("Roles")
            .field(&format_args!("{required}"))
            .finish()
    }
}

/// How a policy finds out whether a principal has a role: [`Itself`] or [`By`].
pub trait GrantsRoles<C, R: ?Sized> {
    /// Whether the principal has this role.
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

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        let required = &self.policy.required;
        let requirement = Requirement::Roles(required.names());
        Description::new(self.name()).requirement(requirement, required.answer())
    }
}

impl<C, R, G, B> Middleware<B> for Roles<C, R, G>
where
    C: Send + Sync + 'static,
    R: ?Sized + fmt::Debug,
    G: GrantsRoles<C, R>,
{
    type Carry = ();

    fn before(&self, request: Request<B>) -> Later<Step<B, ()>> {
        let RolePolicy { required, grant } = &*self.policy;
        required.check(NAME, request, |principal: &C, role: &R| {
            grant.has(principal, role)
        })
    }
}

/// A principal that knows its own roles.
///
/// A role is a type of the application, or `str`. If one role includes another, implement that here.
///
/// # Example
///
/// ```
/// use wythe::{HasRoles, Roles, with_roles};
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
/// let layer = with_roles(Roles::<User, _>::all([Role::Editor])?);
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which roles it has",
    label = "a layer needs the roles of `{Self}`",
    note = "write `impl HasRoles for {Self}`, or give the policy a closure: \
            `Roles::all([..])?.by(|principal: &{Self}, role| ..)`"
)]
pub trait HasRoles {
    /// The type of a role: an enum of the application, or `str`. The log shows it with `Debug`.
    type Role: ?Sized + fmt::Debug;

    /// Whether the principal has this role.
    fn has_role(&self, role: &Self::Role) -> bool;
}

impl<T: HasRoles + ?Sized> HasRoles for Arc<T> {
    type Role = T::Role;

    fn has_role(&self, role: &T::Role) -> bool {
        (**self).has_role(role)
    }
}

/// The roles of whichever principal it is; both have the same role type.
impl<A: HasRoles, B: HasRoles<Role = A::Role>> HasRoles for Either<A, B> {
    type Role = A::Role;

    fn has_role(&self, role: &A::Role) -> bool {
        match self {
            Self::First(first) => first.has_role(role),
            Self::Second(second) => second.has_role(role),
        }
    }
}
