//! The right to make one call in one process.

use super::{Inner, Waiter};
use crate::{failure, instance::Instance};
use akao_contract::StepError;
use akao_step::CancellationToken;
use std::{sync::Arc, time::Instant};
use tokio::sync::oneshot;

/// See the module. Dropped, it gives the place to the next.
pub(crate) struct Lease {
    pool: Arc<Inner>,
    instance: Arc<Instance>,
    was_answered: bool,
}

/// Why there is no process for a call.
pub(crate) enum LeaseError {
    /// The step was halted while it waited.
    Cancelled,
    /// Its time was over while it waited.
    TimedOut,
    /// There will be none.
    Failed(StepError),
}

impl Lease {
    pub(super) fn new(pool: Arc<Inner>, instance: Arc<Instance>) -> Self {
        Self { pool, instance, was_answered: false }
    }

    pub(crate) fn instance(&self) -> &Arc<Instance> {
        &self.instance
    }

    pub(crate) fn pool(&self) -> &Arc<Inner> {
        &self.pool
    }

    /// The node has answered the call.
    pub(crate) fn answered(&mut self) {
        self.was_answered = true;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.release(&self.instance, self.was_answered);
    }
}

/// Leaves the queue when its owner goes.
struct Place<'a> {
    pool: &'a Inner,
    number: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.pool.lock().waiting.retain(|waiter| waiter.number != self.number);
    }
}

impl Inner {
    /// A place in a process, at once or after those who came before.
    pub(crate) async fn lease(
        self: &Arc<Self>,
        until: Option<Instant>,
        cancel: &CancellationToken,
    ) -> Result<Lease, LeaseError> {
        let (number, receiver) = {
            let mut state = self.lock();
            if let Some(error) = self.closed(&state) {
                return Err(LeaseError::Failed(error));
            }
            // Nobody overtakes those who wait.
            if state.waiting.is_empty()
                && let Some(lease) = self.take(&mut state)
            {
                return Ok(lease);
            }
            if state.waiting.len() >= self.services.settings.waiting_max {
                state.counters.refused += 1;
                return Err(LeaseError::Failed(failure::queue_full(&self.spec, state.waiting.len())));
            }
            let (sender, receiver) = oneshot::channel();
            state.next_number += 1;
            let number = state.next_number;
            state.waiting.push_back(Waiter { number, sender });
            self.settle(state);
            (number, receiver)
        };
        let _place = Place { pool: self, number };
        let deadline = async {
            match until {
                Some(until) => tokio::time::sleep_until(until.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            lease = receiver => match lease {
                Ok(lease) => lease.map_err(LeaseError::Failed),
                // Senders are answered or live as long as the pool.
                Err(_) => Err(LeaseError::Failed(failure::closed(&self.spec))),
            },
            () = cancel.cancelled() => Err(LeaseError::Cancelled),
            () = deadline => Err(LeaseError::TimedOut),
        }
    }
}
