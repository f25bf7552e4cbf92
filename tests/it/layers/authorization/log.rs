//! Each refusal is one event, which says what is missing and nothing of whom.

use http::Request;
use wythe::{
    Auth, ConfigError, HasScopes, Roles, Scopes, assume, compose, with_authorization, with_roles,
    with_scopes,
};

use crate::common::{empty, log::Log, send};

#[derive(Clone)]
struct Claims {
    scope: &'static str,
}

impl HasScopes for Claims {
    fn has_scope(&self, scope: &str) -> bool {
        self.scope.has_scope(scope)
    }
}

/// The answer's status, and the log.
macro_rules! refused {
    ($log:expr, $principal:expr, $layer:expr) => {{
        let stack = compose((assume::<Auth<Claims>>(), $layer));
        let request = Request::get("/").extension(Auth($principal));
        let response = send(&stack, request.body(empty()).unwrap()).await;
        (response.status().as_u16(), $log.take())
    }};
}

#[tokio::test(flavor = "current_thread")]
async fn the_log_names_what_is_missing_and_never_the_claims() -> Result<(), ConfigError> {
    let (log, _guard) = Log::listen();
    let hunter2 = Claims { scope: "hunter2" };
    type Asked = Result<bool, &'static str>;

    let cases = [
        (
            refused!(log, hunter2.clone(), with_scopes(Scopes::all(["hunter2"])?)),
            200,
            vec![],
        ),
        (
            refused!(
                log,
                hunter2.clone(),
                with_scopes(Scopes::all(["hunter2", "read"])?)
            ),
            403,
            vec![
                "DEBUG",
                r#"layer="with_scopes" status=403 reason="insufficient_scope""#,
                r#"cause=the principal lacks the scope "read""#,
            ],
        ),
        (
            refused!(log, hunter2.clone(), {
                with_roles(Roles::all(["editor"])?.by(|_: &Claims, _: &str| false))
            }),
            403,
            vec![
                "DEBUG",
                r#"layer="with_roles" status=403 reason="insufficient_role""#,
                r#"cause=the principal lacks the role "editor""#,
            ],
        ),
        (
            refused!(log, hunter2.clone(), {
                with_authorization(|_: &Auth<Claims>, _| false)
            }),
            403,
            vec![
                "DEBUG",
                r#"layer="with_authorization" status=403 reason="denied""#,
                "denied by",
            ],
        ),
        (
            refused!(log, hunter2, {
                with_authorization(|_: &Auth<Claims>, _| async { Asked::Err("the store is down") })
            }),
            503,
            vec![
                "WARN",
                r#"layer="with_authorization" status=503 reason="unavailable""#,
                "cause=the store is down",
            ],
        ),
        (
            refused!(log, "hunter2", with_scopes(Scopes::all(["read"])?)),
            500,
            vec!["ERROR", "status=500", "put `with_auth` outside"],
        ),
    ];
    for ((status, log), expected, words) in cases {
        assert_eq!(status, expected, "{log}");
        assert_eq!(log.lines().count(), usize::from(status != 200), "{log}");
        for word in words {
            assert!(log.contains(word), "{word}: {log}");
        }
        assert!(!log.contains("hunter2"), "{log}");
    }
    Ok(())
}
