//! The one task of a process: reads what it writes, looks after its health, ends it when its time has come, and says how
//! it ended.

use crate::{
    instance::{Doom, End, Instance},
    launch::Kill,
    lines::plain_text,
    mask::Masks,
    pool::{Inner, Look},
};
use akao_contract::{LogLevel, shortened};
use akao_rpc::{HealthStatus, RpcError};
use serde_json::Value;
use std::{
    future::pending,
    sync::{Arc, PoisonError, Weak},
    time::Duration,
};
use tokio::sync::watch;

/// A process that closed its socket has this long to end by itself.
const CLOSED_GRACE: Duration = Duration::from_millis(500);

/// What is still in the pipes of a process that is gone is read this long. Whoever holds them open from outside its
/// sandbox does not hold anything up.
const DRAIN_LIMIT: Duration = Duration::from_millis(500);

/// What is kept of what a node says of its health.
const DETAIL_BYTES_MAX: usize = 1_000;

/// Drives a process to its end.
pub(crate) async fn supervise(instance: Arc<Instance>, pool: Weak<Inner>) {
    let ended = {
        let ended = instance.process.ended();
        tokio::select! {
            ended = ended => ended,
            never = read(&instance) => match never {},
            never = watch_connection(&instance) => match never {},
            never = look_after(&instance, &pool) => match never {},
        }
    };
    let _ = tokio::time::timeout(DRAIN_LIMIT, instance.streams.read_to_end()).await;
    // What the node said before it ended is still read; then the connection ends by itself.
    let _ = tokio::time::timeout(DRAIN_LIMIT, instance.connection.closed()).await;
    let end = End { ended, doom: instance.doom() };
    instance.streams.finish();
    instance.end.send_replace(Some(end.clone()));
    instance.connection.close();
    if let Some(pool) = pool.upgrade() {
        pool.instance_ended(&instance, &end);
    }
}

/// Nothing comes back from here.
enum Never {}

async fn read(instance: &Instance) -> Never {
    instance.streams.read_to_end().await;
    pending().await
}

/// A connection that has ended is the end of the process, too.
async fn watch_connection(instance: &Instance) -> Never {
    let reason = instance.connection.closed().await;
    if reason.is_offence() && !matches!(reason, RpcError::HalfLine { .. }) {
        instance.kill(Kill::Now, Doom::Offence);
    } else {
        tokio::time::sleep(CLOSED_GRACE).await;
        // One that was asked to end may close its socket first; it has the time that it was given.
        if !*instance.retire.borrow() {
            instance.kill(Kill::Now, Doom::SocketClosed);
        }
    }
    pending().await
}

/// Looks at the process from time to time, and ends it when it is retired.
async fn look_after(instance: &Arc<Instance>, pool: &Weak<Inner>) -> Never {
    let mut retire = instance.retire.subscribe();
    let Some(interval) = pool.upgrade().map(|pool| pool.services.settings.check_interval) else {
        return end(instance, pool).await;
    };
    loop {
        let is_retired = tokio::select! {
            () = retired(&mut retire) => true,
            () = tokio::time::sleep(interval) => false,
        };
        if is_retired {
            return end(instance, pool).await;
        }
        let Some(pool) = pool.upgrade() else { return end(instance, &Weak::new()).await };
        note_memory(instance);
        if let Look::AskHealth { calls } = pool.look(instance) {
            tokio::select! {
                () = retired(&mut retire) => {}
                () = ask_health(instance, &pool, calls) => {}
            }
        }
    }
}

async fn retired(retire: &mut watch::Receiver<bool>) {
    // The sender lives in the instance.
    let _ = retire.wait_for(|retired| *retired).await;
}

/// What the process uses now.
pub(crate) fn note_memory(instance: &Instance) {
    let memory_bytes = instance.process.memory_bytes();
    let mut condition = instance.condition.lock().unwrap_or_else(PoisonError::into_inner);
    condition.memory_bytes = memory_bytes;
    condition.memory_bytes_first = condition.memory_bytes_first.or(memory_bytes);
}

