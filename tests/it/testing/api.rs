//! The documents of two versions of an `Api`.

use axum::Json;
use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wythe::{
    Api, Auth, Created, HasScopes, Jwt, Path, Quota, Scopes, Valid, compose,
    testing::{Differences, check_snapshot},
    with_auth, with_rate_limit, with_scopes, with_validation,
};

use super::assert_symmetric;

#[derive(Clone, Deserialize)]
struct Claims {
    scope: String,
}

impl HasScopes for Claims {
    fn has_scope(&self, scope: &str) -> bool {
        self.scope.has_scope(scope)
    }
}

fn jwt() -> Jwt<Claims> {
    let jwt = Jwt::hs256("a secret of at least thirty-two bytes").unwrap();
    jwt.issuer("https://id.example.com").audience("api")
}

mod before {
    use super::*;

    #[derive(Deserialize, Validate, JsonSchema)]
    pub(super) struct NewUser {
        #[garde(length(chars, max = 100))]
        pub(super) name: String,
    }

    #[derive(Serialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    pub(super) enum Status {
        Active,
        Blocked,
    }

    #[derive(Serialize, JsonSchema)]
    pub(super) struct User {
        pub(super) id: u32,
        pub(super) name: String,
        pub(super) status: Status,
    }

    async fn create_user(user: Valid<wythe::Json<NewUser>>) -> Created<User> {
        let name = user.into_inner().0.name;
        Created::at(
            "/users/7",
            User {
                id: 7,
                name,
                status: Status::Active,
            },
        )
    }

    async fn show_user(Path(id): Path<u32>) -> Json<User> {
        Json(User {
            id,
            name: String::new(),
            status: Status::Blocked,
        })
    }

    pub(super) fn document() -> serde_json::Value {
        let create = compose((
            with_rate_limit(Quota::per_minute(100).by_peer().unwrap()),
            with_auth(jwt()),
            with_scopes(Scopes::all(["users:write"]).unwrap()),
            with_validation::<wythe::Json<NewUser>>(),
        ));
        let show = compose(with_auth(jwt()));
        let api = Api::<Auth<Claims>>::new("Users", "1.0.0").documented();
        let api = api.post("/users", create.handler(create_user));
        let api = api.get("/users/{id}", show.handler(show_user));
        api.openapi().to_value()
    }
}

mod after {
    use super::*;

    #[derive(Deserialize, Validate, JsonSchema)]
    pub(super) struct NewUser {
        #[garde(length(chars, max = 50))]
        pub(super) name: String,
        /// Only for the newsletter.
        #[garde(skip)]
        #[expect(dead_code, reason = "only the schema is read")]
        pub(super) email: Option<String>,
    }

    /// Whether a user may sign in.
    #[derive(Serialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    pub(super) enum Status {
        /// May sign in.
        Active,
        /// May not, until an administrator says so.
        Blocked,
        /// Has not confirmed the address yet.
        New,
    }

    #[derive(Serialize, JsonSchema)]
    pub(super) struct User {
        pub(super) id: u32,
        pub(super) name: Option<String>,
        pub(super) status: Status,
    }

    async fn create_user(user: Valid<wythe::Json<NewUser>>) -> Created<User> {
        let name = Some(user.into_inner().0.name);
        let [_, _, status] = [Status::Active, Status::Blocked, Status::New];
        Created::at(
            "/users/7",
            User {
                id: 7,
                name,
                status,
            },
        )
    }

    async fn show_user(Path(id): Path<u32>) -> Json<User> {
        Json(User {
            id,
            name: None,
            status: Status::New,
        })
    }

    pub(super) fn document() -> serde_json::Value {
        let create = compose((
            with_rate_limit(Quota::per_minute(10).by_peer().unwrap()),
            with_auth(jwt()),
            with_scopes(Scopes::all(["users:write", "users:read"]).unwrap()),
            with_validation::<wythe::Json<NewUser>>(),
        ));
        let show = compose((
            with_auth(jwt()),
            with_scopes(Scopes::all(["users:read"]).unwrap()),
        ));
        let api = Api::<Auth<Claims>>::new("Users", "2.0.0").documented();
        let api = api.post("/users", create.handler(create_user));
        let api = api.get("/users/{id}", show.handler(show_user));
        api.openapi().to_value()
    }
}

#[test]
fn the_report_says_what_has_changed_in_the_code() {
    let (before, after) = (before::document(), after::document());
    let differences = Differences::between(&before, &after);
    let report = differences.to_string();
    let (breaking, compatible) = report.split_once("\n\n").expect("both");
    assert_eq!(
        breaking,
        "\
9 breaking changes
  POST /users      request body /name                       maxLength: 100 -> 50 (narrows the input)
  POST /users      security                                 scope of `bearer` added: users:read (requires more); also in GET /users/{id}
  POST /users      limit                                    x-rate-limit `default` burst: 100 -> 10 (lowers the limit)
  POST /users      limit                                    x-rate-limit `default` limit: 100 -> 10 (lowers the limit)
  POST /users      response 201 /name                       type: string -> string or null (widens the output)
  POST /users      response 201 /status                     enum value added: \"new\" (widens the output)
  GET /users/{id}  response 200 /name                       type: string -> string or null (widens the output)
  GET /users/{id}  response 200 /status                     enum value added: \"new\" (widens the output)
  GET /users/{id}  response 403                             added (a new refusal)"
    );
    // The words of the layers have changed as well.
    for line in [
        "  POST /users      request body /email                      added, optional",
        "                   #/components/schemas/Status/description  added: \"Whether a user may sign in.\"",
        "                   #/info/version                           \"1.0.0\" -> \"2.0.0\"",
    ] {
        assert!(compatible.lines().any(|shown| shown == line), "{report}");
    }
    assert_symmetric(&before, &after);
}

#[test]
fn a_document_of_an_api_can_be_compared_as_it_is() {
    let api = Api::<()>::new("Empty", "1.0.0").public("a test", |open| open);
    assert!(
        check_snapshot("no/such/file", &api.openapi())
            .unwrap_err()
            .is_missing()
    );
}
