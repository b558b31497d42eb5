//! What waits for people.

use super::tokens::{CURSOR, LIMIT};
use crate::{
    Access,
    answer::Answer,
    documents,
    route::{Answering, Call, Gives, Parameter, Place, Route, Takes, route},
};
use akao_flow::Decision;
use akao_journal::TaskStatus;
use akao_platform::{Code, Error, Permission, TaskList};
use serde::Deserialize;
use serde_json::Value;

const LIST: &[Parameter] = &[
    LIMIT,
    CURSOR,
    Parameter { place: Place::Query, name: "status", what: "A state; may come again." },
    Parameter { place: Place::Query, name: "assignee", what: "For this person." },
    Parameter { place: Place::Query, name: "role", what: "For this role." },
    Parameter { place: Place::Query, name: "execution", what: "Of this execution." },
];

pub(super) fn routes() -> Vec<Route> {
    vec![
        route!(GET "/api/v1/tasks", Access::May(Permission::TasksRead), "list_tasks",
            "What waits, or waited, for people.",
            Takes::Nothing, &[(200, Gives::Page("Task"))], list, parameters: LIST),
        route!(GET "/api/v1/tasks/{task}", Access::May(Permission::TasksRead), "show_task", "A task.",
            Takes::Nothing, &[(200, Gives::Json("Task"))], show),
        route!(POST "/api/v1/tasks/{task}/complete", Access::May(Permission::TasksComplete), "complete_task",
            "Answers a task, in one's own name.",
            Takes::Json("Decision"), &[(204, Gives::Nothing)], complete, refuses: &[Code::Conflict, Code::Quarantined]),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DecisionBody {
    approved: bool,
    #[serde(default)]
    data: Value,
    comment: Option<String>,
}

fn list(call: Call) -> Answering {
    Box::pin(async move {
        let status = |text: &str| TaskStatus::ALL.into_iter().find(|status| status.as_str() == text);
        let execution = call.query.get("execution").map(str::parse).transpose();
        let wanted = TaskList {
            statuses: call.query.statuses(status, &TaskStatus::ALL.map(TaskStatus::as_str).join(", "))?,
            assignee: call.query.get("assignee").map(str::to_owned),
            role: call.query.get("role").map(str::to_owned),
            execution: execution.map_err(|error: akao_contract::IdError| Error::invalid(error.to_string()))?,
        };
        let page = call.query.page()?;
        let found = call.blocking(move |platform, actor| platform.tasks(actor, &wanted, &page)).await?;
        Ok(Answer::json(&documents::page(&found, documents::task)))
    })
}

fn show(call: Call) -> Answering {
    Box::pin(async move {
        let name = call.param("task").to_owned();
        let task = call.blocking(move |platform, actor| platform.task(actor, &name)).await?;
        Ok(Answer::json(&documents::task(&task)))
    })
}

fn complete(call: Call) -> Answering {
    Box::pin(async move {
        let DecisionBody { approved, data, comment } = call.json()?;
        let decision = Decision { approved, data, by: None, comment };
        call.platform().complete_task(call.actor()?, call.param("task"), decision).await?;
        Ok(Answer::nothing())
    })
}
