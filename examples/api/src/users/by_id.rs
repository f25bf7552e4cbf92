//! `GET`, `PUT`, `DELETE /api/users/{id}`: one user.

use axum::{Json, extract::State, http::StatusCode};
use wythe::{
    Auth, Conditional, ETag, ExpectedVersion, NoContent, Path, Problem, RequestHead, Valid,
};

use super::{
    EmailTaken, NewUser, NoSuchUser, NotTheOwner, User, UserChanged, UserId, Users, store::Owner,
};
use crate::{
    auth::Claims,
    error::{ServerError, one_of},
};

/// Who writes has to know what is overwritten: the version comes back in `If-Match`.
pub(super) fn known_version(users: &Users) -> Conditional<ExpectedVersion> {
    let users = users.clone();
    let current = move |head: &RequestHead<'_>| {
        let users = users.clone();
        let id = head.path().rsplit('/').next().map(str::parse);
        async move {
            let Some(Ok(id)) = id else {
                return Err(Problem::new(StatusCode::BAD_REQUEST).detail("The id is not a number."));
            };
            // `PUT` creates no user, so it is not the precondition that fails.
            match users.version(id).await? {
                Some(version) => Ok(Some(version)),
                None => Err(NoSuchUser.into()),
            }
        }
    };
    Conditional::new().current(current).require_precondition()
}

one_of! {
    pub(super) enum ShowError {
        NoSuchUser,
        ServerError,
    }
}

pub(super) async fn show_user(
    State(users): State<Users>,
    Path(id): Path<UserId>,
) -> Result<(ETag, Json<User>), ShowError> {
    let (version, user) = users.find(id).await?.ok_or(NoSuchUser)?;
    Ok((version, Json(user)))
}

one_of! {
    pub(super) enum ReplaceError {
        ChangeError,
        EmailTaken,
        UserChanged,
        ServerError,
    }
}

pub(super) async fn replace_user(
    State(users): State<Users>,
    Path(id): Path<UserId>,
    Auth(claims): Auth<Claims>,
    expected: ExpectedVersion,
    user: Valid<Json<NewUser>>,
) -> Result<(ETag, Json<User>), ReplaceError> {
    may_change(&users, id, &claims).await?;
    let version = expected.version().map_err(ServerError::from)?;
    let replaced = users.replace(id, version, &user).await??;
    let (version, user) = replaced.ok_or(UserChanged)?;
    Ok((version, Json(user)))
}

one_of! {
    pub(super) enum DeleteError {
        ChangeError,
        UserChanged,
        ServerError,
    }
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
    expected: ExpectedVersion,
) -> Result<NoContent, DeleteError> {
    may_change(&users, id, &claims).await?;
    let version = expected.version().map_err(ServerError::from)?;
    if !users.delete(id, version).await? {
        return Err(UserChanged.into());
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
