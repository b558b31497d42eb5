//! Schemas of what starts executions by itself, and of what tells others about them.

use super::{
    Named, any, error, execution_status, id, list, number, object, or_null, reference, text, time, truth, words,
};
use akao_platform::WebhookEvent;
use serde_json::{Value, json};

pub(super) fn schemas() -> Named {
    [hooks(), webhooks(), schedules()].into_iter().flatten().collect()
}

fn bounded(low: u32, high: u32) -> Value {
    json!({"type": "integer", "minimum": low, "maximum": high})
}

fn text_or_null() -> Value {
    json!({"type": ["string", "null"]})
}

/// What is shown once, with its secret.
fn with_secret(properties: &[(&str, Value)]) -> Value {
    let all: Vec<(&str, Value)> = properties.iter().cloned().chain([("secret", text())]).collect();
    object(&all)
}

fn schedules() -> Named {
    let spec = [
        ("workflow", text()),
        ("version?", text_or_null()),
        ("input?", json!({"type": "object"})),
        ("grants?", list(text())),
        ("cron", text()),
        ("zone?", text()),
        ("jitter_s?", bounded(0, 3_600)),
        ("catch_up?", words(["skip", "one", "all"])),
        ("catch_up_max?", bounded(1, 100)),
        ("overlap?", words(["allow", "skip", "queue", "cancel"])),
    ];
    let schedule = [
        ("schedule", id()),
        ("name", text()),
        ("spec", reference("ScheduleSpec")),
        ("user", id()),
        ("state", words(["active", "paused", "stopped"])),
        ("reason", or_null(&text())),
        ("created_at", time()),
        ("changed_at", time()),
        ("next_at", or_null(&time())),
    ];
    let fire = [
        ("at", time()),
        ("state", words(["planned", "waiting", "started", "skipped", "refused"])),
        ("execution", or_null(&id())),
        ("reason", or_null(&text())),
        ("noticed_at", time()),
    ];
    vec![
        ("ScheduleSpec", object(&spec)),
        ("NewSchedule", object(&[("name", text()), ("spec", reference("ScheduleSpec"))])),
        ("Schedule", object(&schedule)),
        ("TimesAsked", object(&[("cron", text()), ("zone?", text()), ("count?", bounded(1, 100))])),
        ("Times", object(&[("items", list(object(&[("at", time()), ("local", text())])))])),
        ("Fire", object(&fire)),
    ]
}

fn hooks() -> Named {
    let spec = [
        ("workflow", text()),
        ("version?", text_or_null()),
        ("grants?", list(text())),
        ("scheme?", words(["standard", "github"])),
        ("input?", json!({"type": ["object", "null"]})),
        ("wait_ms?", bounded(0, 30_000)),
        ("per_minute?", bounded(1, 6_000)),
    ];
    let hook = [
        ("hook", id()),
        ("name", text()),
        ("spec", reference("HookSpec")),
        ("path", text()),
        ("user", id()),
        ("state", words(["active", "paused", "stopped"])),
        ("reason", or_null(&text())),
        ("created_at", time()),
        ("changed_at", time()),
        ("old_secret_until", or_null(&time())),
    ];
    let received = [
        ("execution", id()),
        ("repeated", truth()),
        ("status", or_null(&execution_status())),
        ("outputs", json!({"type": ["object", "null"]})),
        ("error", or_null(&error())),
    ];
    vec![
        ("HookSpec", object(&spec)),
        ("NewHook", object(&[("name", text()), ("spec", reference("HookSpec"))])),
        ("Hook", object(&hook)),
        ("HookMade", with_secret(&hook)),
        ("Rotate", object(&[("overlap_s?", bounded(0, 604_800)), ("replace_old?", truth())])),
        ("Received", object(&received)),
    ]
}

fn webhooks() -> Named {
    let event = || words(WebhookEvent::ALL.map(WebhookEvent::as_str));
    let spec = [("url", text()), ("events?", list(event())), ("workflow?", text_or_null())];
    let webhook = [
        ("webhook", id()),
        ("name", text()),
        ("spec", reference("WebhookSpec")),
        ("user", id()),
        ("state", words(["active", "paused", "disabled"])),
        ("reason", or_null(&text())),
        ("failing_since", or_null(&time())),
        ("created_at", time()),
        ("changed_at", time()),
        ("old_secret_until", or_null(&time())),
    ];
    let delivery = [
        ("delivery", id()),
        ("event", event()),
        ("subject", text()),
        ("state", words(["pending", "delivered", "dead"])),
        ("attempts", number()),
        ("status", or_null(&number())),
        ("error", or_null(&text())),
        ("created_at", time()),
        ("tried_at", or_null(&time())),
        ("next_at", or_null(&time())),
        ("body", any()),
    ];
    vec![
        ("WebhookSpec", object(&spec)),
        ("NewWebhook", object(&[("name", text()), ("spec", reference("WebhookSpec"))])),
        ("Webhook", object(&webhook)),
        ("WebhookMade", with_secret(&webhook)),
        ("Delivery", object(&delivery)),
    ]
}
