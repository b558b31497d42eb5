//! Schemas of what runs steps.

use super::{Named, list, number, object, or_null, reference, text, truth, words};

pub(super) fn schemas() -> Named {
    let bound = or_null(&number());
    let pool =
        [("package", text()), ("processes", number()), ("busy", number()), ("waiting", number()), ("stopped", truth())];
    let share = [
        ("cpu_millis", bound.clone()),
        ("memory_bytes", bound.clone()),
        ("executions", object(&[("running", number()), ("queued", number()), ("max", bound.clone())])),
        ("steps", object(&[("running", number()), ("max", bound)])),
        ("pools", list(object(&pool))),
    ];
    let runner = [
        ("id", text()),
        ("state", words(["ready", "ending"])),
        ("version", text()),
        ("isolation", or_null(&words(["T0", "T1", "T2", "T3"]))),
        ("tenant", reference("RunnerShare")),
        ("server", or_null(&reference("RunnerShare"))),
    ];
    vec![
        ("RunnerShare", object(&share)),
        ("Runner", object(&runner)),
        ("Runners", object(&[("items", list(reference("Runner")))])),
    ]
}
