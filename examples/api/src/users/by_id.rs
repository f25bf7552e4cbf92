//! `GET`, `PUT`, `DELETE /api/users/{id}`: one user.

use axum::{Json, extract::State};
use wythe::{Auth, NoContent, Path, Valid};

use super::{EmailTaken, NewUser, NoSuchUser, NotTheOwner, User, UserId, Users, store::Owner};
use crate::{
    auth::Claims,
    error::{ServerError, one_of},
};

one_of! {
    pub(super) enum ShowError {
        NoSuchUser,
        ServerError,
    }
}

pub(super) async fn show_user(
    State(users): State<Users>,
    Path(id): Path<UserId>,
) -> Result<Json<User>, ShowError> {
    let user = users.find(id).await?.ok_or(NoSuchUser)?;
    Ok(Json(user))
}

one_of! {
    pub(super) enum ReplaceError {
        ChangeError,
        NoSuchUser,
        EmailTaken,
        ServerError,
    }
}

pub(super) async fn replace_user(
    State(users): State<Users>,
    Path(id): Path<UserId>,
    Auth(claims): Auth<Claims>,
    user: Valid<Json<NewUser>>,
) -> Result<Json<User>, ReplaceError> {
    may_change(&users, id, &claims).await?;
    let user = users.replace(id, &user).await??.ok_or(NoSuchUser)?;
    Ok(Json(user))
}

one_of! {
    pub(super) enum ChangeError {
        NotTheOwner,
        NoSuchUser,
        ServerError,
    }
}

pub(super) async fn delete_user(
    State(users): State<Users>,
    Path(id): Path<UserId>,
    Auth(claims): Auth<Claims>,
) -> Result<NoContent, ChangeError> {
    may_change(&users, id, &claims).await?;
    if !users.delete(id).await? {
        return Err(NoSuchUser.into());
    }
    Ok(NoContent)
}

/// A user with an account can only be changed by its owner.
async fn may_change(users: &Users, id: UserId, claims: &Claims) -> Result<(), ChangeError> {
    match users.owner(id).await?.ok_or(NoSuchUser)? {
        Owner::Anyone => Ok(()),
        Owner::Themselves if id == claims.sub => Ok(()),
        Owner::Themselves => Err(NotTheOwner.into()),
    }
}
