//! Runs scripts for tests and keeps what they tell.

#![allow(dead_code, reason = "each test file uses its part")]

use akao_javascript::{Host, Limits, run};
use akao_node::{Failure, Level, Value};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::{Duration, Instant},
};

/// Whoever asked: keeps the log and the progress.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) lines: RefCell<Vec<(Level, String)>>,
    pub(crate) progress: RefCell<Vec<(Option<f64>, String)>>,
    pub(crate) is_cancelled: Cell<bool>,
}

impl Host for Told {
    fn log(&self, level: Level, line: &str) {
        self.lines.borrow_mut().push((level, line.to_owned()));
    }

    fn progress(&self, fraction: Option<f64>, message: &str) {
        self.progress.borrow_mut().push((fraction, message.to_owned()));
        if message == "cancel me" {
            self.is_cancelled.set(true);
        }
    }

    fn is_cancelled(&self) -> bool {
        self.is_cancelled.get()
    }
}

/// What a run may take in a test.
pub(crate) fn limits(memory_bytes: u64, time: Duration) -> Limits {
    Limits { memory_bytes, result_bytes: 1_000_000, deadline: Some(Instant::now() + time) }
}

/// Runs a script with ample room.
pub(crate) fn outcome(script: &str, inputs: Value) -> (Result<Value, Failure>, Rc<Told>) {
    let told = Rc::new(Told::default());
    let Value::Object(inputs) = inputs else { panic!("inputs are an object") };
    let ended = run(script, &inputs, limits(256_000_000, Duration::from_secs(20)), told.clone());
    (ended, told)
}

/// The result of a script without inputs.
pub(crate) fn result(script: &str) -> Value {
    outcome(script, Value::Object(Default::default())).0.unwrap_or_else(|failure| panic!("{script}\n{failure:?}"))
}

/// The failure of a script without inputs.
pub(crate) fn failure(script: &str) -> Failure {
    match outcome(script, Value::Object(Default::default())).0 {
        Err(failure) => failure,
        Ok(result) => panic!("{script}\ngave {result}"),
    }
}
