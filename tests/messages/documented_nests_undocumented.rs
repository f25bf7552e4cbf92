//! A documented `Api` nests documented ones.

use wythe::{Api, FinishedApi};

fn admin() -> FinishedApi<()> {
    Api::new("Admin", "1.0.0").finish()
}

fn main() {
    let api = Api::<()>::new("Users", "1.0.0").documented().nest("/admin", admin());
}
