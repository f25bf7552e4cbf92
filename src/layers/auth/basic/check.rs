//! How a password is checked: by which function, how many at a time, and with which hash.

#[cfg(feature = "basic-argon2")]
use std::sync::{Mutex, PoisonError};
use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

#[cfg(feature = "basic-argon2")]
use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::{
        Error,
        phc::{Output, PasswordHash, Salt},
    },
};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::BasicRefusal;
#[cfg(feature = "basic-argon2")]
use crate::wire::ConfigError;
use crate::wire::{BoxError, Secret};

/// Checks a user and a password. It does nothing before it is polled.
pub(super) type Check<P> =
    Arc<dyn Fn(String, Secret, Arc<CheckOptions>) -> Checking<P> + Send + Sync>;

type Checking<P> = Pin<Box<dyn Future<Output = Checked<P>> + Send>>;

/// The principal, or why the password is refused; or the error of a failed check, which says nothing
/// about the password.
type Checked<P> = Result<Result<P, BasicRefusal>, BoxError>;

/// An async check, such as a request to a directory.
pub(super) fn asynchronous<P, F, A, E>(check: F) -> Check<P>
where
    P: Send + 'static,
    F: Fn(String, Secret) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Option<P>, E>> + Send + 'static,
    E: Into<BoxError>,
{
    let check = Arc::new(check);
    Arc::new(move |user, password, options| {
        let check = Arc::clone(&check);
        Box::pin(async move {
            let Some(permit) = options.permit().await else {
                return Ok(Err(BasicRefusal::Busy));
            };
            let principal = check(user, password).await.map_err(Into::into)?;
            drop(permit);
            Ok(principal.ok_or(BasicRefusal::Wrong))
        })
    })
}

/// A check that blocks the thread.
pub(super) fn blocking<P, F, E>(check: F) -> Check<P>
where
    P: Send + 'static,
    F: Fn(&str, &Secret) -> Result<Option<P>, E> + Send + Sync + 'static,
    E: Into<BoxError>,
{
    let check = Arc::new(check);
    Arc::new(move |user, password, options| {
        let check = Arc::clone(&check);
        Box::pin(async move {
            let work = move || check(&user, &password).map_err(Into::into);
            options.run_blocking(work).await
        })
    })
}

/// A check that looks up a hash and verifies it.
#[cfg(feature = "basic-argon2")]
pub(super) fn argon2<P, F, A, E>(look_up: F) -> Check<P>
where
    P: Send + 'static,
    F: Fn(String) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Option<(String, P)>, E>> + Send + 'static,
    E: Into<BoxError>,
{
    let look_up = Arc::new(look_up);
    Arc::new(move |user, password, options| {
        let look_up = Arc::clone(&look_up);
        Box::pin(async move {
            let (hash, principal) = look_up(user).await.map_err(Into::into)?.unzip();
            let decoy = Arc::clone(&options.decoy);
            let work = move || {
                let verify = |hash: &str| verify(hash, password.expose());
                let matched = matches(hash.as_deref(), &decoy, verify)?;
                Ok(principal.filter(|_| matched))
            };
            options.run_blocking(work).await
        })
    })
}

/// Which stored hashes a check compares passwords with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ComparedHashes {
    /// None that are known here: the check is a function of the application.
    None,
    #[cfg(feature = "basic-argon2")]
    Argon2,
    #[cfg(feature = "basic-bcrypt")]
    Argon2OrBcrypt,
}

impl ComparedHashes {
    /// Checks that passwords of unknown users are compared with the decoy.
    #[cfg(feature = "basic-argon2")]
    pub(super) fn check_decoy(self) -> Result<(), ConfigError> {
        if self == Self::None {
            let message = "a check of your own compares with no decoy: use one with `argon2`, or do \
                           the same work for unknown users in your function";
            return Err(ConfigError::new("Basic", message));
        }
        Ok(())
    }

    /// Checks that there may be bcrypt hashes.
    #[cfg(feature = "basic-bcrypt")]
    pub(super) fn check_bcrypt_cost(self) -> Result<(), ConfigError> {
        if self != Self::Argon2OrBcrypt {
            let message = "only `argon2_or_bcrypt` verifies bcrypt hashes: remove `bcrypt_cost`";
            return Err(ConfigError::new("Basic", message));
        }
        Ok(())
    }
}

