//! Promises that were rejected and that nobody handles. As in Node.js, they fail the run.

use rquickjs::{Ctx, Persistent, Runtime, Value};
use std::{cell::RefCell, rc::Rc};

type Kept = Persistent<Value<'static>>;

/// Each promise with its reason.
#[derive(Clone, Default)]
pub(crate) struct Rejections(Rc<RefCell<Vec<(Kept, Kept)>>>);

impl Rejections {
    /// Has the runtime tell of rejections.
    pub(crate) fn watch(&self, runtime: &Runtime) {
        let this = self.clone();
        runtime.set_host_promise_rejection_tracker(Some(Box::new(move |ctx, promise, reason, is_handled| {
            let promise = Persistent::save(&ctx, promise);
            let mut open = this.0.borrow_mut();
            if is_handled {
                open.retain(|(other, _)| *other != promise);
            } else {
                open.push((promise, Persistent::save(&ctx, reason)));
            }
        })));
    }

    /// The reason of the oldest one.
    pub(crate) fn first<'js>(&self, ctx: &Ctx<'js>) -> Option<Value<'js>> {
        let reason = self.0.borrow().first()?.1.clone();
        reason.restore(ctx).ok()
    }

    /// Lets go of everything, which must be before the runtime ends.
    pub(crate) fn clear(&self) {
        // Dropped after the borrow: what is dropped may tell of more.
        let open = std::mem::take(&mut *self.0.borrow_mut());
        drop(open);
    }
}
