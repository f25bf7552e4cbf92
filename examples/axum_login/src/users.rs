//! The users, in the form that axum-login needs.

use std::{
    collections::HashSet,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum_login::{AuthUser, AuthnBackend, AuthzBackend};
use serde::Deserialize;
use wythe::HasScopes;

#[derive(Clone, Debug)]
pub struct User {
    name: &'static str,
    password: &'static str,
    scope: &'static str,
}

impl User {
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl AuthUser for User {
    type Id = String;

    fn id(&self) -> String {
        self.name.to_owned()
    }

    /// A new password ends all sessions.
    fn session_auth_hash(&self) -> &[u8] {
        self.password.as_bytes()
    }
}

impl HasScopes for User {
    fn has_scope(&self, scope: &str) -> bool {
        self.scope.has_scope(scope)
    }
}

/// The form that the page sends to sign in.
#[derive(Clone, Deserialize)]
pub struct Credentials {
    name: String,
    password: String,
}

/// Where users are stored. A real application uses a database, with argon2 hashes of their
/// passwords: see `examples/api`.
#[derive(Clone, Debug, Default)]
pub struct Users {
    is_down: Arc<AtomicBool>,
}

const ALL: [User; 2] = [
    User {
        name: "ann",
        password: "open sesame",
        scope: "orders:read orders:write",
    },
    User {
        name: "bob",
        password: "swordfish",
        scope: "orders:read",
    },
];

impl Users {
    /// As if the database had failed.
    pub fn go_down(&self) {
        self.is_down.store(true, Ordering::Relaxed);
    }

    fn find(&self, is_it: impl Fn(&User) -> bool) -> Result<Option<User>, io::Error> {
        if self.is_down.load(Ordering::Relaxed) {
            return Err(io::Error::other("the database is down"));
        }
        Ok(ALL.into_iter().find(is_it))
    }
}

impl AuthnBackend for Users {
    type User = User;
    type Credentials = Credentials;
    type Error = io::Error;

    async fn authenticate(&self, sent: Credentials) -> Result<Option<User>, io::Error> {
        self.find(|user| user.name == sent.name && user.password == sent.password)
    }

    async fn get_user(&self, name: &String) -> Result<Option<User>, io::Error> {
        self.find(|user| user.name == *name)
    }
}

/// Permissions in addition to the scopes, which only a slower store knows.
impl AuthzBackend for Users {
    type Permission = &'static str;

    async fn get_user_permissions(&self, user: &User) -> Result<HashSet<&'static str>, io::Error> {
        match user.name {
            "ann" => Ok(HashSet::from(["reports"])),
            _ => Err(io::Error::other("the store of permissions is down")),
        }
    }
}
