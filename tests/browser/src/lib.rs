//! A headless Chromium for tests, driven over [WebDriver].
//!
//! Each [`Browser`] is a new process with a profile of its own, and both are gone with it, or with
//! the test if that is killed. Every name under `localhost` and `test` is this machine, and there
//! are no others: tests can use as many sites as they like, and nothing leaves loopback. To the
//! browser, those under `localhost` are as trustworthy as `https`, and those under `test` are not.
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
