//! `GET`, `PUT`, `DELETE /api/users/{id}`: one user.

use axum::{Json, extract::State, http::StatusCode};
use wythe::{Auth, Path, Problem, Valid};

use super::{NewUser, User, UserId, Users, nobody, store::Owner};
use crate::auth::Claims;

pub(super) async fn show(
    State(users): State<Users>,
    Path(id): Path<UserId>,
) -> Result<Json<User>, Problem> {
    let user = users.find(id).await?;
    user.map(Json).ok_or_else(nobody)
}

pub(super) async fn replace(
    State(users): State<Users>,
    Path(id): Path<UserId>,
    Auth(claims): Auth<Claims>,
    user: Valid<Json<NewUser>>,
) -> Result<Json<User>, Problem> {
    may_change(&users, id, &claims).await?;
    let user = users.replace(id, &user).await?;
    user.map(Json).ok_or_else(nobody)
}

pub(super) async fn delete(
    State(users): State<Users>,
    Path(id): Path<UserId>,
    Auth(claims): Auth<Claims>,
) -> Result<StatusCode, Problem> {
    may_change(&users, id, &claims).await?;
    let deleted = users.delete(id).await?;
    deleted.then_some(StatusCode::NO_CONTENT).ok_or_else(nobody)
}

/// A user with an account can only be changed by its owner.
async fn may_change(users: &Users, id: UserId, claims: &Claims) -> Result<(), Problem> {
    match users.owner(id).await?.ok_or_else(nobody)? {
        Owner::Anyone => Ok(()),
        Owner::Themselves if id == claims.sub => Ok(()),
        Owner::Themselves => Err(Problem::new(StatusCode::FORBIDDEN)
            .detail("This user has an account: only its owner can change or delete it.")),
    }
}
