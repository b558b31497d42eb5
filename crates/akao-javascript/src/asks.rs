//! Questions to the host that are under way: each is a promise in JavaScript, and an answer that comes on a channel.

use crate::guard::Guard;
use akao_node::{Failure, Kind, Value as Json, json};
use rquickjs::{Ctx, Exception, Function, Result, Value};
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    time::Duration,
};

/// Answers that are waited for; more at once are a mistake.
const ASKS_MAX: u32 = 1_000;
/// Questions that the host is asked at a time; further ones wait here.
const UNDER_WAY_MAX: u32 = 8;

type Answered = (u32, std::result::Result<Json, Failure>);

/// See the module.
pub(crate) struct Asks<'js> {
    sender: Sender<Answered>,
    receiver: Receiver<Answered>,
    last: Cell<u32>,
    open: Cell<u32>,
    under_way: Cell<u32>,
    /// Questions that the host was not asked yet.
    waiting: RefCell<VecDeque<(u32, String, Json)>>,
    /// Settles a promise: its number, whether it is kept, the value or the error as JSON.
    settle: RefCell<Option<Function<'js>>>,
    /// The helper that makes promises of questions, once something has asked for it. It is kept here because what keeps it must
    /// let go of it: a function that held it itself would never be freed.
    helper: RefCell<Option<Function<'js>>>,
    /// An answer that was received and not delivered yet.
    held: RefCell<Option<Answered>>,
}

impl Default for Asks<'_> {
    fn default() -> Self {
        let (sender, receiver) = channel();
        let (last, open, under_way) = (Cell::default(), Cell::default(), Cell::default());
        let (waiting, settle, helper, held) = Default::default();
        Self { sender, receiver, last, open, under_way, waiting, settle, helper, held }
    }
}

impl<'js> Asks<'js> {
    /// Sets what settles promises.
    pub(crate) fn set_settle(&self, settle: Function<'js>) {
        *self.settle.borrow_mut() = Some(settle);
    }

    /// The helper, if it was read.
    pub(crate) fn helper(&self) -> Option<Function<'js>> {
        self.helper.borrow().clone()
    }

    /// Keeps the helper.
    pub(crate) fn keep_helper(&self, helper: Function<'js>) {
        *self.helper.borrow_mut() = Some(helper);
    }

    /// Asks the host as soon as it is not asked too much, and gives the question's number.
    pub(crate) fn start(&self, ctx: &Ctx<'js>, guard: &Guard, method: &str, params: Json) -> Result<u32> {
        if self.open.get() >= ASKS_MAX {
            return Err(Exception::throw_range(ctx, &format!("more than {ASKS_MAX} answers are waited for")));
        }
        let id = self.last.get().wrapping_add(1);
        self.last.set(id);
        self.open.set(self.open.get() + 1);
        self.waiting.borrow_mut().push_back((id, method.to_owned(), params));
        self.send(guard);
        Ok(id)
    }

    /// Asks what waits, as far as the host is not asked too much.
    fn send(&self, guard: &Guard) {
        while self.under_way.get() < UNDER_WAY_MAX {
            let Some((id, method, params)) = self.waiting.borrow_mut().pop_front() else { return };
            self.under_way.set(self.under_way.get() + 1);
            let sender = self.sender.clone();
            // Whoever asked may have ended by the time of the answer.
            let answer = Box::new(move |answer| drop(sender.send((id, answer))));
            if let Err(failure) = guard.host().ask(&method, params, answer) {
                drop(self.sender.send((id, Err(failure))));
            }
        }
    }

    /// Whether an answer is waited for.
    pub(crate) fn is_open(&self) -> bool {
        self.open.get() > 0
    }

    /// Waits for an answer; says whether one is there.
    pub(crate) fn wait(&self, time: Duration) -> bool {
        if self.held.borrow().is_some() {
            return true;
        }
        match self.receiver.recv_timeout(time) {
            Ok(answered) => {
                *self.held.borrow_mut() = Some(answered);
                true
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => false,
        }
    }

    /// Settles the promise of the answer that came, and asks what waited for it.
    pub(crate) fn deliver(&self, ctx: &Ctx<'js>, guard: &Guard) -> Result<()> {
        let Some((id, answer)) = self.held.borrow_mut().take() else { return Ok(()) };
        self.open.set(self.open.get().saturating_sub(1));
        self.under_way.set(self.under_way.get().saturating_sub(1));
        self.send(guard);
        let settle = self.settle.borrow().clone();
        let Some(settle) = settle else { return Ok(()) };
        let (is_kept, value) = match answer {
            Ok(value) => (true, value),
            Err(failure) => (false, error_of(&failure)),
        };
        let value: Value<'js> = ctx.json_parse(value.to_string())?;
        settle.call((id, is_kept, value))
    }

    /// Lets go of everything, which must be before the runtime ends.
    pub(crate) fn clear(&self) {
        self.settle.borrow_mut().take();
        self.helper.borrow_mut().take();
    }
}

/// What a refusal is for whoever asked.
fn error_of(failure: &Failure) -> Json {
    let kind = match failure.kind {
        // The host's own limits and defects are told, and are not the node's to claim.
        Kind::Internal | Kind::Resource | Kind::Cancelled => Kind::User,
        kind => kind,
    };
    json!({
        "message": failure.message, "kind": kind.name(), "retryable": failure.retryable, "detail": failure.detail,
    })
}
