//! A handler that takes the parameters of the path as a type without `Deserialize`.

use wythe::{Api, Path, compose};

struct User {
    id: u64,
}

async fn show(Path(user): Path<User>) -> String {
    user.id.to_string()
}

fn main() {
    let api = Api::<()>::new("Users", "1.0.0").get("/users/{id}", compose(()).handler(show));
    println!("{api:?}");
}
