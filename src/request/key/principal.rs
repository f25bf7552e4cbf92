//! Keys from the principal of a request.

use std::{fmt, marker::PhantomData};

use http::request::Parts;

use super::{Key, KeyPart, KeyWriter};
use crate::{
    contract::{Description, Needed, stage},
    request::Auth,
    wire::Problem,
};

/// Counts by a part of the principal; made by [`principal`].
///
/// The closure returns a reference, so nothing is copied for a request.
pub struct ByPrincipal<C, F> {
    part: F,
    claims: PhantomData<fn(&C)>,
}

/// Counts by what a closure returns for the principal; made by [`principal_value`].
pub struct ByPrincipalValue<C, F> {
    value: F,
    claims: PhantomData<fn(&C)>,
}

const NO_PRINCIPAL: &str = "a limit counts by the principal, but the request has none of its type: \
    list `with_auth(..)` before it, in the same stack or around the whole router";

/// Counts by a part of the principal that `with_auth` provides.
///
/// # Example
///
/// ```
/// # #[cfg(feature = "rate-limit")] {
/// use wythe::{Quota, RateLimit, key, with_rate_limit};
///
/// #[derive(Clone)]
/// struct Claims {
///     tenant: u64,
///     sub: String,
/// }
///
/// let user = (
///     key::principal(|claims: &Claims| &claims.tenant),
///     key::principal(|claims: &Claims| &claims.sub),
/// );
/// let layer = with_rate_limit(RateLimit::of([Quota::per_minute(60)])?.keyed(user));
/// # }
/// # Ok::<(), wythe::ConfigError>(())
/// ```
pub const fn principal<C, V, F>(part: F) -> ByPrincipal<C, F>
where
    F: Fn(&C) -> &V + Send + Sync + 'static,
    V: KeyPart + ?Sized,
{
    ByPrincipal {
        part,
        claims: PhantomData,
    }
}

/// Counts by a value that a closure computes from the principal that `with_auth` provides.
///
/// # Example
///
/// ```
/// use wythe::key;
///
/// #[derive(Clone)]
/// struct Claims {
///     email: String,
/// }
///
/// // One key for each domain.
/// let domain = key::principal_value(|claims: &Claims| {
///     let domain = claims.email.rsplit('@').next();
///     domain.unwrap_or_default().to_lowercase()
/// });
/// ```
pub const fn principal_value<C, V, F>(value: F) -> ByPrincipalValue<C, F>
where
    F: Fn(&C) -> V + Send + Sync + 'static,
    V: KeyPart,
{
    ByPrincipalValue {
        value,
        claims: PhantomData,
    }
}

fn claims<C: Send + Sync + 'static>(head: &Parts) -> Result<&C, Problem> {
    let principal: Option<&Auth<C>> = head.extensions.get();
    let Auth(claims) = principal.ok_or_else(|| Problem::misconfigured(NO_PRINCIPAL))?;
    Ok(claims)
}

impl<C, V, F> Key for ByPrincipal<C, F>
where
    C: Send + Sync + 'static,
    F: Fn(&C) -> &V + Send + Sync + 'static,
    V: KeyPart + ToOwned<Owned: KeyPart> + ?Sized,
{
    type Value = V::Owned;
    type Stage = stage::Quota;
    type Needs = Needed<Auth<C>>;

    fn of(&self, head: &mut Parts) -> Result<V::Owned, Problem> {
        Ok((self.part)(claims(head)?).to_owned())
    }

    fn write(&self, head: &mut Parts, key: &mut KeyWriter<'_>) -> Result<(), Problem> {
        (self.part)(claims(head)?).write(key);
        Ok(())
    }

    fn describe(&self, layer: Description) -> Description {
        layer.counted_by("principal")
    }
}

impl<C, V, F> Key for ByPrincipalValue<C, F>
where
    C: Send + Sync + 'static,
    F: Fn(&C) -> V + Send + Sync + 'static,
    V: KeyPart,
{
    type Value = V;
    type Stage = stage::Quota;
    type Needs = Needed<Auth<C>>;

    fn of(&self, head: &mut Parts) -> Result<V, Problem> {
        Ok((self.value)(claims(head)?))
    }

    fn describe(&self, layer: Description) -> Description {
        layer.counted_by("value of the principal")
    }
}

macro_rules! clone_and_debug {
    ($($name:ident $field:ident)*) => {$(
        impl<C, F: Clone> Clone for $name<C, F> {
            fn clone(&self) -> Self {
                Self {
                    $field: self.$field.clone(),
                    claims: PhantomData,
                }
            }
        }
        impl<C, F> fmt::Debug for $name<C, F> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )*};
}
clone_and_debug!(ByPrincipal part ByPrincipalValue value);
