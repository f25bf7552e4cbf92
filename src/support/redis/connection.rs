//! Talks to the server: through a connection that was given, or one that is kept here.

use std::{
    mem,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value,
    aio::{ConnectionLike, MultiplexedConnection},
};
use tokio::sync::watch;

pub(super) type Answer = Pin<Box<dyn Future<Output = RedisResult<Value>> + Send>>;

/// Any connection that many may use at once.
pub(super) trait Connection: Send + Sync {
    /// Sends a command.
    fn ask(&self, command: Cmd) -> Answer;

    /// The connection does not answer: the next command had better go through another.
    fn discard(&self) {}
}

/// A connection that was given.
pub(super) struct Given<C>(pub(super) C);

impl<C: ConnectionLike + Clone + Send + Sync + 'static> Connection for Given<C> {
    fn ask(&self, command: Cmd) -> Answer {
        let mut connection = self.0.clone();
        Box::pin(async move { command.query_async(&mut connection).await })
    }
}

/// A connection that is made when it is first needed, and again when it breaks.
///
/// redis has a `ConnectionManager` for that. It waits longer and longer between its attempts, so
/// a server that is back is not found for seconds; it never tries again after an error of another
/// kind than I/O, such as a wrong password; and it keeps a connection that has stopped to answer.
pub(super) struct Managed(Arc<Shared>);

struct Shared {
    client: Client,
    state: Mutex<State>,
}

enum State {
    Idle,
    Connecting(Made),
    Connected(Numbered),
}

/// What becomes of an attempt to connect.
type Made = watch::Receiver<Option<RedisResult<Numbered>>>;

/// A connection, and which of all that there have been, so that late news of an old one does not
/// end its successor.
#[derive(Clone)]
struct Numbered {
    connection: MultiplexedConnection,
    number: u64,
}

/// The server is no primary any more: its name may lead to another by now.
const READ_ONLY: ErrorKind = ErrorKind::Server(ServerErrorKind::ReadOnly);

/// A connection takes longer to make than a command takes, and is made even if all the requests
/// that waited for it have been answered otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

impl Managed {
    pub(super) fn new(client: Client) -> Self {
        Self(Arc::new(Shared {
            client,
            state: Mutex::new(State::Idle),
        }))
    }
}

impl Connection for Managed {
    fn ask(&self, command: Cmd) -> Answer {
        let shared = Arc::clone(&self.0);
        Box::pin(async move {
            let Numbered {
                mut connection,
                number,
            } = shared.connection().await?;
            let answer = command.query_async(&mut connection).await;
            if let Err(error) = &answer
                && (error.is_unrecoverable_error() || error.kind() == READ_ONLY)
            {
                shared.forget(Some(number));
            }
            answer
        })
    }

    fn discard(&self) {
        self.0.forget(None);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection that there is, or a new one. Many wait for one attempt.
    async fn connection(self: &Arc<Self>) -> RedisResult<Numbered> {
        let mut made = match &mut *self.lock() {
            State::Connected(connection) => return Ok(connection.clone()),
            // Without a sender, the runtime of the attempt has ended.
            State::Connecting(made) if made.has_changed().is_ok() => made.clone(),
            state => {
                let (sender, made) = watch::channel(None);
                tokio::spawn(Arc::clone(self).connect(sender));
                *state = State::Connecting(made.clone());
                made
            }
        };
        let made = made.wait_for(Option::is_some).await;
        let made = made.ok().and_then(|made| made.clone());
        made.unwrap_or_else(|| Err(ended()))
    }

    async fn connect(self: Arc<Self>, made: watch::Sender<Option<RedisResult<Numbered>>>) {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        // How long an answer may take is the caller's business.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(None);
        let client = &self.client;
        let connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map(|connection| Numbered {
                connection,
                number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            });
        *self.lock() = match &connection {
            Ok(connection) => State::Connected(connection.clone()),
            Err(_) => State::Idle,
        };
        made.send_replace(Some(connection));
    }

    /// Lets go of the connection: of this one, or of any.
    fn forget(&self, which: Option<u64>) {
        let mut state = self.lock();
        let old = match &*state {
            State::Connected(old) if which.is_none_or(|which| which == old.number) => {
                mem::replace(&mut *state, State::Idle)
            }
            _ => return,
        };
        drop(state);
        // Its last clone closes it.
        drop(old);
    }
}

fn ended() -> RedisError {
    RedisError::from((ErrorKind::Client, "the attempt to connect was given up"))
}
