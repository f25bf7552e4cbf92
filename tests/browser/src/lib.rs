//! A headless Chromium for tests, driven over [WebDriver].
//!
//! Each [`Browser`] is a new process with a profile of its own, and both are gone with it. It
//! resolves every name to this machine, so tests can use as many sites as they like and nothing
//! leaves loopback.
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
