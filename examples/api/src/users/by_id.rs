//! `GET`, `PUT`, `DELETE /api/users/{id}`: one user.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use wythe::{
    Auth, CacheControl, Problem, Valid, compose, with_auth, with_cache_control, with_validation,
};

use super::{NewUser, User, UserId, Users, nobody, store::Owner};
use crate::{
    auth::{Claims, Tokens},
    route::Route,
};

const PATH: &str = "/api/users/{id}";

/// The first user who is created, even if others have registered before.
const EXAMPLE: &str = "/api/users/2";
const GRACE: &str = r#"{"name":"Grace Hopper","email":"grace@example.com","age":37}"#;

pub(crate) fn routes(tokens: &Tokens) -> [Route; 3] {
    let uncached = with_cache_control(CacheControl::no_store());
    let read = compose((with_auth(tokens.jwt()), uncached.clone()));
    let write = compose((
        with_auth(tokens.jwt()),
        with_validation::<Json<NewUser>>(),
        uncached,
    ));
    [
        Route::get(PATH, read.handler(show)).curl(|curl| curl.example(EXAMPLE).sends_cookies()),
        Route::put(PATH, write.handler(replace))
            .curl(|curl| curl.example(EXAMPLE).sends_cookies().json(GRACE)),
        Route::delete(PATH, read.handler(delete))
            .curl(|curl| curl.example(EXAMPLE).sends_cookies()),
    ]
}

async fn show(State(users): State<Users>, Path(id): Path<UserId>) -> Result<Json<User>, Problem> {
    let user = users.find(id).await?;
    user.map(Json).ok_or_else(nobody)
}

async fn replace(
    State(users): State<Users>,
    Path(id): Path<UserId>,
    Auth(claims): Auth<Claims>,
    user: Valid<Json<NewUser>>,
) -> Result<Json<User>, Problem> {
    may_change(&users, id, &claims).await?;
    let user = users.replace(id, &user).await?;
    user.map(Json).ok_or_else(nobody)
}

async fn delete(
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
