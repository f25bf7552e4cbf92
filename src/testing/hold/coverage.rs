//! Which responses of a document have been seen: [`Coverage`].

use std::{collections::BTreeMap, fmt};

use http::StatusCode;

use super::operations::{DeclaredOperation, Operations};

/// Which responses of a document have been seen; made by [`Holding::report`](super::Holding::report).
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use http::{Method, Response, Uri};
/// use wythe::{Api, Created, Problem, compose, testing::Holding};
///
/// async fn create_user() -> Result<Created<u64>, Problem> {
///     Ok(Created::at("/users/7", 7))
/// }
///
/// let api = Api::<()>::new("Users", "1.0.0")
///     .documented()
///     .post("/users", compose(()).handler(create_user));
/// let holding = Holding::new(&api.openapi());
///
/// let response = Response::builder()
///     .status(201)
///     .header("content-type", "application/json")
///     .body(Bytes::from("7"))
///     .unwrap();
/// holding.check(&Method::POST, &Uri::from_static("/users"), &response);
/// assert_eq!(
///     holding.report().to_string(),
///     "1 of 2 declared responses seen\n  POST /users  201\nnot seen\n  POST /users  default\n"
/// );
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    declared: Vec<DeclaredResponse>,
    undeclared: BTreeMap<(String, u16), u64>,
}

/// A response that the document lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredResponse {
    operation: String,
    status: String,
    times: u64,
}

impl Coverage {
    pub(super) fn new(operations: &Operations) -> Self {
        let declared = operations.iter().flat_map(|operation| {
            operation.statuses().map(|status| DeclaredResponse {
                operation: operation.name().to_owned(),
                status: status.to_owned(),
                times: 0,
            })
        });
        Self {
            declared: declared.collect(),
            undeclared: BTreeMap::new(),
        }
    }

    /// All responses that the document lists, in the order of paths, methods and statuses.
    #[must_use]
    pub fn declared(&self) -> &[DeclaredResponse] {
        &self.declared
    }

    /// Those that have been seen.
    pub fn seen(&self) -> impl Iterator<Item = &DeclaredResponse> {
        self.declared.iter().filter(|response| response.times > 0)
    }

    /// Those that have not been seen.
    pub fn unseen(&self) -> impl Iterator<Item = &DeclaredResponse> {
        self.declared.iter().filter(|response| response.times == 0)
    }

    /// The responses that the document does not list: the operation, the status, and how often it has
    /// been seen.
    pub fn undeclared(&self) -> impl Iterator<Item = (&str, StatusCode, u64)> {
        self.undeclared
            .iter()
            .filter_map(|((operation, status), times)| {
                Some((&**operation, StatusCode::from_u16(*status).ok()?, *times))
            })
    }

    pub(super) fn count(&mut self, operation: &DeclaredOperation, status: StatusCode) {
        let key = operation.declared_as(status);
        let found = self.declared.iter_mut().find(|response| {
            response.operation == operation.name() && key == Some(&*response.status)
        });
        match found {
            Some(response) => response.times += 1,
            None => {
                let key = (operation.name().to_owned(), status.as_u16());
                *self.undeclared.entry(key).or_default() += 1;
            }
        }
    }
}

impl DeclaredResponse {
    /// The method and the path: `GET /users/{id}`.
    #[must_use]
    pub fn operation(&self) -> &str {
        &self.operation
    }

    /// The status as the document has it: `404`, `3XX`, `default`.
    #[must_use]
    pub fn status(&self) -> &str {
        &self.status
    }

    /// How often it has been seen.
    #[must_use]
    pub const fn times(&self) -> u64 {
        self.times
    }
}

/// The responses that have been seen, that have not, and that are not declared: a line for each
/// operation.
impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = self.seen().count();
        writeln!(
            f,
            "{seen} of {} declared responses seen",
            self.declared.len()
        )?;
        let pairs =
            |response: &DeclaredResponse| (response.operation.clone(), response.status.clone());
        lines(f, self.seen().map(pairs))?;
        if seen < self.declared.len() {
            f.write_str("not seen\n")?;
            lines(f, self.unseen().map(pairs))?;
        }
        if !self.undeclared.is_empty() {
            f.write_str("not declared\n")?;
            let undeclared = self.undeclared();
            lines(
                f,
                undeclared.map(|(operation, status, _)| {
                    (operation.to_owned(), status.as_str().to_owned())
                }),
            )?;
        }
        Ok(())
    }
}

/// `  POST /users  201, 409`
fn lines(f: &mut fmt::Formatter<'_>, pairs: impl Iterator<Item = (String, String)>) -> fmt::Result {
    let mut by_operation: Vec<(String, Vec<String>)> = Vec::new();
    for (operation, status) in pairs {
        match by_operation.last_mut() {
            Some((last, statuses)) if *last == operation => statuses.push(status),
            _ => by_operation.push((operation, vec![status])),
        }
    }
    let names = by_operation.iter().map(|(operation, _)| operation.len());
    let width = names.max().unwrap_or_default();
    for (operation, statuses) in &by_operation {
        writeln!(f, "  {operation:width$}  {}", statuses.join(", "))?;
    }
    Ok(())
}