/// The concurrency limit of the checks, and their hash parameters.
#[derive(Clone)]
pub(super) struct CheckOptions {
    semaphore: Arc<Semaphore>,
    pub(super) compared: ComparedHashes,
    /// How long a check waits for a permit.
    pub(super) max_wait: Duration,
    /// The hash that passwords of unknown users are compared with.
    #[cfg(feature = "basic-argon2")]
    pub(super) decoy: Arc<str>,
    /// The cost of the bcrypt hashes in the store.
    #[cfg(feature = "basic-bcrypt")]
    pub(super) bcrypt_cost: u32,
}

impl CheckOptions {
    /// At most `count` checks at a time.
    pub(super) fn new(count: usize, compared: ComparedHashes) -> Self {
        Self {
            semaphore: semaphore(count),
            compared,
            max_wait: Duration::from_secs(1),
            #[cfg(feature = "basic-argon2")]
            decoy: DECOY.into(),
            #[cfg(feature = "basic-bcrypt")]
            bcrypt_cost: super::bcrypt::DEFAULT_COST,
        }
    }

    pub(super) fn max_concurrent(&mut self, count: usize) {
        self.semaphore = semaphore(count);
    }

    /// A permit for one check, in the order of the requests; `None` if the wait is too long.
    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.semaphore).try_acquire_owned() {
            return Some(permit);
        }
        if self.max_wait.is_zero() {
            return None;
        }
        let permit = Arc::clone(&self.semaphore).acquire_owned();
        timeout(self.max_wait, permit).await.ok()?.ok()
    }

    /// Runs the work on a thread that may block, once there is a permit.
    pub(super) async fn run_blocking<P, W>(&self, work: W) -> Checked<P>
    where
        P: Send + 'static,
        W: FnOnce() -> Result<Option<P>, BoxError> + Send + 'static,
    {
        let Some(permit) = self.permit().await else {
            return Ok(Err(BasicRefusal::Busy));
        };
        // The permit moves into the closure: if the client disconnects, the thread goes on working,
        // and the next check has to wait.
        let done = Handle::try_current()?.spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        });
        // An error means that the work panicked, or that the runtime is shutting down.
        Ok(done.await??.ok_or(BasicRefusal::Wrong))
    }
}

fn semaphore(permits: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)))
}

/// Has the parameters that OWASP lists first for argon2id, which are the defaults of the crate
/// `argon2`: 19 MiB, two passes, one lane. It is not the hash of any password.
#[cfg(feature = "basic-argon2")]
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA\
                     $AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Whether the password matches the stored hash. For an unknown user, the same work is done with
/// the decoy.
#[cfg(feature = "basic-argon2")]
pub(super) fn matches<E>(
    stored: Option<&str>,
    decoy: &str,
    verify: impl FnOnce(&str) -> Result<bool, E>,
) -> Result<bool, E> {
    let matched = verify(stored.unwrap_or(decoy))?;
    Ok(matched && stored.is_some())
}

/// Whether the password matches the hash, a PHC string.
#[cfg(feature = "basic-argon2")]
pub(super) fn verify(hash: &str, password: &str) -> Result<bool, BoxError> {
    let matched = parse_hash(hash).and_then(|(argon2, salt, expected)| {
        let mut output = [0; Output::MAX_LENGTH];
        let output = output.get_mut(..expected.len()).ok_or(Error::OutputSize)?;
        let count = argon2.params().block_count();
        let mut memory = MEMORY.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let blocks = memory.get_or_insert_default();
        if blocks.len() < count {
            blocks.resize(count, Block::new());
        }
        let blocks = blocks.get_mut(..count).unwrap_or_default();
        argon2.hash_password_into_with_memory(password.as_bytes(), &salt, output, blocks)?;
        keep(memory.unwrap_or_default());
        // In constant time.
        Ok(Output::new(output)? == expected)
    });
    Ok(matched.map_err(|error| format!("the stored hash cannot be used: {error}"))?)
}

/// The buffers of finished checks, reused by later ones. Allocators keep memory of this size for every
/// thread that has ever used it, and checks run on many threads.
#[cfg(feature = "basic-argon2")]
static MEMORY: Mutex<Vec<Vec<Block>>> = Mutex::new(Vec::new());

