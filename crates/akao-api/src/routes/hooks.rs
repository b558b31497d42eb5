//! Hooks, and the address at which their messages come.

use super::tokens::PAGE;
use crate::{
    Access,
    answer::Answer,
    condition::{CHANGES, expected},
    documents,
    route::{Answering, Call, Gives, Parameter, Place, Route, Takes, route},
    server,
};
use akao_engine::steps::timestamp;
use akao_platform::{Code, Error, HookMade, HookSpec, HookView, Message, Permission, Platform, Rotation};
use axum::http::{StatusCode, header::HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};

/// Longest message, in bytes.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

const SIGNED: &[Parameter] = &[
    Parameter { place: Place::Header, name: "webhook-id", what: "The message's id, by Standard Webhooks." },
    Parameter { place: Place::Header, name: "webhook-timestamp", what: "When it is sent, in Unix seconds." },
    Parameter { place: Place::Header, name: "webhook-signature", what: "Its signatures." },
    Parameter { place: Place::Header, name: "X-Hub-Signature-256", what: "Its signature, as GitHub sends it." },
];

const REFUSED: &[Code] = &[Code::NotFound, Code::Conflict];

pub(super) fn routes() -> Vec<Route> {
    let (read, write) = (Access::May(Permission::WebhooksRead), Access::May(Permission::WebhooksWrite));
    vec![
        route!(POST "/hooks/{tenant}/{hook}", Access::Anyone, "receive",
            "Takes a signed message, and starts what the hook starts. The same message starts it once.",
            Takes::Message(MESSAGE_BYTES_MAX), &[(202, Gives::Json("Received")), (200, Gives::Json("Received"))], receive,
            parameters: SIGNED,
            refuses: &[Code::Unauthenticated, Code::Forbidden, Code::Conflict, Code::InvalidInput, Code::KeyReused,
                Code::TooMany]),
        route!(GET "/api/v1/hooks", read, "list_hooks", "Addresses at which others start executions.",
            Takes::Nothing, &[(200, Gives::Page("Hook"))], list, parameters: PAGE),
        route!(POST "/api/v1/hooks", write, "make_hook",
            "Makes a hook, which starts in one's own name; its secret is shown once.",
            Takes::Json("NewHook"), &[(201, Gives::Json("HookMade"))], make, refuses: REFUSED),
        route!(GET "/api/v1/hooks/{hook}", read, "show_hook", "A hook.",
            Takes::Nothing, &[(200, Gives::Json("Hook"))], show),
        route!(PUT "/api/v1/hooks/{hook}", write, "change_hook",
            "Changes a hook, which is in one's own name from then on; its secret stays.",
            Takes::Json("NewHook"), &[(200, Gives::Json("Hook"))], change, parameters: CHANGES,
            refuses: &[Code::Changed, Code::ConditionMissing]),
        route!(DELETE "/api/v1/hooks/{hook}", write, "delete_hook", "Takes a hook away.",
            Takes::Nothing, &[(204, Gives::Nothing)], delete, parameters: CHANGES, refuses: &[Code::Changed]),
        route!(POST "/api/v1/hooks/{hook}/pause", write, "pause_hook", "Takes no messages any more.",
            Takes::Nothing, &[(200, Gives::Json("Hook"))], pause, parameters: CHANGES, refuses: &[Code::Changed]),
        route!(POST "/api/v1/hooks/{hook}/resume", write, "resume_hook", "Takes messages again, in one's own name.",
            Takes::Nothing, &[(200, Gives::Json("Hook"))], resume, parameters: CHANGES, refuses: &[Code::Changed]),
        route!(POST "/api/v1/hooks/{hook}/rotate", write, "rotate_hook",
            "Gives a hook a new secret, shown once; the one before counts for a while, and until then `replace_old` alone gives a further one.",
            Takes::Json("Rotate"), &[(200, Gives::Json("HookMade"))], rotate, parameters: CHANGES,
            refuses: &[Code::Changed, Code::Conflict]),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewHookBody {
    name: String,
    spec: HookSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RotateBody {
    overlap_s: Option<u32>,
    #[serde(default)]
    replace_old: bool,
}

impl From<RotateBody> for Rotation {
    fn from(RotateBody { overlap_s, replace_old }: RotateBody) -> Self {
        Self { overlap_s, replaces_old: replace_old }
    }
}

fn hook(call: &Call, view: &HookView) -> Value {
    let row = &view.row;
    let tenant = call.actor.as_ref().map(|actor| actor.tenant.to_string()).unwrap_or_default();
    json!({
        "hook": row.id, "name": row.name, "spec": view.spec, "path": format!("/hooks/{tenant}/{}", row.id),
        "user": row.account, "state": row.state, "reason": row.reason, "created_at": timestamp(row.created_ms),
        "changed_at": timestamp(row.changed_ms), "old_secret_until": row.old_until_ms.map(timestamp),
    })
}

fn shown(call: &Call, view: &HookView) -> Answer {
    Answer::json(&hook(call, view)).tagged(&view.tag())
}

fn receive(call: Call) -> Answering {
    Box::pin(async move {
        // What is not text could not be told from what is not there.
        let is_no_text = |value: &HeaderValue| value.to_str().is_err();
        if let Some(odd) = SIGNED.iter().find(|known| call.headers.get(known.name).is_some_and(is_no_text)) {
            return Err(Error::invalid(format!("the header `{}` is not plain text", odd.name)));
        }
        let headers = call.headers.iter();
        let headers =
            headers.filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
        let (headers, body) = (headers.collect(), call.body.to_vec());
        let (tenant, hook) = (call.path_value("tenant"), call.path_value("hook"));
        let message = Message { headers, query: call.query.into_pairs(), body, trace: call.trace.clone() };
        let mut ending = call.app.ending.subscribe();
        let received = call.app.platform.receive(&tenant, &hook, message, server::end(&mut ending)).await?;
        let mut document = json!({"execution": received.execution, "repeated": received.repeated, "status": null, "outputs": null, "error": null});
        let Some(row) = received.ended else {
            return Ok(Answer::json(&document).status(StatusCode::ACCEPTED));
        };
        let shown = documents::named_execution(&call.app.platform, &row).await;
        for name in ["status", "outputs", "error"] {
            document[name] = shown[name].clone();
        }
        Ok(Answer::json(&document))
    })
}

fn list(call: Call) -> Answering {
    Box::pin(async move {
        let page = call.query.page()?;
        let found = call.blocking(move |platform, actor| platform.hooks(actor, &page)).await?;
        Ok(Answer::json(&documents::page(&found, |view| hook(&call, view))))
    })
}

fn make(call: Call) -> Answering {
    Box::pin(async move {
        let NewHookBody { name, spec } = call.json()?;
        let HookMade { view, secret } =
            call.blocking(move |platform, actor| platform.make_hook(actor, &name, &spec)).await?;
        let document = documents::with_secret(hook(&call, &view), &secret);
        Ok(Answer::made(&document, Some(format!("/api/v1/hooks/{}", view.row.id))).tagged(&view.tag()))
    })
}

fn show(call: Call) -> Answering {
    Box::pin(async move { Ok(shown(&call, &call.about("hook", Platform::hook).await?)) })
}

fn change(call: Call) -> Answering {
    Box::pin(async move {
        let NewHookBody { name, spec } = call.json()?;
        let expected = expected(&call)?;
        let changed =
            call.about("hook", move |platform, actor, id| platform.change_hook(actor, id, &expected, &name, &spec));
        Ok(shown(&call, &changed.await?))
    })
}

fn delete(call: Call) -> Answering {
    Box::pin(async move {
        let expected = expected(&call)?;
        call.about("hook", move |platform, actor, id| platform.delete_hook(actor, id, &expected)).await?;
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
        let paused = call.about("hook", move |platform, actor, id| platform.pause_hook(actor, id, &expected, pause));
        Ok(shown(&call, &paused.await?))
    })
}

fn rotate(call: Call) -> Answering {
    Box::pin(async move {
        let (rotation, expected) = (call.json::<RotateBody>()?.into(), expected(&call)?);
        let rotated =
            call.about("hook", move |platform, actor, id| platform.rotate_hook(actor, id, &expected, &rotation));
        let HookMade { view, secret } = rotated.await?;
        Ok(Answer::json(&documents::with_secret(hook(&call, &view), &secret)).tagged(&view.tag()))
    })
}
