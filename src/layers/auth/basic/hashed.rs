//! Compares a password with a stored argon2 hash, or with a decoy.

use argon2::{
    Algorithm, Argon2, Params,
    password_hash::{Error, PasswordVerifier, phc::PasswordHash},
};

use crate::wire::{BoxError, ConfigError};

/// With the parameters that OWASP names first for argon2id and that the crate `argon2` has as its
/// default: 19 MiB, two passes, one lane. The password is nobody's.
pub(super) const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA\
                                $AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Whether the password is the one of the stored hash. For a user who is not stored, as much work
/// is done on the decoy.
pub(super) fn matches<E>(
    stored: Option<&str>,
    decoy: &str,
    verify: impl FnOnce(&str) -> Result<bool, E>,
) -> Result<bool, E> {
    let matched = verify(stored.unwrap_or(decoy))?;
    Ok(matched && stored.is_some())
}

/// Whether the password is the one of the hash, a PHC string.
pub(super) fn verify(hash: &str, password: &str) -> Result<bool, BoxError> {
    let unusable = |error| format!("the stored hash can't be used: {error}");
    let hash = read(hash).map_err(unusable)?;
    match Argon2::default().verify_password(password.as_bytes(), &hash) {
        Ok(()) => Ok(true),
        Err(Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(unusable(error).into()),
    }
}

/// Checks that a decoy can be verified.
pub(super) fn check(decoy: &str) -> Result<(), ConfigError> {
    let error = |source| ConfigError::new("Basic", "the decoy is no argon2 hash").because(source);
    read(decoy).map(|_| ()).map_err(error)
}

/// A hash with all that a verification takes. The crate `argon2` calls every password wrong where
/// the salt or the output is missing, and does so at once.
fn read(hash: &str) -> Result<PasswordHash, Error> {
    let hash = PasswordHash::new(hash)?;
    Algorithm::try_from(hash.algorithm.as_str())?;
    Params::try_from(&hash)?;
    if hash.salt.is_none() {
        return Err(Error::SaltInvalid);
    }
    if hash.hash.is_none() {
        return Err(Error::OutputSize);
    }
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, convert::Infallible};

    use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};

    use super::{DECOY, check, matches, verify};

    const PASSWORD: &str = "open sesame";

    /// A hash that costs next to nothing.
    fn cheap(algorithm: Algorithm) -> String {
        let params = Params::new(8, 1, 1, None).unwrap();
        let argon2 = Argon2::new(algorithm, Version::V0x13, params);
        let hash = argon2.hash_password_with_salt(PASSWORD.as_bytes(), b"somesalt");
        hash.unwrap().to_string()
    }

    #[test]
    fn every_password_is_verified_exactly_once_whoever_the_user_is() {
        // stored, whether the hash matches, the outcome
        let cases = [
            ("a right password", Some("stored"), true, true),
            ("a wrong password", Some("stored"), false, false),
            ("an unknown user", None, false, false),
            ("an unknown user, the decoy's password", None, true, false),
        ];
        for (name, stored, matched, expected) in cases {
            let verified = RefCell::new(Vec::new());
            let outcome = matches(stored, DECOY, |hash| {
                verified.borrow_mut().push(hash.to_owned());
                Ok::<_, Infallible>(matched)
            });
            assert_eq!(outcome, Ok(expected), "{name}");
            assert_eq!(*verified.borrow(), [stored.unwrap_or(DECOY)], "{name}");
        }
    }

    #[test]
    fn the_decoy_costs_what_the_default_parameters_do() {
        check(DECOY).unwrap();
        let hash = super::PasswordHash::new(DECOY).unwrap();
        let (decoy, default) = (Params::try_from(&hash).unwrap(), Params::default());
        assert_eq!(hash.algorithm, Algorithm::default().ident());
        assert_eq!(decoy.m_cost(), default.m_cost());
        assert_eq!(decoy.t_cost(), default.t_cost());
        assert_eq!(decoy.p_cost(), default.p_cost());
    }

    #[test]
    fn verifies_hashes_of_every_kind_of_argon2() {
        for algorithm in [Algorithm::Argon2id, Algorithm::Argon2i, Algorithm::Argon2d] {
            let hash = cheap(algorithm);
            check(&hash).unwrap();
            assert!(verify(&hash, PASSWORD).unwrap(), "{hash}");
            assert!(!verify(&hash, "open says me").unwrap(), "{hash}");
        }
    }

    #[test]
    fn what_is_no_argon2_hash_is_an_error_and_is_not_quoted() {
        let bcrypt = "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW";
        let unsalted = "$argon2id$v=19$m=19456,t=2,p=1";
        let salt_alone = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA";
        let scrypt = DECOY.replace("argon2id", "scrypt");
        let no_memory = DECOY.replace("m=19456", "m=1");
        for hash in [
            "",
            "plain text",
            bcrypt,
            unsalted,
            salt_alone,
            &scrypt,
            &no_memory,
        ] {
            assert!(check(hash).is_err(), "{hash}");
            let error = verify(hash, PASSWORD).unwrap_err().to_string();
            assert!(
                error.starts_with("the stored hash can't be used"),
                "{error}"
            );
            assert!(hash.is_empty() || !error.contains(hash), "{error}");
        }
    }
}
