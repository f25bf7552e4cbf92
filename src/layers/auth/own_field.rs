//! Names the field that holds a credential and nothing else.

use http::{
    HeaderName,
    header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION},
};

use crate::wire::ConfigError;

/// The name, for this policy. Fields with a syntax of their own are refused, with a word on what
/// they hold and what to use instead.
pub(super) fn own_field(
    policy: &'static str,
    name: &str,
    instead: &'static str,
) -> Result<HeaderName, ConfigError> {
    let name = HeaderName::from_bytes(name.as_bytes())
        .map_err(|source| ConfigError::new(policy, "this is no field's name").because(source))?;
    if [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE].contains(&name) {
        return Err(ConfigError::new(policy, instead));
    }
    Ok(name)
}
