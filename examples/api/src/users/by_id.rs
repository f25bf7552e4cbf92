//! `GET`, `PUT`, `DELETE /api/users/{id}`: one user.

use axum::{Json, extract::State};
use wythe::{
    Auth, ETag, NoContent, Path, Precondition, Problem, Valid,
    api::openapi::{DocumentResponse, ResponseTypes},
    conditional::Validators,
};

use super::{
    EmailTaken, NewUser, NoSuchUser, NotTheOwner, User, UserChanged, UserId, Users, store::Owner,
};
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
    precondition: Precondition,
    user: Valid<Json<NewUser>>,
) -> Result<(ETag, Json<User>), ReplaceError> {
    let version = may_change(&users, id, &claims, &precondition).await?;
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
        PreconditionUnmet,
        ServerError,
    }
}

pub(super) async fn delete_user(
    State(users): State<Users>,
    Path(id): Path<UserId>,
    Auth(claims): Auth<Claims>,
    precondition: Precondition,
) -> Result<NoContent, DeleteError> {
    let version = may_change(&users, id, &claims, &precondition).await?;
    if !users.delete(id, version).await? {
        return Err(UserChanged.into());
    }
    Ok(NoContent)
}

/// The version of the user that may be changed: the one that the client has read, if it depends on one.
///
/// A user with an account can only be changed by its owner. What would be refused without a precondition is
/// refused first (RFC 9110, section 13.2.1), so the handler checks it, and not the layer.
async fn may_change(
    users: &Users,
    id: UserId,
    claims: &Claims,
    precondition: &Precondition,
) -> Result<Option<i64>, ChangeError> {
    let (owner, current) = users.owner(id).await?.ok_or(NoSuchUser)?;
    match owner {
        Owner::Themselves if id != claims.sub => return Err(NotTheOwner.into()),
        Owner::Themselves | Owner::Anyone => {}
    }
    let current = Validators::from(current);
    let expected = precondition
        .check(Some(&current))
        .map_err(PreconditionUnmet)?;
    Ok(expected.version().map_err(ServerError::from)?)
}

/// The 412, or the 428 to a precondition that says nothing about a tag.
pub(super) struct PreconditionUnmet(Problem);

impl From<PreconditionUnmet> for Problem {
    fn from(PreconditionUnmet(problem): PreconditionUnmet) -> Self {
        problem
    }
}

impl DocumentResponse for PreconditionUnmet {
    /// The layer describes it.
    fn document(_: &mut ResponseTypes<'_>) {}
}
