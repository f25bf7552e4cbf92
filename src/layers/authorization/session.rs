//! Gives a session the scopes and roles of its data, for `with_scopes` and `with_roles`.

use crate::layers::{
    auth::Session,
    authorization::{HasRoles, HasScopes},
};

impl<D: HasScopes> HasScopes for Session<D> {
    fn has_scope(&self, scope: &str) -> bool {
        self.data().has_scope(scope)
    }
}

impl<D: HasRoles> HasRoles for Session<D> {
    type Role = D::Role;

    fn has_role(&self, role: &D::Role) -> bool {
        self.data().has_role(role)
    }
}
