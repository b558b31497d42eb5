//! Schedules: made, changed, paused, triggered, and what became of their times.

use super::tokens::PAGE;
use crate::{
    Access,
    answer::Answer,
    condition::{CHANGES, expected},
    documents,
    route::{Answering, Call, Gives, Parameter, Place, Route, Takes, route},
};
use akao_engine::steps::timestamp;
use akao_platform::{Actor, Code, Error, Permission, Platform, Preview, ScheduleSpec, ScheduleView};
use akao_store::Fire;
use serde::Deserialize;
use serde_json::{Value, json};

const COUNT: &[Parameter] =
    &[Parameter { place: Place::Query, name: "count", what: "How many times, 1 to 100; 10 usually." }];

const REFUSED: &[Code] = &[Code::NotFound, Code::InvalidInput, Code::Conflict];

pub(super) fn routes() -> Vec<Route> {
    let (read, write) = (Access::May(Permission::SchedulesRead), Access::May(Permission::SchedulesWrite));
    vec![
        route!(GET "/api/v1/schedules", read, "list_schedules", "The tenant's schedules.",
            Takes::Nothing, &[(200, Gives::Page("Schedule"))], list, parameters: PAGE),
        route!(POST "/api/v1/schedules", write, "make_schedule",
            "Makes a schedule; its executions are started in the name of whoever makes it.",
            Takes::Json("NewSchedule"), &[(201, Gives::Json("Schedule"))], make, refuses: REFUSED),
        route!(POST "/api/v1/schedules/preview", read, "preview_schedule", "The next times of an expression.",
            Takes::Json("TimesAsked"), &[(200, Gives::Json("Times"))], preview),
        route!(GET "/api/v1/schedules/{schedule}", read, "show_schedule", "A schedule.",
            Takes::Nothing, &[(200, Gives::Json("Schedule"))], show),
        route!(PUT "/api/v1/schedules/{schedule}", write, "change_schedule",
            "Changes a schedule, which is in one's own name from then on.",
            Takes::Json("NewSchedule"), &[(200, Gives::Json("Schedule"))], change, parameters: CHANGES,
            refuses: &[Code::NotFound, Code::InvalidInput, Code::Conflict, Code::Changed, Code::ConditionMissing]),
        route!(DELETE "/api/v1/schedules/{schedule}", write, "delete_schedule",
            "Takes a schedule away; what it has started goes on.",
            Takes::Nothing, &[(204, Gives::Nothing)], delete, parameters: CHANGES, refuses: &[Code::Changed]),
        route!(POST "/api/v1/schedules/{schedule}/pause", write, "pause_schedule",
            "Lets a schedule rest; times that come meanwhile are not made up for.",
            Takes::Nothing, &[(200, Gives::Json("Schedule"))], pause, parameters: CHANGES, refuses: &[Code::Changed]),
        route!(POST "/api/v1/schedules/{schedule}/resume", write, "resume_schedule",
            "Lets a schedule go on, in one's own name.",
            Takes::Nothing, &[(200, Gives::Json("Schedule"))], resume, parameters: CHANGES,
            refuses: &[Code::Changed, Code::InvalidInput]),
        route!(POST "/api/v1/schedules/{schedule}/trigger", write, "trigger_schedule",
            "Starts what the schedule starts, now and in one's own name.",
            Takes::Nothing, &[(201, Gives::Json("Started"))], trigger, refuses: &[Code::InvalidInput, Code::Conflict]),
        route!(GET "/api/v1/schedules/{schedule}/times", read, "list_times", "The next times of a schedule.",
            Takes::Nothing, &[(200, Gives::Json("Times"))], times, parameters: COUNT),
        route!(GET "/api/v1/schedules/{schedule}/fires", read, "list_fires",
            "What became of a schedule's times, newest first.",
            Takes::Nothing, &[(200, Gives::Page("Fire"))], fires, parameters: PAGE),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewScheduleBody {
    name: String,
    spec: ScheduleSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PreviewBody {
    cron: String,
    zone: Option<String>,
    count: Option<u32>,
}

fn schedule(view: &ScheduleView) -> Value {
    let row = &view.row;
    json!({
        "schedule": row.id, "name": row.name, "spec": view.spec, "user": row.account, "state": row.state,
        "reason": row.reason, "created_at": timestamp(row.created_ms), "changed_at": timestamp(row.changed_ms),
        "next_at": row.next_ms.map(timestamp),
    })
}

fn fire(fire: &Fire) -> Value {
    json!({
        "at": timestamp(fire.nominal_ms), "state": fire.state, "execution": fire.execution, "reason": fire.reason,
        "noticed_at": timestamp(fire.at_ms),
    })
}

fn times_document(preview: &Preview) -> Value {
    let time = |(at, shown): &(i64, String)| json!({"at": timestamp(*at), "local": shown});
    json!({"items": preview.times.iter().map(time).collect::<Vec<_>>()})
}

fn shown(view: &ScheduleView) -> Answer {
    Answer::json(&schedule(view)).tagged(&view.tag())
}

fn list(call: Call) -> Answering {
    Box::pin(async move {
        let page = call.query.page()?;
        let found = call.blocking(move |platform, actor| platform.schedules(actor, &page)).await?;
        Ok(Answer::json(&documents::page(&found, schedule)))
    })
}

fn make(call: Call) -> Answering {
    Box::pin(async move {
        let NewScheduleBody { name, spec } = call.json()?;
        let made = call.blocking(move |platform, actor| platform.make_schedule(actor, &name, &spec)).await?;
        let place = format!("/api/v1/schedules/{}", made.row.id);
        Ok(Answer::made(&schedule(&made), Some(place)).tagged(&made.tag()))
    })
}

fn preview(call: Call) -> Answering {
    Box::pin(async move {
        let PreviewBody { cron, zone, count } = call.json()?;
        let zone = zone.unwrap_or_else(|| "UTC".to_owned());
        let preview = call.blocking(move |platform, _| platform.preview_times(&cron, &zone, count.unwrap_or(10)));
        Ok(Answer::json(&times_document(&preview.await?)))
    })
}

fn show(call: Call) -> Answering {
    Box::pin(async move { Ok(shown(&call.about("schedule", Platform::schedule).await?)) })
}

fn change(call: Call) -> Answering {
    Box::pin(async move {
        let NewScheduleBody { name, spec } = call.json()?;
        let expected = expected(&call)?;
        let changed = call
            .about("schedule", move |platform, actor, id| platform.change_schedule(actor, id, &expected, &name, &spec));
        Ok(shown(&changed.await?))
    })
}

fn delete(call: Call) -> Answering {
    Box::pin(async move {
        let expected = expected(&call)?;
        call.about("schedule", move |platform, actor, id| platform.delete_schedule(actor, id, &expected)).await?;
        Ok(Answer::nothing())
    })
}

fn pause(call: Call) -> Answering {
    Box::pin(async move {
        let expected = expected(&call)?;
        let work = move |platform: &Platform, actor: &Actor, id: &str| platform.pause_schedule(actor, id, &expected);
        Ok(shown(&call.about("schedule", work).await?))
    })
}

fn resume(call: Call) -> Answering {
    Box::pin(async move {
        let expected = expected(&call)?;
        let work = move |platform: &Platform, actor: &Actor, id: &str| platform.resume_schedule(actor, id, &expected);
        Ok(shown(&call.about("schedule", work).await?))
    })
}

fn trigger(call: Call) -> Answering {
    Box::pin(async move {
        let starting = call.platform().trigger_schedule(call.actor()?, call.param("schedule"), call.trace.clone());
        Ok(super::executions::started(&starting.await?))
    })
}

fn times(call: Call) -> Answering {
    Box::pin(async move {
        let count = match call.query.get("count") {
            None => 10,
            Some(text) => text.parse().map_err(|_| Error::invalid("`count` is from 1 to 100"))?,
        };
        let asked = call.about("schedule", move |platform, actor, id| {
            let spec = platform.schedule(actor, id)?.spec;
            platform.preview_times(&spec.cron, &spec.zone, count)
        });
        Ok(Answer::json(&times_document(&asked.await?)))
    })
}

fn fires(call: Call) -> Answering {
    Box::pin(async move {
        let page = call.query.page()?;
        let found =
            call.about("schedule", move |platform, actor, id| platform.schedule_fires(actor, id, &page)).await?;
        Ok(Answer::json(&documents::page(&found, fire)))
    })
}
