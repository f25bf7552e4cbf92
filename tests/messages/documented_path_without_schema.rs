//! A documented `Api` demands a schema of the parameters of a path.

use serde::Deserialize;
use wythe::{Api, NoContent, Path, compose};

#[derive(Deserialize)]
struct Id(u64);

async fn delete(Path(id): Path<Id>) -> NoContent {
    drop(id);
    NoContent
}

fn main() {
    let api = Api::<()>::new("Users", "1.0.0")
        .documented()
        .delete("/users/{id}", compose(()).handler(delete));
}
