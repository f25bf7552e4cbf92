//! A user's own middleware, which provides a value.

use http::{Extensions, Request, StatusCode};
use wythe::{Always, Later, Middleware, Place, Problem, Provided, Step, stage};

/// The tenant that the field `X-Tenant` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant(pub String);

impl Provided for Tenant {
    fn from_extensions(extensions: &mut Extensions) -> Option<Self> {
        extensions.get().cloned()
    }
}

/// Rejects requests without `X-Tenant`.
#[derive(Clone, Copy, Debug)]
pub struct Tenancy;

impl Place for Tenancy {
    type Stage = stage::Admit;
    type Provides = Always<Tenant>;
    type Needs = ();
}

impl<B> Middleware<B> for Tenancy {
    type Carry = ();

    fn before(&self, mut request: Request<B>) -> Later<Step<B, ()>> {
        let Some(tenant) = request
            .headers()
            .get("x-tenant")
            .and_then(|v| v.to_str().ok())
        else {
            return Step::reply(Problem::new(StatusCode::BAD_REQUEST));
        };
        let tenant = Tenant(tenant.to_owned());
        request.extensions_mut().insert(tenant);
        Step::next(request, ())
    }
}
