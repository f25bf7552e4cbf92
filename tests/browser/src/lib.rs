//! A headless Chromium for tests, driven over [WebDriver].
//!
//! Each [`Browser`] is a new process with its own profile, and both are removed when it is dropped,
//! or with the test if that is killed. Every name under `localhost` and `test` resolves to this
//! machine, and no others resolve: tests can use as many sites as they like, and nothing leaves
//! loopback. The browser trusts those under `localhost` like `https`, but not those under `test`.
//!
//! [WebDriver]: https://www.w3.org/TR/webdriver2/

mod browser;
mod driver;
mod fetched;
mod wire;

pub use self::{
    browser::{Browser, Cookie},
    fetched::Fetched,
};
