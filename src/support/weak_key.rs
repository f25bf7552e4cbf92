//! Keys and secrets that can be guessed are an error of the configuration.

use crate::wire::ConfigError;

/// Checks that a key has at least this many bytes, and that they are not all equal. `what` names it in
/// the error: "the key".
pub(crate) fn check_key(
    policy: &'static str,
    what: &str,
    key: &[u8],
    min_bytes: usize,
) -> Result<(), ConfigError> {
    const INSTEAD: &str = "generate one with `openssl rand -hex 32`";

    let found = key.len();
    if found < min_bytes {
        let message =
            format!("{what} has {found} bytes, and needs at least {min_bytes}: {INSTEAD}");
        return Err(ConfigError::new(policy, message));
    }
    if key.iter().all(|byte| key.first() == Some(byte)) {
        let message = format!("{what} is one byte repeated: {INSTEAD}");
        return Err(ConfigError::new(policy, message));
    }
    Ok(())
}
