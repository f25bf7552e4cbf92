//! Bcrypt hashes, which are verified and replaced by argon2 hashes.

use std::{fmt, hint::black_box, ops::RangeInclusive, sync::Arc};

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher, Version, password_hash::phc::PasswordHash,
};

use super::check::{Check, matches, verify};
use crate::wire::{BoxError, ConfigError, Secret};

/// The accepted costs. 16 takes several seconds, and each further step doubles the time: a hash with a
/// cost of 31 in the store would keep a thread busy for days.
const COSTS: RangeInclusive<u32> = 4..=16;

/// The default of Python and of Rust. Go, Spring and most examples for Node use 10.
pub(super) const DEFAULT_COST: u32 = 12;

/// A bcrypt hash to be replaced, with the argon2 hash of the same password: what
/// [`Basic::argon2_or_bcrypt`](crate::Basic::argon2_or_bcrypt) gives to the function that stores it.
#[derive(Clone)]
#[non_exhaustive]
pub struct HashUpgrade {
    /// The user name, as sent in the request.
    pub user: String,
    /// The bcrypt hash that was looked up. Replace only this one: the password may have been changed
    /// since.
    pub old: String,
    /// The argon2 hash, a PHC string with a new random salt.
    pub new: String,
}

/// Omits the hashes, and the user, who is personal data.
impl fmt::Debug for HashUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashUpgrade").finish_non_exhaustive()
    }
}

/// A check that looks up an argon2 or bcrypt hash, and has a bcrypt hash replaced.
pub(super) fn argon2_or_bcrypt<P, F, A, E, G, B, D>(look_up: F, replace: G) -> Check<P>
where
    P: Send + 'static,
    F: Fn(String) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Option<(String, P)>, E>> + Send + 'static,
    E: Into<BoxError>,
    G: Fn(HashUpgrade) -> B + Send + Sync + 'static,
    B: Future<Output = Result<(), D>> + Send + 'static,
    D: Into<BoxError>,
{
    let functions = Arc::new((look_up, replace));
    Arc::new(move |user, password, options| {
        let functions = Arc::clone(&functions);
        Box::pin(async move {
            let (look_up, replace) = &*functions;
            let (stored, principal) = look_up(user.clone()).await.map_err(Into::into)?.unzip();
            let (decoy, cost) = (Arc::clone(&options.decoy), options.bcrypt_cost);
            let work = move || {
                let matched = verify_either(stored.as_deref(), &password, &decoy, cost)?;
                let upgrade = match matched {
                    Matched::No => return Ok(None),
                    Matched::Argon2 => None,
                    Matched::Bcrypt { new } => stored.zip(Some(new)),
                };
                Ok(principal.map(|principal| (principal, upgrade)))
            };
            let (principal, upgrade) = match options.run_blocking(work).await? {
                Ok(checked) => checked,
                Err(refusal) => return Ok(Err(refusal)),
            };
            if let Some((old, new)) = upgrade {
                // The password is right, whether or not its hash could be replaced.
                if let Err(error) = replace(HashUpgrade { user, old, new }).await {
                    warn(&error.into());
                }
            }
            Ok(Ok(principal))
        })
    })
}

/// Which kind of hash the password matches.
#[derive(Debug, PartialEq)]
enum Matched {
    No,
    Argon2,
    Bcrypt {
        /// The new argon2 hash.
        new: String,
    },
}

/// Whether the password matches the stored hash.
///
/// A wrong password costs one hash of each kind, whatever is stored. Otherwise the response time would
/// reveal which users do not exist, and whose hash has been replaced.
fn verify_either(
    stored: Option<&str>,
    password: &Secret,
    decoy: &str,
    cost: u32,
) -> Result<Matched, BoxError> {
    let password = password.expose();
    if let Some(hash) = stored.filter(|hash| hash.starts_with("$2")) {
        if verify_bcrypt(hash, password)? {
            let new = hash_as(decoy, password)?;
            return Ok(Matched::Bcrypt { new });
        }
        verify(decoy, password)?;
        return Ok(Matched::No);
    }
    if matches(stored, decoy, |hash| verify(hash, password))? {
        return Ok(Matched::Argon2);
    }
    black_box(bcrypt::hash_with_salt(password, cost, [0; 16])?);
    Ok(Matched::No)
}

/// Whether the password matches the bcrypt hash.
///
/// As in every implementation that creates such hashes, only the first 72 bytes of the password count.
fn verify_bcrypt(hash: &str, password: &str) -> Result<bool, BoxError> {
    let unusable = |reason: &str| format!("the stored hash cannot be used: {reason}");
    // `$2x$` marks hashes of a faulty implementation, which no other implementation reproduces.
    if !["$2a$", "$2b$", "$2y$"].contains(&hash.get(..4).unwrap_or_default()) {
        return Err(unusable("it is not `$2a$`, `$2b$` or `$2y$`").into());
    }
    // The library would also accept `+5`.
    if !matches!(
        hash.as_bytes().get(4..7),
        Some([b'0'..=b'9', b'0'..=b'9', b'$'])
    ) {
        return Err(unusable("its cost is not two digits").into());
    }
    let parts: bcrypt::HashParts = hash
        .parse()
        .map_err(|error: bcrypt::BcryptError| unusable(&error.to_string()))?;
    if !COSTS.contains(&parts.get_cost()) {
        return Err(unusable("its cost is not between 4 and 16").into());
    }
    // Compares in constant time.
    Ok(bcrypt::verify(password, hash)?)
}

