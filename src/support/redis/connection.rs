//! Connections to the server: one that was given, or one that is kept here and made again.

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

/// A connection that many can use at once.
pub(super) trait Connection: Send + Sync {
    /// Sends a command.
    fn send(&self, command: Cmd) -> Answer;

    /// Drops a connection that does not answer, so that the next command makes another.
    fn discard(&self) {}
}

/// A connection that the application has made.
pub(super) struct FixedConnection<C>(pub(super) C);

impl<C: ConnectionLike + Clone + Send + Sync + 'static> Connection for FixedConnection<C> {
    fn send(&self, command: Cmd) -> Answer {
        let mut connection = self.0.clone();
        Box::pin(async move { command.query_async(&mut connection).await })
    }
}

/// A connection that is made when it is first needed, and again when it breaks.
///
/// The `ConnectionManager` of redis waits longer and longer between its attempts, so it takes seconds
/// to notice that a server is back; it never tries again after an error other than I/O, such as a wrong
/// password; and it keeps a connection that no longer answers.
pub(super) struct Managed(Arc<Reconnecting>);

struct Reconnecting {
    client: Client,
    state: Mutex<ConnectionState>,
}

enum ConnectionState {
    Idle,
    Connecting(ConnectOutcome),
    Connected(Numbered),
}

/// The outcome of an attempt to connect.
type ConnectOutcome = watch::Receiver<Option<RedisResult<Numbered>>>;

/// A connection and its number, so that a late error of an old one does not end its successor.
#[derive(Clone)]
struct Numbered {
    connection: MultiplexedConnection,
    number: u64,
}

/// The server is no longer a primary: its name may resolve to another one by now.
const READ_ONLY: ErrorKind = ErrorKind::Server(ServerErrorKind::ReadOnly);

/// Making a connection takes longer than a command, and goes on even if all requests that waited for
/// it have been answered otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

impl Managed {
    pub(super) fn new(client: Client) -> Self {
        Self(Arc::new(Reconnecting {
            client,
            state: Mutex::new(ConnectionState::Idle),
        }))
    }
}

impl Connection for Managed {
    fn send(&self, command: Cmd) -> Answer {
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

impl Reconnecting {
    fn lock(&self) -> MutexGuard<'_, ConnectionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The current connection, or a new one. Many wait for one attempt.
    async fn connection(self: &Arc<Self>) -> RedisResult<Numbered> {
        let mut made = match &mut *self.lock() {
            ConnectionState::Connected(connection) => return Ok(connection.clone()),
            // Without a sender, the runtime of the attempt has ended.
            ConnectionState::Connecting(made) if made.has_changed().is_ok() => made.clone(),
            state => {
                let (sender, made) = watch::channel(None);
                tokio::spawn(Arc::clone(self).connect(sender));
                *state = ConnectionState::Connecting(made.clone());
                made
            }
        };
        let made = made.wait_for(Option::is_some).await;
        let made = made.ok().and_then(|made| made.clone());
        made.unwrap_or_else(|| Err(ended()))
    }

    async fn connect(self: Arc<Self>, made: watch::Sender<Option<RedisResult<Numbered>>>) {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        // The caller decides how long an answer may take.
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
            Ok(connection) => ConnectionState::Connected(connection.clone()),
            Err(_) => ConnectionState::Idle,
        };
        made.send_replace(Some(connection));
    }

    /// Drops the connection: this one, or any.
    fn forget(&self, which: Option<u64>) {
        let mut state = self.lock();
        let old = match &*state {
            ConnectionState::Connected(old) if which.is_none_or(|which| which == old.number) => {
                mem::replace(&mut *state, ConnectionState::Idle)
            }
            _ => return,
        };
        drop(state);
        // Dropping the last clone closes it.
        drop(old);
    }
}

fn ended() -> RedisError {
    RedisError::from((ErrorKind::Client, "the attempt to connect was given up"))
}
