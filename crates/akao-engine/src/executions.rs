//! Executions behind one door, whoever holds them: the engine of this process, or another process over its socket.

use crate::{CallError, Engine, Feed, Reply, Request};
use akao_contract::ExecutionId;
use akao_step::BoxFuture;

/// What can be done with executions.
pub trait Executions: Send + Sync {
    /// Asks, and waits until the answer is durable.
    fn call(&self, request: Request) -> BoxFuture<'_, Result<Reply, CallError>>;

    /// Follows an execution. Everything that becomes durable after the answer is in the feed; what came before is in the
    /// journal. An entry may be in both; its sequence number tells.
    fn follow(&self, execution: ExecutionId) -> BoxFuture<'_, Result<Feed, CallError>>;
}

impl Executions for Engine {
    fn call(&self, request: Request) -> BoxFuture<'_, Result<Reply, CallError>> {
        Box::pin(Engine::call(self, request))
    }

    fn follow(&self, execution: ExecutionId) -> BoxFuture<'_, Result<Feed, CallError>> {
        Box::pin(async move {
            let feed = Engine::follow(self, execution);
            // The engine takes its messages in order: when this is answered, the feed has begun.
            Engine::call(self, Request::Health).await?;
            Ok(feed)
        })
    }
}
