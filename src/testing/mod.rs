//! For tests of an API: compares the API with its document.
//!
//! [`assert_snapshot`] compares an OpenAPI document with the one that is stored in a file, and fails with
//! a list of what has changed. Each change is marked as breaking or not:
//!
//! ```
//! # use serde_json::json;
//! # let users = |maximum: u32, status: &str, member: &str| json!({
//! #     "requestBody": {"required": true, "content": {"application/json": {"schema": {
//! #         "type": "object",
//! #         "properties": {"name": {"type": "string", "maxLength": maximum}},
//! #         "required": ["name"],
//! #     }}}},
//! #     "responses": {
//! #         "201": {"description": "Created", "content": {"application/json": {"schema": {
//! #             "type": "object",
//! #             "properties": {"id": {"type": "integer"}, member: {"type": "string"}},
//! #             "required": ["id", member],
//! #         }}}},
//! #         status: {"description": "Refused"},
//! #     },
//! #     "security": [{"bearer": ["users:write"]}],
//! # });
//! # let old = json!({
//! #     "openapi": "3.1.0",
//! #     "paths": {
//! #         "/users": {"post": users(100, "409", "name")},
//! #         "/users/{id}": {"delete": {"responses": {"204": {"description": "Deleted"}}}},
//! #     },
//! # });
//! # let new = json!({
//! #     "openapi": "3.1.0",
//! #     "paths": {
//! #         "/health": {"get": {"responses": {"200": {"description": "OK"}}}},
//! #         "/users": {"post": users(50, "403", "display_name")},
//! #     },
//! # });
//! use wythe::testing::Differences;
//!
//! let differences = Differences::between(&old, &new);
//! assert_eq!(
//!     differences.to_string(),
//!     "\
//! 4 breaking changes
//!   POST /users         request body /name          maxLength: 100 -> 50 (narrows the input)
//!   POST /users         response 201 /name          removed
//!   POST /users         response 403                added (a new refusal)
//!   DELETE /users/{id}                              removed
//!
//! 3 compatible changes
//!   GET /health                                     added
//!   POST /users         response 201 /display_name  added, required
//!   POST /users         response 409                removed
//! "
//! );
//! ```
//!
//! [`Holding`] is a layer around the service that is tested: it compares each response with the document,
//! and counts which of the declared answers were seen.
//!
//! [`Api::provoke`](crate::Api::provoke) sends requests that provoke the answers which layers declare,
//! and says which of them were not given.
//!
//! # What is breaking
//!
//! A change is breaking if a client that does what the old document allows can fail, or can receive what
//! the old document does not announce.
//!
//! | | breaking | compatible |
//! |---|---|---|
//! | routes | removed | added |
//! | names: `operationId`, a path parameter, a schema | changed or removed: generated clients use them | added |
//! | parameters, members of a request | removed; added and required; required now | added and optional; optional now |
//! | request body | removed; added and required; a media type removed | a media type added |
//! | values in a request | fewer: type, `enum`, range, length, `pattern`, other members | more |
//! | responses | a removed 2xx; an added status that is not below | other removed ones; a media type added |
//! | header fields of a response | removed, or no longer required | added |
//! | members of a response | removed, or no longer required | added; required now |
//! | values in a response | more: type, `null`, `enum`, range, length, `pattern` | fewer |
//! | security | more is required: credentials, a scheme, a scope, a role, a check | less is required |
//! | `x-rate-limit`, `x-max-body-bytes` | added or lower; no longer conditional | removed or higher; conditional |
//! | servers | removed | added |
//! | texts, examples, tags, defaults, other extensions | | all |
//!
//! An **added refusal** is breaking if a client whose requests are valid can receive it: 403, 404, 409,
//! 422 and 429 are. It is compatible if
//!
//! - the old document has the range (`4XX`) or the default,
//! - it answers only requests that the old document does not allow: 400, 405, 406, 411, 413 to 417, 421
//!   and 431. What has become invalid is a change of its own;
//! - it is 401, and credentials were required before;
//! - it is 304 or 408, which the client causes, or 5xx, which any server can answer.
//!
//! 422 is breaking, although only invalid content causes it, because rules exist that no schema shows.
//!
//! A removed parameter or member of a request is breaking, although many servers ignore what they don't
//! know: the client no longer gets what it asks for.
//!
//! # How schemas are compared
//!
//! By what they allow, with references followed: `type: [string, null]`, `anyOf` with `null`, and
//! `nullable` are the same; so are an `enum` and a `oneOf` of constants; `allOf` is merged. The
//! alternatives of a `oneOf` are matched by a member with a constant, by their only member, by the name
//! of their schema, or by what they have in common. In requests, members that are `readOnly` do not
//! count; in responses, those that are `writeOnly` do not.
//!
//! Where the comparison can't decide, it says "can't tell" and counts the change as breaking in both
//! directions: another `pattern`, `not`, `if`, another `style` of a parameter, callbacks, and schemas
//! that are too large. An added `pattern` narrows the values, and a removed one widens them.
//!
//! # Compared with
//!
//! [oasdiff](https://www.oasdiff.com) has hundreds of checks, with three levels and a configuration,
//! for documents from any source. Here, there are two levels, for the changes of documents that this
//! crate writes, and no second tool is needed in CI. Some changes that oasdiff only warns about, or
//! lets you choose, count as breaking here: removed parameters, new values of an `enum` in responses,
//! changed `operationId`s, and new refusals.

mod alternatives;
mod difference;
mod document;
mod documentation;
mod expand;
mod hold;
mod operations;
mod provoke;
mod schema;
mod security;
mod snapshot;

pub use self::{
    difference::{ChangeKind, Difference, Differences, Location},
    hold::{Coverage, DeclaredResponse, HeldService, Holding, Violation, ViolationKind},
    provoke::{Provoke, ProvokeOutcome, ProvokeReport, ProvokedAnswer},
    snapshot::{SnapshotError, assert_snapshot, check_snapshot},
};
