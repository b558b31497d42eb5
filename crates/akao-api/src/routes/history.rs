//! What the steps of an execution wrote, and the queue.

use super::tokens::{CURSOR, LIMIT};
use crate::{
    Access,
    answer::Answer,
    documents,
    route::{Answering, Call, Gives, Parameter, Place, Route, Takes, route},
};
use akao_contract::LogLevel;
use akao_engine::{QueueEntry, steps::timestamp};
use akao_platform::{Code, Error, LogEntry, LogList, Permission};
use serde_json::{Value, json};

const LEVELS: [LogLevel; 4] = [LogLevel::Debug, LogLevel::Info, LogLevel::Warn, LogLevel::Error];

const LOGS: &[Parameter] = &[
    LIMIT,
    CURSOR,
    Parameter { place: Place::Query, name: "level", what: "At least debug, info, warn or error." },
    Parameter { place: Place::Query, name: "search", what: "Lines with this text; upper and lower case are equal." },
    Parameter { place: Place::Query, name: "step", what: "Lines of the step with this address." },
];

pub(super) fn routes() -> Vec<Route> {
    let read = Access::May(Permission::ExecutionsRead);
    vec![
        route!(GET "/api/v1/executions/{execution}/logs", read, "list_logs",
            "The lines that the steps of an execution wrote, in their order.",
            Takes::Nothing, &[(200, Gives::Page("LogLine"))], logs, parameters: LOGS, refuses: &[Code::Quarantined]),
        route!(GET "/api/v1/queue", read, "queue", "What of the tenant waits for its turn.",
            Takes::Nothing, &[(200, Gives::Json("Queue"))], queue),
        route!(DELETE "/api/v1/queue/{execution}", Access::May(Permission::ExecutionsSteer), "leave_queue",
            "Takes an execution out of the queue; it never begins.",
            Takes::Nothing, &[(204, Gives::Nothing)], leave, refuses: &[Code::Conflict]),
    ]
}

fn line(entry: &LogEntry) -> Value {
    json!({
        "place": entry.place.to_string(), "at": timestamp(entry.at_ms), "step": entry.step, "level": entry.level,
        "message": entry.message,
    })
}

fn logs(call: Call) -> Answering {
    Box::pin(async move {
        let level = call.query.get("level").map(|text| {
            let found = LEVELS.into_iter().find(|level| level.as_str() == text);
            found.ok_or_else(|| Error::invalid("`level` is `debug`, `info`, `warn` or `error`"))
        });
        let wanted = LogList {
            level: level.transpose()?,
            search: call.query.get("search").map(str::to_owned),
            step: call.query.get("step").map(str::to_owned),
        };
        let (id, page) = (call.param("execution").to_owned(), call.query.page()?);
        let found = call.blocking(move |platform, actor| platform.logs(actor, &id, &wanted, &page)).await?;
        Ok(Answer::json(&documents::page(&found, line)))
    })
}

/// What waits, as a document.
pub(crate) fn waiting(entries: &[QueueEntry], limit: u64) -> Value {
    let entry = |entry: &QueueEntry| {
        json!({
            "id": entry.id, "type": entry.kind, "target": entry.target, "action": entry.action,
            "enqueued_at": timestamp(entry.enqueued_at), "position": entry.position, "key": entry.key,
        })
    };
    json!({"items": entries.iter().map(entry).collect::<Vec<_>>(), "limit": limit})
}

fn queue(call: Call) -> Answering {
    Box::pin(async move {
        let (entries, limit) = call.platform().queue(call.actor()?).await?;
        Ok(Answer::json(&waiting(&entries, limit)))
    })
}

fn leave(call: Call) -> Answering {
    Box::pin(async move {
        call.platform().leave_queue(call.actor()?, call.param("execution")).await?;
        Ok(Answer::nothing())
    })
}
