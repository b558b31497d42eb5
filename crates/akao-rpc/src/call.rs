//! A call in flight.

use crate::{Connection, ExecuteAnswer, RpcError, shared::Answer};
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::sync::oneshot;

/// A call of any method. Dropped before its answer, it is given up and the node is told.
pub(crate) struct RawCall {
    connection: Connection,
    id: u64,
    answer: oneshot::Receiver<Answer>,
    is_done: bool,
}

impl RawCall {
    pub(crate) fn new(connection: Connection, id: u64, answer: oneshot::Receiver<Answer>) -> Self {
        Self { connection, id, answer, is_done: false }
    }
}

impl Future for RawCall {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let Poll::Ready(answer) = Pin::new(&mut self.answer).poll(context) else { return Poll::Pending };
        self.is_done = true;
        // The other half is dropped unanswered only when the connection's state is.
        Poll::Ready(answer.unwrap_or(Err(RpcError::ClosedHere)))
    }
}

impl Drop for RawCall {
    fn drop(&mut self) {
        if !self.is_done {
            self.connection.shared().abandon(self.id);
        }
    }
}

/// An attempt in flight. It is a future of its answer; dropped before that, it is given up: the node is told to cancel,
/// and a late answer is dropped and counted.
#[must_use = "a call that is dropped is given up"]
pub struct Call(pub(crate) Result<RawCall, Option<RpcError>>);

impl Call {
    /// Tells the node that the result is no longer wanted, before anything else that waits to be sent. The call goes on
    /// until it is answered, dropped or the connection ends.
    pub fn cancel(&self) {
        if let Ok(call) = &self.0 {
            call.connection.shared().cancel(call.id);
        }
    }

    /// The call's id on the wire.
    pub fn id(&self) -> Option<u64> {
        self.0.as_ref().ok().map(|call| call.id)
    }
}

impl Future for Call {
    type Output = Result<ExecuteAnswer, RpcError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Ok(call) => Pin::new(call).poll(context).map(|answer| answer.and_then(ExecuteAnswer::read)),
            Err(error) => Poll::Ready(Err(error.take().unwrap_or(RpcError::ClosedHere))),
        }
    }
}
