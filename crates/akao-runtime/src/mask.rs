//! Covers the secrets that a process asked for in whatever comes out of it. The engine covers those that a step's props
//! hold; of these it does not know.

use akao_contract::{Outcome, StepError};
use akao_step::{Secret, SecretMask};
use serde_json::Value;
use std::{
    borrow::Cow,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// The secrets of one process, for as long as it lives.
#[derive(Default)]
pub(crate) struct Masks {
    has_some: AtomicBool,
    known: Mutex<(Vec<Secret>, Arc<SecretMask>)>,
}

impl Masks {
    /// Covers this value too, before the node learns it.
    pub(crate) fn add(&self, value: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0.iter().all(|secret| secret.expose() != value) {
            known.0.push(Secret::new(value));
            known.1 = Arc::new(SecretMask::new(known.0.iter().map(Secret::expose)));
            self.has_some.store(true, Ordering::Release);
        }
    }

    fn current(&self) -> Option<Arc<SecretMask>> {
        if !self.has_some.load(Ordering::Acquire) {
            return None;
        }
        Some(Arc::clone(&self.known.lock().unwrap_or_else(PoisonError::into_inner).1))
    }

    pub(crate) fn text(&self, text: String) -> String {
        match self.current() {
            None => text,
            Some(mask) => match mask.text(&text) {
                Cow::Owned(masked) => masked,
                Cow::Borrowed(_) => text,
            },
        }
    }

    /// Covers and cuts, in this order: a secret that the cut divides would not be found any more.
    pub(crate) fn shortened(&self, text: String, bytes_max: usize) -> String {
        akao_contract::shortened(self.text(text), bytes_max)
    }

    pub(crate) fn value(&self, mut value: Value) -> Value {
        if let Some(mask) = self.current() {
            mask.value(&mut value);
        }
        value
    }

    pub(crate) fn error(&self, mut error: StepError) -> StepError {
        if let Some(mask) = self.current() {
            Self::cover(&mask, &mut error);
        }
        error
    }

    fn cover(mask: &SecretMask, error: &mut StepError) {
        error.message = mask.text(&error.message).into_owned();
        mask.value(&mut error.detail);
    }

    pub(crate) fn outcome(&self, mut outcome: Outcome) -> Outcome {
        if let Some(mask) = self.current() {
            mask.object(&mut outcome.outputs);
            mask.object(&mut outcome.writes);
            for line in &mut outcome.logs {
                line.message = mask.text(&line.message).into_owned();
            }
            if let Some(error) = &mut outcome.error {
                Self::cover(&mask, error);
            }
        }
        outcome
    }
}
