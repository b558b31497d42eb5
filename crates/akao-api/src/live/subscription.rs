//! What a client says, and what its subscriptions are.

use akao_platform::Permission;
use serde::Deserialize;

/// Longest id of a subscription, in bytes.
const ID_BYTES_MAX: usize = 64;

/// What a client says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Said {
    /// The first message.
    Hello {
        /// What a session repeats.
        csrf: Option<String>,
    },
    /// Tell this from now on.
    Subscribe {
        /// The client's name for it.
        id: String,
        /// What.
        what: What,
        /// Which execution.
        execution: Option<String>,
        /// The last cursor that was seen.
        after: Option<String>,
        /// Whether lines of steps are told while they run.
        #[serde(default)]
        live: bool,
    },
    /// Tell it no more.
    Unsubscribe {
        /// Its name.
        id: String,
    },
    /// Say something, so that the way is known to be open.
    Ping,
}

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum What {
    /// The events of one execution.
    Execution,
    /// Executions of the tenant that change.
    Executions,
    /// What of the tenant waits for a place.
    Queue,
    /// Tasks of the tenant that are opened or closed.
    Tasks,
}

impl What {
    /// What one must be allowed for it.
    pub(super) fn needs(self) -> Permission {
        match self {
            Self::Execution | Self::Executions | Self::Queue => Permission::ExecutionsRead,
            Self::Tasks => Permission::TasksRead,
        }
    }
}

/// Whether a text can name a subscription.
pub(super) fn is_id(text: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&text.len())
}
