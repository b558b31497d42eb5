//! Webhooks, and their deliveries.

use super::{
    hooks::RotateBody,
    tokens::{CURSOR, LIMIT, PAGE},
};
use crate::{
    Access,
    answer::Answer,
    condition::{CHANGES, expected},
    documents,
    route::{Answering, Call, Gives, Parameter, Place, Route, Takes, route},
};
use akao_engine::steps::timestamp;
use akao_platform::{Actor, Code, Error, Permission, Platform, WebhookMade, WebhookSpec, WebhookView};
use akao_store::Delivery;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

const DELIVERIES: &[Parameter] =
    &[LIMIT, CURSOR, Parameter { place: Place::Query, name: "state", what: "pending, delivered or dead." }];

pub(super) fn routes() -> Vec<Route> {
    let (read, write) = (Access::May(Permission::WebhooksRead), Access::May(Permission::WebhooksWrite));
    vec![
        route!(GET "/api/v1/webhooks", read, "list_webhooks", "Addresses that are told of executions.",
            Takes::Nothing, &[(200, Gives::Page("Webhook"))], list, parameters: PAGE),
        route!(POST "/api/v1/webhooks", write, "make_webhook",
            "Tells an address of executions from now on, by Standard Webhooks; the secret is shown once.",
            Takes::Json("NewWebhook"), &[(201, Gives::Json("WebhookMade"))], make, refuses: &[Code::Conflict]),
        route!(GET "/api/v1/webhooks/{webhook}", read, "show_webhook", "A webhook.",
            Takes::Nothing, &[(200, Gives::Json("Webhook"))], show),
        route!(PUT "/api/v1/webhooks/{webhook}", write, "change_webhook", "Changes a webhook; its secret stays.",
            Takes::Json("NewWebhook"), &[(200, Gives::Json("Webhook"))], change, parameters: CHANGES,
            refuses: &[Code::Changed, Code::ConditionMissing]),
        route!(DELETE "/api/v1/webhooks/{webhook}", write, "delete_webhook", "Takes a webhook and its deliveries away.",
            Takes::Nothing, &[(204, Gives::Nothing)], delete, parameters: CHANGES, refuses: &[Code::Changed]),
        route!(POST "/api/v1/webhooks/{webhook}/pause", write, "pause_webhook",
            "Tells nothing any more; what is under way waits.",
            Takes::Nothing, &[(200, Gives::Json("Webhook"))], pause, parameters: CHANGES, refuses: &[Code::Changed]),
        route!(POST "/api/v1/webhooks/{webhook}/resume", write, "resume_webhook",
            "Tells again, also after it was disabled.",
            Takes::Nothing, &[(200, Gives::Json("Webhook"))], resume, parameters: CHANGES, refuses: &[Code::Changed]),
        route!(POST "/api/v1/webhooks/{webhook}/rotate", write, "rotate_webhook",
            "Gives a webhook a new secret, shown once; deliveries are signed by both for a while, and until then `replace_old` alone gives a further one.",
            Takes::Json("Rotate"), &[(200, Gives::Json("WebhookMade"))], rotate, parameters: CHANGES,
            refuses: &[Code::Changed, Code::Conflict]),
        route!(GET "/api/v1/webhooks/{webhook}/deliveries", read, "list_deliveries",
            "What was told, or is to be, newest first.",
            Takes::Nothing, &[(200, Gives::Page("Delivery"))], deliveries, parameters: DELIVERIES),
        route!(POST "/api/v1/webhooks/{webhook}/deliveries/{delivery}/redeliver", write, "redeliver",
            "Sends a delivery again, under its own id.",
            Takes::Nothing, &[(202, Gives::Json("Delivery"))], redeliver, refuses: &[Code::Conflict]),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewWebhookBody {
    name: String,
    spec: WebhookSpec,
}

fn webhook(actor: &Actor, view: &WebhookView) -> Value {
    let row = &view.row;
    json!({
        "webhook": row.id, "name": row.name, "spec": view.spec_for(actor), "user": row.account, "state": row.state,
        "reason": row.reason, "failing_since": row.failing_since_ms.map(timestamp),
        "created_at": timestamp(row.created_ms), "changed_at": timestamp(row.changed_ms),
        "old_secret_until": row.old_until_ms.map(timestamp),
    })
}

fn delivery(row: &Delivery) -> Value {
    json!({
        "delivery": row.id, "event": row.event, "subject": row.subject, "state": row.state, "attempts": row.attempts,
        "status": row.status, "error": row.error, "created_at": timestamp(row.created_ms),
        "tried_at": row.tried_ms.map(timestamp), "next_at": row.due_ms.map(timestamp),
        "body": serde_json::from_str::<Value>(&row.body).unwrap_or(Value::Null),
    })
}

fn shown(call: &Call, view: &WebhookView) -> Result<Answer, Error> {
    Ok(Answer::json(&webhook(call.actor()?, view)).tagged(&view.tag()))
}

fn list(call: Call) -> Answering {
    Box::pin(async move {
        let page = call.query.page()?;
        let found = call.blocking(move |platform, actor| platform.webhooks(actor, &page)).await?;
        let actor = call.actor()?;
        Ok(Answer::json(&documents::page(&found, |view| webhook(actor, view))))
    })
}

fn make(call: Call) -> Answering {
    Box::pin(async move {
        let NewWebhookBody { name, spec } = call.json()?;
        let WebhookMade { view, secret } =
            call.blocking(move |platform, actor| platform.make_webhook(actor, &name, &spec)).await?;
        let place = format!("/api/v1/webhooks/{}", view.row.id);
        Ok(Answer::made(&documents::with_secret(webhook(call.actor()?, &view), &secret), Some(place))
            .tagged(&view.tag()))
    })
}

fn show(call: Call) -> Answering {
    Box::pin(async move { shown(&call, &call.about("webhook", Platform::webhook).await?) })
}

fn change(call: Call) -> Answering {
    Box::pin(async move {
        let NewWebhookBody { name, spec } = call.json()?;
        let expected = expected(&call)?;
        let changed = call
            .about("webhook", move |platform, actor, id| platform.change_webhook(actor, id, &expected, &name, &spec));
        shown(&call, &changed.await?)
    })
}

fn delete(call: Call) -> Answering {
    Box::pin(async move {
        let expected = expected(&call)?;
        call.about("webhook", move |platform, actor, id| platform.delete_webhook(actor, id, &expected)).await?;
        Ok(Answer::nothing())
    })
}

fn pause(call: Call) -> Answering {
    set_paused(call, true)
}

fn resume(call: Call) -> Answering {
    set_paused(call, false)
}

fn set_paused(call: Call, pause: bool) -> Answering {
    Box::pin(async move {
        let expected = expected(&call)?;
        let paused =
            call.about("webhook", move |platform, actor, id| platform.pause_webhook(actor, id, &expected, pause));
        shown(&call, &paused.await?)
    })
}

fn rotate(call: Call) -> Answering {
    Box::pin(async move {
        let (rotation, expected) = (call.json::<RotateBody>()?.into(), expected(&call)?);
        let rotated =
            call.about("webhook", move |platform, actor, id| platform.rotate_webhook(actor, id, &expected, &rotation));
        let WebhookMade { view, secret } = rotated.await?;
        Ok(Answer::json(&documents::with_secret(webhook(call.actor()?, &view), &secret)).tagged(&view.tag()))
    })
}

fn deliveries(call: Call) -> Answering {
    Box::pin(async move {
        let (page, state) = (call.query.page()?, call.query.get("state").map(str::to_owned));
        let found = call
            .about("webhook", move |platform, actor, id| platform.deliveries(actor, id, state.as_deref(), &page))
            .await?;
        Ok(Answer::json(&documents::page(&found, delivery)))
    })
}

fn redeliver(call: Call) -> Answering {
    Box::pin(async move {
        let id = call.param("delivery").to_owned();
        let again =
            call.about("webhook", move |platform, actor, webhook| platform.redeliver(actor, webhook, &id)).await?;
        Ok(Answer::json(&delivery(&again)).status(StatusCode::ACCEPTED))
    })
}