/// Asks an idle node how it feels. `calls` is how many it had been given before.
async fn ask_health(instance: &Arc<Instance>, pool: &Arc<Inner>, calls: u64) {
    let answer = instance.connection.health(pool.services.settings.health_limit).await;
    let (health, detail) = match answer {
        Ok(answer) => (answer.status, shown_detail(answer.detail, &instance.masks)),
        // A node that does one thing at a time answers late when a call came meanwhile; that says nothing.
        Err(RpcError::TimedOut { .. }) if pool.calls_of(instance) != Some(calls) => return,
        Err(error) => (HealthStatus::Unhealthy, shown_detail(error.to_string().into(), &instance.masks)),
    };
    let before = {
        let mut condition = instance.condition.lock().unwrap_or_else(PoisonError::into_inner);
        condition.detail = detail.clone();
        condition.health.replace(health)
    };
    let package = &pool.spec.package;
    match health {
        HealthStatus::Healthy => {}
        HealthStatus::Degraded if before == Some(HealthStatus::Degraded) => {}
        HealthStatus::Degraded => {
            instance.streams.tell(LogLevel::Warn, format!("the node says that it is degraded: {detail}"));
            tracing::warn!(%package, process = instance.process.id(), %detail, "a node is degraded");
        }
        HealthStatus::Unhealthy => {
            instance.streams.tell(LogLevel::Warn, format!("the node is unhealthy and is replaced: {detail}"));
            tracing::warn!(%package, process = instance.process.id(), %detail, "a node is unhealthy and is replaced");
            pool.unhealthy(instance);
        }
    }
}

/// What a node says of its health as it may be kept and shown: secrets covered, nothing that steers a terminal, short.
fn shown_detail(detail: Value, masks: &Masks) -> Value {
    match detail {
        Value::String(text) => masks.shortened(plain_text(text), DETAIL_BYTES_MAX).into(),
        other => {
            let detail = masks.value(other);
            let text = detail.to_string();
            let is_plain = plain_text(text.clone()) == text;
            match is_plain && text.len() <= DETAIL_BYTES_MAX {
                true => detail,
                false => shortened(plain_text(text), DETAIL_BYTES_MAX).into(),
            }
        }
    }
}

/// `node.shutdown`, SIGTERM, SIGKILL. The end itself is seen elsewhere.
async fn end(instance: &Instance, pool: &Weak<Inner>) -> Never {
    let settings = pool.upgrade().map(|pool| pool.services.settings.clone()).unwrap_or_default();
    let begun = tokio::time::Instant::now();
    // Whatever it answers, its end is what counts.
    let _ = instance.connection.shutdown(settings.shutdown_grace, settings.shutdown_grace).await;
    tokio::time::sleep_until(begun + settings.shutdown_grace).await;
    instance.kill(Kill::Ask, Doom::Retired);
    tokio::time::sleep(settings.terminate_grace).await;
    instance.kill(Kill::Now, Doom::Retired);
    pending().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_node_says_of_its_health_is_short_plain_and_covered() {
        let masks = Masks::default();
        masks.add("hunter2-hunter2");
        let cases = [
            (json!("fine"), json!("fine")),
            (json!(null), json!(null)),
            (json!({"token": "hunter2-hunter2", "runs": 3}), json!({"token": "***", "runs": 3})),
            (json!("\u{1b}[31mhunter2-hunter2"), json!("***")),
            (json!(["\u{202e}x"]), json!("[\"x\"]")),
        ];
        for (said, shown) in cases {
            assert_eq!(shown_detail(said, &masks), shown);
        }
        for long in [json!("x".repeat(1 << 20)), json!({"a": vec![1; 100_000]})] {
            let shown = shown_detail(long, &masks);
            assert!(shown.as_str().is_some_and(|text| text.len() <= DETAIL_BYTES_MAX + '…'.len_utf8()), "{shown}");
        }
        let cut = format!("{}hunter2-hunter2", "x".repeat(DETAIL_BYTES_MAX - 8));
        assert!(!shown_detail(cut.into(), &masks).to_string().contains("hunt"));
    }
}