/// Keeps the buffer of a check, up to one for each core, unless it is unusually large.
#[cfg(feature = "basic-argon2")]
fn keep(blocks: Vec<Block>) {
    const MAX_KEPT_BLOCKS: usize = 64 * 1024 * 1024 / Block::SIZE;
    if blocks.len() > MAX_KEPT_BLOCKS {
        return;
    }
    let mut memory = MEMORY.lock().unwrap_or_else(PoisonError::into_inner);
    if memory.len() < super::cores() {
        memory.push(blocks);
    }
}

/// Checks that a password can be verified with this decoy.
#[cfg(feature = "basic-argon2")]
pub(super) fn check_decoy(decoy: &str) -> Result<(), ConfigError> {
    parse_hash(decoy).map(drop).map_err(|source| {
        ConfigError::new("Basic", "the decoy is not an argon2 hash").because(source)
    })
}

/// The parts of a hash that a verification needs: its parameters, its salt, and its output.
#[cfg(feature = "basic-argon2")]
fn parse_hash(hash: &str) -> Result<(Argon2<'static>, Salt, Output), Error> {
    let hash = PasswordHash::new(hash)?;
    let algorithm = Algorithm::try_from(hash.algorithm.as_str())?;
    let version = hash.version.map(Version::try_from).transpose()?;
    let params = Params::try_from(&hash)?;
    let argon2 = Argon2::new(algorithm, version.unwrap_or_default(), params);
    let salt = hash.salt.ok_or(Error::SaltInvalid)?;
    Ok((argon2, salt, hash.hash.ok_or(Error::OutputSize)?))
}

#[cfg(all(test, feature = "basic-argon2"))]
mod tests {
    use std::{cell::RefCell, convert::Infallible};

    use argon2::{
        Algorithm, Argon2, Params, PasswordHasher, Version, password_hash::phc::PasswordHash,
    };

    use super::{DECOY, check_decoy, matches, verify};

    const PASSWORD: &str = "open sesame";

    /// A hash that costs next to nothing.
    fn cheap_hash(algorithm: Algorithm) -> String {
        of_size(algorithm, 8)
    }

    /// A hash that needs this many kibibytes of memory.
    fn of_size(algorithm: Algorithm, size: u32) -> String {
        let params = Params::new(size, 2, 1, None).unwrap();
        let argon2 = Argon2::new(algorithm, Version::V0x13, params);
        let hash = argon2.hash_password_with_salt(PASSWORD.as_bytes(), b"somesalt");
        hash.unwrap().to_string()
    }

    #[test]
    fn verifies_every_password_exactly_once_even_of_unknown_users() {
        // The stored hash, whether the password matches it, the outcome.
        let cases = [
            ("the right password", Some("stored"), true, true),
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
    fn the_decoy_has_the_default_parameters() {
        check_decoy(DECOY).unwrap();
        let hash = PasswordHash::new(DECOY).unwrap();
        let (decoy, default) = (Params::try_from(&hash).unwrap(), Params::default());
        assert_eq!(hash.algorithm, Algorithm::default().ident());
        assert_eq!(decoy.m_cost(), default.m_cost());
        assert_eq!(decoy.t_cost(), default.t_cost());
        assert_eq!(decoy.p_cost(), default.p_cost());
    }

    #[test]
    fn verifies_hashes_of_every_kind_of_argon2() {
        for algorithm in [Algorithm::Argon2id, Algorithm::Argon2i, Algorithm::Argon2d] {
            let hash = cheap_hash(algorithm);
            check_decoy(&hash).unwrap();
            assert!(verify(&hash, PASSWORD).unwrap(), "{hash}");
            assert!(!verify(&hash, "open says me").unwrap(), "{hash}");
        }
    }

    /// Each check reuses the buffer as the previous one left it.
    #[test]
    fn verifies_hashes_of_different_sizes_in_turn() {
        for algorithm in [Algorithm::Argon2id, Algorithm::Argon2i, Algorithm::Argon2d] {
            for size in [64, 8, 200, 16, 64] {
                let hash = of_size(algorithm, size);
                assert!(verify(&hash, PASSWORD).unwrap(), "{hash}");
                assert!(!verify(&hash, "open says me").unwrap(), "{hash}");
            }
        }
    }

    #[test]
    fn rejects_other_hashes_without_quoting_them() {
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
            assert!(check_decoy(hash).is_err(), "{hash}");
            let error = verify(hash, PASSWORD).unwrap_err().to_string();
            assert!(
                error.starts_with("the stored hash cannot be used"),
                "{error}"
            );
            assert!(hash.is_empty() || !error.contains(hash), "{error}");
        }
    }
}
