//! The debugger of an execution: looked at, stopped, stepped, changed. And what an editor checks workflows against.

use crate::{
    Access,
    answer::Answer,
    documents,
    route::{Answering, Call, Gives, Parameter, Place, Route, Takes, route},
};
use akao_contract::Address;
use akao_flow::{Breakpoint, StepMode};
use akao_platform::{Code, Debug, Error, Permission, Values};
use serde::Deserialize;
use serde_json::{Value, json};

const STEP: &[Parameter] = &[Parameter {
    place: Place::Query,
    name: "at",
    what: "The address of a step, or the id of a node, whose latest step is meant.",
}];

const LOOK: &[Parameter] = &[
    Parameter { place: Place::Query, name: "at", what: "The address of the step that looks; the root otherwise." },
    Parameter {
        place: Place::Query,
        name: "event",
        what: "After this event of the history, counted from 0; otherwise as it is now.",
    },
];

const CLEAR: &[Parameter] = &[Parameter { place: Place::Query, name: "at", what: "The place of the breakpoint." }];

const REFUSES: &[Code] = &[Code::Conflict, Code::Quarantined];

pub(super) fn routes() -> Vec<Route> {
    let (read, steer) = (Access::May(Permission::ExecutionsRead), Access::May(Permission::ExecutionsSteer));
    vec![
        route!(GET "/api/v1/executions/{execution}/step", read, "show_step",
            "One step of an execution, with all that is known of it.",
            Takes::Nothing, &[(200, Gives::Json("Step"))], step, parameters: STEP, refuses: REFUSES),
        route!(GET "/api/v1/executions/{execution}/values", read, "show_values",
            "The values of an execution, now or after an event of its history.",
            Takes::Nothing, &[(200, Gives::Json("Values"))], values, parameters: LOOK, refuses: REFUSES),
        route!(POST "/api/v1/executions/{execution}/values", steer, "set_value",
            "Changes a value of an execution that is held.",
            Takes::Json("SetValue"), &[(204, Gives::Nothing)], set, refuses: REFUSES),
        route!(POST "/api/v1/executions/{execution}/breakpoints", steer, "set_breakpoint", "Stops an execution at a place.",
            Takes::Json("Breakpoint"), &[(204, Gives::Nothing)], set_breakpoint, refuses: REFUSES),
        route!(DELETE "/api/v1/executions/{execution}/breakpoints", steer, "clear_breakpoint",
            "Stops an execution at a place no more.",
            Takes::Nothing, &[(204, Gives::Nothing)], clear_breakpoint, parameters: CLEAR, refuses: REFUSES),
        route!(POST "/api/v1/executions/{execution}/go", steer, "go_on",
            "Lets an execution that is held go on, as far as it is said.",
            Takes::Json("Go"), &[(204, Gives::Nothing)], go, refuses: REFUSES),
        route!(GET "/api/v1/catalogue", Access::May(Permission::WorkflowsRead), "catalogue",
            "The node types that workflows are checked against, each with everything that it declares.",
            Takes::Nothing, &[(200, Gives::Json("Catalogue"))], catalogue),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetBody {
    path: String,
    value: Value,
    at: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BreakpointBody {
    at: String,
    condition: Option<String>,
    #[serde(default)]
    once: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GoBody {
    mode: StepMode,
}

fn address(text: Option<&str>) -> Result<Option<Address>, Error> {
    let read =
        |text: &str| text.parse().map_err(|error: akao_contract::AddressError| Error::invalid(error.to_string()));
    text.map(read).transpose()
}

fn step(call: Call) -> Answering {
    Box::pin(async move {
        let (id, at) = (call.param("execution").to_owned(), call.query.needed("at")?.to_owned());
        let (address, step) = call.blocking(move |platform, actor| platform.step(actor, &id, &at)).await?;
        Ok(Answer::json(&documents::step(&address, &step)))
    })
}

fn values(call: Call) -> Answering {
    Box::pin(async move {
        let id = call.param("execution").to_owned();
        let at = address(call.query.get("at"))?;
        let number = |text: &str| {
            text.parse().map_err(|_| Error::invalid("`event` is the number of an event of the history, from 0"))
        };
        let event: Option<u64> = call.query.get("event").map(number).transpose()?;
        let seen = call.blocking(move |platform, actor| platform.values(actor, &id, at.as_ref(), event)).await?;
        Ok(Answer::json(&document(&seen)))
    })
}

fn document(seen: &Values) -> Value {
    let held = seen.held.iter().map(|held| json!({"step": held.step, "id": held.id, "reason": held.reason}));
    json!({
        "values": seen.values, "held": held.collect::<Vec<_>>(), "breakpoints": seen.breakpoints, "status": seen.status,
    })
}

async fn debug(call: &Call, debug: Debug) -> Result<Answer, Error> {
    call.platform().debug(call.actor()?, call.param("execution"), debug).await?;
    Ok(Answer::nothing())
}

fn set(call: Call) -> Answering {
    Box::pin(async move {
        let SetBody { path, value, at } = call.json()?;
        debug(&call, Debug::Set { path, value, at: address(at.as_deref())? }).await
    })
}

fn set_breakpoint(call: Call) -> Answering {
    Box::pin(async move {
        let BreakpointBody { at, condition, once } = call.json()?;
        debug(&call, Debug::Break(Breakpoint { at, condition, once })).await
    })
}

fn clear_breakpoint(call: Call) -> Answering {
    Box::pin(async move {
        let at = call.query.needed("at")?.to_owned();
        debug(&call, Debug::Clear { at }).await
    })
}

fn go(call: Call) -> Answering {
    Box::pin(async move {
        let GoBody { mode } = call.json()?;
        debug(&call, Debug::Go(mode)).await
    })
}

fn catalogue(call: Call) -> Answering {
    Box::pin(async move {
        let types = call.blocking(|platform, _| platform.node_types(None)).await?;
        Ok(Answer::json(&json!({"items": types})))
    })
}
