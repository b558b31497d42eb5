//! Reading one execution over fifty connections: authentication, permission and a row of the journal, against a bare handler
//! that answers the same bytes.

use super::{
    bare::Bare,
    load::load,
    program::{Program, named},
};
use crate::{
    Ground,
    row::{Goal, Row},
};
use std::time::Duration;

const CONNECTIONS: usize = 50;

pub(super) fn read(ground: &Ground) -> Vec<Row> {
    let Some(akao) = named(ground, "read of an execution") else { return Vec::new() };
    let time = Duration::from_secs(if ground.quick { 3 } else { 15 });
    let server = Program::start(&akao);
    let readable = server.with_execution();
    let bare = Bare::new(&readable.document);
    let request = |path: &str, address: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\r\n", readable.token)
    };
    let id = &readable.execution;
    let bare_request = request(&format!("/document/{id}"), &bare.address);
    let own_request = request(&format!("/api/v1/executions/{id}"), &server.address);
    // The floor before and after, so that a drift of the machine does not look like a figure.
    let before = load(&bare.address, &bare_request, CONNECTIONS, time / 2);
    let own = load(&server.address, &own_request, CONNECTIONS, time);
    let after = load(&bare.address, &bare_request, CONNECTIONS, time / 2);
    let mean = |a: f64, b: f64| f64::midpoint(a, b);
    let (floor, floor_p99) = (mean(before.per_second, after.per_second), mean(before.p99_us, after.p99_us));
    vec![
        Row::new(
            "reads of an execution per second, 50 connections",
            own.per_second,
            "reads/s",
            Some((floor, "a bare axum handler with the same bytes")),
            Goal::RatioAtLeast(0.6),
            ground.quick,
        ),
        Row::new(
            "the same, p99",
            own.p99_us,
            "µs",
            Some((floor_p99, "the bare handler, p99 µs")),
            Goal::RatioAtMost(1.5),
            ground.quick,
        ),
    ]
}