/// An argon2 hash of the password, with the decoy's algorithm and parameters.
fn hash_as(decoy: &str, password: &str) -> Result<String, BoxError> {
    let decoy = PasswordHash::new(decoy)?;
    let algorithm = Algorithm::try_from(decoy.algorithm.as_str())?;
    let argon2 = Argon2::new(algorithm, Version::V0x13, Params::try_from(&decoy)?);
    let mut salt = [0; 16];
    getrandom::fill(&mut salt)?;
    let hash = argon2.hash_password_with_salt(password.as_bytes(), &salt)?;
    Ok(hash.to_string())
}

/// Checks the cost of the bcrypt decoy.
pub(super) fn check_cost(cost: u32) -> Result<(), ConfigError> {
    if COSTS.contains(&cost) {
        return Ok(());
    }
    let message = format!("a cost of {cost} is not between 4 and 16");
    Err(ConfigError::new("Basic", message))
}

#[cfg(feature = "tracing")]
fn warn(cause: &BoxError) {
    let message = "a bcrypt hash was verified, but could not be replaced";
    tracing::warn!(target: "wythe", scheme = "Basic", %cause, "{message}");
}

#[cfg(not(feature = "tracing"))]
const fn warn(_: &BoxError) {}

#[cfg(test)]
mod tests {
    use super::{Matched, check_cost, hash_as, verify, verify_bcrypt, verify_either};
    use crate::wire::Secret;

    const CHEAP_HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA\
                         $AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    /// The hash of `U*U`.
    const HASH_OF_U: &str = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

    fn check(stored: Option<&str>, password: &str) -> Matched {
        let password = Secret::new(password.to_owned());
        verify_either(stored, &password, CHEAP_HASH, 4).unwrap()
    }

    fn replaced(stored: &str, password: &str) -> String {
        match check(Some(stored), password) {
            Matched::Bcrypt { new } => new,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn verifies_published_hashes() {
        let long = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        let beyond_72 = format!("{long}0123456789chars after 72 are ignored");
        let cases = [
            // From jBCrypt.
            (
                "",
                "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.",
            ),
            (
                "a",
                "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe",
            ),
            (
                "abcdefghijklmnopqrstuvwxyz",
                "$2a$08$aTsUwsyowQuzRrDqFflhgekJ8d9/7Z3GV3UcgvzQW3J5zMyrTvlz.",
            ),
            // From crypt_blowfish.
            ("U*U", HASH_OF_U),
            (
                "U*U*",
                "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK",
            ),
            (
                "U*U*U",
                "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a",
            ),
            (
                &beyond_72,
                "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
            ),
        ];
        for (password, hash) in cases {
            for version in ["$2a$", "$2b$", "$2y$"] {
                let hash = hash.replacen("$2a$", version, 1);
                assert!(verify_bcrypt(&hash, password).unwrap(), "{password} {hash}");
                assert!(!verify_bcrypt(&hash, "wrong").unwrap(), "{password} {hash}");
            }
        }
    }

    #[test]
    fn only_72_bytes_of_a_password_count() {
        let stored = bcrypt::hash_with_salt("x".repeat(80), 4, [7; 16]).unwrap();
        let stored = stored.format_for_version(bcrypt::Version::TwoB);
        for (length, expected) in [(71, false), (72, true), (73, true), (80, true), (300, true)] {
            let matched = verify_bcrypt(&stored, &"x".repeat(length)).unwrap();
            assert_eq!(matched, expected, "{length}");
        }
        // The new hash covers the whole password.
        let new = replaced(&stored, &"x".repeat(80));
        assert!(verify(&new, &"x".repeat(80)).unwrap());
        assert!(!verify(&new, &"x".repeat(72)).unwrap());
    }

    #[test]
    fn a_right_password_gets_a_hash_with_the_parameters_of_the_decoy() {
        let new = replaced(HASH_OF_U, "U*U");
        assert!(new.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{new}");
        assert_eq!(check(Some(&new), "U*U"), Matched::Argon2);
        for stored in [Some(HASH_OF_U), Some(&new), None] {
            assert_eq!(check(stored, "U*V"), Matched::No);
        }
        assert_ne!(
            hash_as(CHEAP_HASH, "U*U").unwrap(),
            new,
            "the salt is random"
        );
    }

    #[test]
    fn rejects_other_hashes_immediately_and_without_quoting_them() {
        let rest = "CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
        for hash in [
            "$2".to_owned(),
            "$2$".to_owned(),
            "$2b$12$".to_owned(),
            format!("$2x$05${rest}"),
            format!("$2$05${rest}"),
            format!("$2a$5${rest}"),
            format!("$2a$03${rest}"),
            format!("$2a$17${rest}"),
            // Would take days.
            format!("$2a$31${rest}"),
            format!("$2a$99${rest}"),
            format!("$2a$+5${rest}"),
            format!("$2a$05${}", rest.replace('.', "=")),
            format!("$2a$05${rest}e"),
            format!("$2a$05${}\u{e9}", &rest[..51]),
        ] {
            let error = verify_either(Some(&hash), &Secret::new("U*U".to_owned()), CHEAP_HASH, 4)
                .unwrap_err();
            let error = error.to_string();
            assert!(
                error.starts_with("the stored hash cannot be used"),
                "{error}"
            );
            assert!(hash.len() < 5 || !error.contains(&hash), "{error}");
            assert!(!error.contains(rest), "{error}");
        }
    }

    #[test]
    fn a_cost_is_bounded() {
        for (cost, valid) in [(3, false), (4, true), (16, true), (17, false), (31, false)] {
            assert_eq!(check_cost(cost).is_ok(), valid, "{cost}");
        }
    }
}
