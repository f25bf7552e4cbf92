//! The layers that decide what a principal may do. The principal is in the request already.

use axum::{
    Router,
    body::Bytes,
    http::{Method, Request, StatusCode},
    routing::any,
};
use wythe::{
    Auth, HasRoles, HasScopes, Roles, Scopes, assume, compose, with_authorization, with_roles,
    with_scopes,
};
use wythe_bench_harness::{Case, request};

#[derive(Clone)]
struct Principal {
    scope: &'static str,
    role: &'static str,
}

impl HasScopes for Principal {
    fn has_scope(&self, scope: &str) -> bool {
        self.scope.has_scope(scope)
    }
}

impl HasRoles for Principal {
    type Role = str;

    fn has_role(&self, role: &str) -> bool {
        self.role == role
    }
}

/// A request whose principal may create users.
fn allowed() -> Request<Bytes> {
    of(Principal {
        scope: "users:read users:write",
        role: "editor",
    })
}

/// A request whose principal may not.
fn forbidden() -> Request<Bytes> {
    of(Principal {
        scope: "users:read",
        role: "reader",
    })
}

fn of(principal: Principal) -> Request<Bytes> {
    let mut request = request::create_user();
    request.extensions_mut().insert(Auth(principal));
    request
}

async fn bare() -> StatusCode {
    StatusCode::CREATED
}

/// The router with the layer around the handler.
macro_rules! over_bare {
    ($name:literal, $status:ident, $request:ident, $layer:expr) => {
        Case::answer($name, StatusCode::$status, $request, || {
            let stack = compose((assume::<Auth<Principal>>(), $layer));
            Router::new().route("/users", any(stack.handler(bare)))
        })
    };
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        over_bare!(
            "a handler that asks for nothing",
            CREATED,
            allowed,
            compose(())
        ),
        over_bare!("with_scopes", CREATED, allowed, {
            with_scopes(Scopes::all(["users:read", "users:write"]).expect("scopes"))
        }),
        over_bare!("with_roles", CREATED, allowed, {
            with_roles(Roles::all(["editor"]).expect("roles"))
        }),
        over_bare!("with_authorization, at once", CREATED, allowed, {
            with_authorization(|auth: &Auth<Principal>, head| {
                auth.0.role == "editor" && head.method() == Method::POST
            })
        }),
        over_bare!("with_authorization, later", CREATED, allowed, {
            with_authorization(|auth: &Auth<Principal>, _| {
                let may = auth.0.role == "editor";
                async move { may }
            })
        }),
        over_bare!("with_scopes: 403", FORBIDDEN, forbidden, {
            with_scopes(Scopes::all(["users:read", "users:write"]).expect("scopes"))
        }),
    ]
}
