//! Executions: started, listed, looked at, steered, followed.

use super::tokens::{CURSOR, LIMIT, PAGE};
use crate::{
    Access,
    answer::Answer,
    documents, guard,
    route::{Answering, Call, Gives, Parameter, Place, Route, Takes, route},
    stream,
};
use akao_contract::ExecutionStatus;
use akao_flow::Breakpoint;
use akao_platform::{Code, Cursor, Error, ExecutionList, Permission, Start, Started, Steer};
use axum::http::{HeaderName, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

const KEY: &[Parameter] = &[Parameter {
    place: Place::Header,
    name: "Idempotency-Key",
    what: "The same key with the same request does it once, however often it is sent.",
}];

const LIST: &[Parameter] = &[
    LIMIT,
    CURSOR,
    Parameter { place: Place::Query, name: "status", what: "A state; may come again." },
    Parameter { place: Place::Query, name: "workflow", what: "The id of a workflow." },
    Parameter {
        place: Place::Query,
        name: "text",
        what: "Part of a workflow's id, or the beginning of an execution's.",
    },
    Parameter { place: Place::Query, name: "since", what: "Started at or after this time." },
    Parameter { place: Place::Query, name: "until", what: "Started before this time." },
    Parameter { place: Place::Query, name: "parent", what: "Started by this execution." },
];

const EVENTS: &[Parameter] = &[
    Parameter { place: Place::Header, name: "Last-Event-ID", what: "The id of the last event that was seen." },
    Parameter {
        place: Place::Query,
        name: "live",
        what: "`true` tells lines while their step runs; otherwise they come with its end.",
    },
];

const RECORD: &[Parameter] =
    &[Parameter { place: Place::Query, name: "from", what: "The number of the first event that is wanted; 0 is all." }];

const STEER: &[Code] = &[Code::Conflict, Code::Quarantined];

const FOLLOW: &[Code] = &[Code::Conflict, Code::Quarantined, Code::TooMany];

pub(super) fn routes() -> Vec<Route> {
    let (read, steer) = (Access::May(Permission::ExecutionsRead), Access::May(Permission::ExecutionsSteer));
    vec![
        route!(POST "/api/v1/executions", Access::May(Permission::ExecutionsStart), "start_execution",
            "Starts a workflow. What is answered survives the end of the process.",
            Takes::Json("Start"), &[(201, Gives::Json("Started")), (200, Gives::Json("Started"))], start,
            parameters: KEY, refuses: &[Code::NotFound, Code::InvalidInput, Code::Conflict, Code::KeyReused, Code::TooMany]),
        route!(GET "/api/v1/executions", read, "list_executions", "The tenant's executions, newest first.",
            Takes::Nothing, &[(200, Gives::Page("Execution"))], list, parameters: LIST),
        route!(GET "/api/v1/executions/{execution}", read, "show_execution", "An execution.",
            Takes::Nothing, &[(200, Gives::Json("Execution"))], show),
        route!(DELETE "/api/v1/executions/{execution}", Access::May(Permission::ExecutionsRemove), "remove_execution",
            "Removes an execution that has ended, with its record. The key of its start is free again.",
            Takes::Nothing, &[(204, Gives::Nothing)], remove, refuses: STEER),
        route!(GET "/api/v1/executions/{execution}/steps", read, "list_steps",
            "The steps of an execution, by address.",
            Takes::Nothing, &[(200, Gives::Page("Step"))], steps, parameters: PAGE, refuses: STEER),
        route!(GET "/api/v1/executions/{execution}/events", read, "follow_execution",
            "The events of an execution, from the beginning or behind the last one that was seen, to its end.",
            Takes::Nothing, &[(200, Gives::Events), (204, Gives::Nothing)], events,
            parameters: EVENTS, refuses: FOLLOW),
        route!(GET "/api/v1/executions/{execution}/record", read, "export_execution",
            "The whole record of an execution, as lines of JSON that `akao executions import` takes; or what follows an event.",
            Takes::Nothing, &[(200, Gives::Text("application/x-ndjson"))], record, parameters: RECORD, refuses: STEER),
        route!(POST "/api/v1/executions/{execution}/cancel", steer, "cancel_execution", "Asks an execution to end.",
            Takes::Json("Cancel"), &[(204, Gives::Nothing)], cancel, refuses: STEER),
        route!(POST "/api/v1/executions/{execution}/pause", steer, "pause_execution", "Starts nothing new.",
            Takes::Nothing, &[(204, Gives::Nothing)], pause, refuses: STEER),
        route!(POST "/api/v1/executions/{execution}/resume", steer, "resume_execution", "Goes on.",
            Takes::Nothing, &[(204, Gives::Nothing)], resume, refuses: STEER),
        route!(POST "/api/v1/executions/{execution}/signal", steer, "signal_execution", "Sends a signal.",
            Takes::Json("Signal"), &[(204, Gives::Nothing)], signal, parameters: KEY,
            refuses: &[Code::Conflict, Code::Quarantined, Code::KeyReused]),
        route!(POST "/api/v1/executions/{execution}/fork", steer, "fork_execution",
            "Starts a new execution from the state before a step.",
            Takes::Json("Fork"), &[(201, Gives::Json("Forked"))], fork,
            refuses: &[Code::Conflict, Code::Quarantined, Code::TooMany]),
        route!(POST "/api/v1/executions/{execution}/replay", read, "replay_execution",
            "Replays the history and holds every decision against the recorded one.",
            Takes::Nothing, &[(200, Gives::Json("Replayed"))], replay, refuses: STEER),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StartBody {
    workflow: String,
    version: Option<String>,
    #[serde(default)]
    input: Map<String, Value>,
    #[serde(default)]
    grants: Vec<String>,
    #[serde(default)]
    debug: bool,
    #[serde(default)]
    breakpoints: Vec<Breakpoint>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CancelBody {
    reason: Option<String>,
    #[serde(default)]
    force: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignalBody {
    name: String,
    key: Option<String>,
    #[serde(default)]
    payload: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ForkBody {
    at: String,
    #[serde(default)]
    edits: Vec<EditBody>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EditBody {
    path: String,
    value: Value,
}

fn start(call: Call) -> Answering {
    Box::pin(async move {
        let StartBody { workflow, version, input, grants, debug, breakpoints } = call.json()?;
        let key = call.header(&IDEMPOTENCY_KEY)?.map(str::to_owned);
        let input = Value::Object(input);
        let start = Start { workflow, version, input, grants, debug, breakpoints, key, trace: call.trace.clone() };
        Ok(started(&call.platform().start(call.actor()?, start).await?))
    })
}

/// The answer to a start.
pub(super) fn started(started: &Started) -> Answer {
    let document = json!({
        "execution": started.execution, "status": started.status, "repeated": started.repeated,
        "position": started.position, "warnings": started.warnings,
    });
    let place = format!("/api/v1/executions/{}", started.execution);
    let status = if started.repeated { StatusCode::OK } else { StatusCode::CREATED };
    Answer::made(&document, Some(place)).status(status)
}

fn list(call: Call) -> Answering {
    Box::pin(async move {
        let parent = call.query.get("parent").map(str::parse).transpose();
        let wanted = ExecutionList {
            statuses: call.query.execution_statuses()?,
            workflow: call.query.get("workflow").map(str::to_owned),
            text: call.query.get("text").map(str::to_owned),
            since_ms: call.query.time("since")?,
            until_ms: call.query.time("until")?,
            parent: parent.map_err(|error: akao_contract::IdError| Error::invalid(error.to_string()))?,
        };
        let page = call.query.page()?;
        let found = call.blocking(move |platform, actor| platform.executions(actor, &wanted, &page)).await?;
        Ok(Answer::json(&documents::page(&found, documents::execution)))
    })
}

fn show(call: Call) -> Answering {
    Box::pin(async move {
        let row = call.platform().execution(call.actor()?, call.param("execution"))?;
        match row.status {
            ExecutionStatus::Failure | ExecutionStatus::Cancelled => {
                Ok(Answer::json(&documents::named_execution(call.platform(), &row).await))
            }
            _ => Ok(Answer::json(&documents::execution_document(&row))),
        }
    })
}

fn remove(call: Call) -> Answering {
    Box::pin(async move {
        call.platform().remove_execution(call.actor()?, call.param("execution")).await?;
        Ok(Answer::nothing())
    })
}

fn steps(call: Call) -> Answering {
    Box::pin(async move {
        let (id, page) = (call.param("execution").to_owned(), call.query.page()?);
        let work = move |platform: &akao_platform::Platform, actor: &akao_platform::Actor| {
            let steps = platform.steps(actor, &id)?;
            page.of_all(steps.begun(), |(address, _)| address.to_string())
                .map(|found| documents::page(&found, |(address, step)| documents::step(address, step)))
        };
        Ok(Answer::json(&call.blocking(work).await?))
    })
}

fn record(call: Call) -> Answering {
    Box::pin(async move {
        let from = call.query.get("from").unwrap_or("0");
        let from = from.parse().map_err(|_| Error::invalid("`from` is the number of an event"))?;
        let id = call.param("execution").to_owned();
        let text = call.blocking(move |platform, actor| platform.record(actor, &id, from)).await?;
        Ok(Answer::text("application/x-ndjson", text))
    })
}

fn events(call: Call) -> Answering {
    Box::pin(async move {
        let after: Option<Cursor> = call.header(&LAST_EVENT_ID)?.map(str::parse).transpose()?;
        let (id, live) = (call.param("execution").to_owned(), call.query.truth("live")?);
        let credential = guard::credential(&call.app.settings, &call.headers)?;
        let place = stream::enter(&call.app, call.actor()?)?;
        let work = move |platform: &akao_platform::Platform, actor: &akao_platform::Actor| {
            let mut events = platform.events(actor, &id, after, live)?;
            let over = after.is_some() && events.is_over()?;
            Ok((events, over))
        };
        let (events, over) = call.blocking(work).await?;
        if over {
            // The answer that ends the attempts of a browser to come back.
            return Ok(Answer::nothing());
        }
        Ok(Answer::stream("text/event-stream", stream::body(place, events, credential)))
    })
}

async fn steer(call: &Call, steer: Steer) -> Result<Option<akao_contract::ExecutionId>, Error> {
    call.platform().steer(call.actor()?, call.param("execution"), steer).await
}

fn cancel(call: Call) -> Answering {
    Box::pin(async move {
        let CancelBody { reason, force } = call.json()?;
        steer(&call, Steer::Cancel { reason, force }).await?;
        Ok(Answer::nothing())
    })
}

fn pause(call: Call) -> Answering {
    Box::pin(async move {
        steer(&call, Steer::Pause).await?;
        Ok(Answer::nothing())
    })
}

fn resume(call: Call) -> Answering {
    Box::pin(async move {
        steer(&call, Steer::Resume).await?;
        Ok(Answer::nothing())
    })
}

fn signal(call: Call) -> Answering {
    Box::pin(async move {
        let SignalBody { name, key, payload } = call.json()?;
        let id = call.header(&IDEMPOTENCY_KEY)?.map(str::to_owned);
        steer(&call, Steer::Signal { name, key, payload, id }).await?;
        Ok(Answer::nothing())
    })
}

fn fork(call: Call) -> Answering {
    Box::pin(async move {
        let ForkBody { at, edits } = call.json()?;
        let edits = edits.into_iter().map(|edit| (edit.path, edit.value)).collect();
        let made = steer(&call, Steer::Fork { at, edits, trace: call.trace.clone() }).await?;
        let place = made.map(|id| format!("/api/v1/executions/{id}"));
        Ok(Answer::made(&json!({"execution": made}), place))
    })
}

fn replay(call: Call) -> Answering {
    Box::pin(async move {
        let id = call.param("execution").to_owned();
        let events = call.blocking(move |platform, actor| platform.replay(actor, &id)).await?;
        Ok(Answer::json(&json!({"events": events, "equal": true})))
    })
}
