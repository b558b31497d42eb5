//! Workflows and their versions.

use super::tokens::PAGE;
use crate::{
    Access,
    answer::Answer,
    condition::{self, expected, holds},
    documents,
    route::{Answering, Call, Gives, Parameter, Place, Route, Takes, route},
};
use akao_platform::{Code, Permission, WorkflowText, tag};
use axum::http::{StatusCode, header::IF_NONE_MATCH};
use serde::Deserialize;
use serde_json::json;

const RANGE: &[Parameter] = &[
    Parameter { place: Place::Query, name: "from", what: "The version that is compared from." },
    Parameter { place: Place::Query, name: "to", what: "The version that is compared to." },
];

pub(super) fn routes() -> Vec<Route> {
    vec![
        route!(GET "/api/v1/workflows", Access::May(Permission::WorkflowsRead), "list_workflows",
            "The tenant's workflows, by id.",
            Takes::Nothing, &[(200, Gives::Page("Workflow"))], list, parameters: PAGE),
        route!(POST "/api/v1/validate", Access::May(Permission::WorkflowsRead), "validate_workflow",
            "Checks a text and saves nothing.",
            Takes::Json("Source"), &[(200, Gives::Json("Validation"))], validate),
        route!(GET "/api/v1/workflows/{workflow}", Access::May(Permission::WorkflowsRead), "show_workflow",
            "A workflow with its latest version.",
            Takes::Nothing, &[(200, Gives::Json("Workflow")), (304, Gives::Nothing)], show, parameters: condition::KNOWN),
        route!(GET "/api/v1/workflows/{workflow}/versions", Access::May(Permission::WorkflowsRead), "list_versions",
            "The versions of a workflow, newest first.",
            Takes::Nothing, &[(200, Gives::Page("WorkflowVersion"))], versions, parameters: PAGE),
        route!(POST "/api/v1/workflows/{workflow}/versions", Access::May(Permission::WorkflowsWrite), "save_workflow",
            "Saves a text as the next version. The same content again changes nothing.",
            Takes::Json("Source"), &[(201, Gives::Json("Saved")), (200, Gives::Json("Saved"))], save,
            parameters: condition::CONDITIONS,
            refuses: &[Code::InvalidWorkflow, Code::VersionTaken, Code::Conflict, Code::Changed, Code::ConditionMissing, Code::QuotaExceeded]),
        route!(GET "/api/v1/workflows/{workflow}/versions/{version}", Access::May(Permission::WorkflowsRead),
            "show_version", "A version with its text.",
            Takes::Nothing, &[(200, Gives::Json("VersionWithSource"))], version),
        route!(GET "/api/v1/workflows/{workflow}/diff", Access::May(Permission::WorkflowsRead), "diff_workflow",
            "What differs in meaning between two versions.",
            Takes::Nothing, &[(200, Gives::Json("Difference"))], diff, parameters: RANGE),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceBody {
    source: String,
    #[serde(default)]
    lock: Option<String>,
}

impl SourceBody {
    fn text(&self) -> WorkflowText<'_> {
        WorkflowText { source: &self.source, lock: self.lock.as_deref() }
    }
}

fn list(call: Call) -> Answering {
    Box::pin(async move {
        let page = call.query.page()?;
        let found = call.blocking(move |platform, actor| platform.workflows(actor, &page)).await?;
        Ok(Answer::json(&documents::page(&found, documents::workflow)))
    })
}

fn validate(call: Call) -> Answering {
    Box::pin(async move {
        let body: SourceBody = call.json()?;
        let checked = call.blocking(move |platform, actor| platform.check_workflow(actor, body.text())).await?;
        let valid = checked.bundle.is_some();
        Ok(Answer::json(&json!({"valid": valid, "problems": documents::problems(&checked.problems)})))
    })
}

fn show(call: Call) -> Answering {
    Box::pin(async move {
        let id = call.param("workflow").to_owned();
        let workflow = call.blocking(move |platform, actor| platform.workflow(actor, &id)).await?;
        let tag = tag(&workflow.latest);
        let known = call.header(&IF_NONE_MATCH)?.is_some_and(|known| holds(known, &tag));
        let answer = if known { Answer::unchanged() } else { Answer::json(&documents::workflow(&workflow)) };
        Ok(answer.tagged(&tag))
    })
}

fn versions(call: Call) -> Answering {
    Box::pin(async move {
        let (id, page) = (call.param("workflow").to_owned(), call.query.page()?);
        let found = call.blocking(move |platform, actor| platform.workflow_versions(actor, &id, &page)).await?;
        Ok(Answer::json(&documents::page(&found, documents::version)))
    })
}

fn save(call: Call) -> Answering {
    Box::pin(async move {
        let body: SourceBody = call.json()?;
        let (id, expected) = (call.param("workflow").to_owned(), expected(&call)?);
        let work = move |platform: &akao_platform::Platform, actor: &akao_platform::Actor| {
            platform.save_workflow(actor, &id, body.text(), &expected)
        };
        let saved = call.blocking(work).await?;
        let mut document = documents::workflow(&saved.workflow);
        document["added"] = json!(saved.added);
        document["warnings"] = documents::problems(&saved.warnings);
        let (workflow, tag) = (&saved.workflow, tag(&saved.workflow.latest));
        let place = format!("/api/v1/workflows/{}/versions/{}", workflow.id, workflow.latest.version);
        let status = if saved.added { StatusCode::CREATED } else { StatusCode::OK };
        Ok(Answer::made(&document, Some(place)).status(status).tagged(&tag))
    })
}

fn version(call: Call) -> Answering {
    Box::pin(async move {
        let (id, name) = (call.param("workflow").to_owned(), call.param("version").to_owned());
        let work = move |platform: &akao_platform::Platform, actor: &akao_platform::Actor| {
            platform.workflow_version(actor, &id, &name)
        };
        let (version, source) = call.blocking(work).await?;
        let mut document = documents::version(&version);
        document["source"] = json!(source);
        Ok(Answer::json(&document))
    })
}

fn diff(call: Call) -> Answering {
    Box::pin(async move {
        let id = call.param("workflow").to_owned();
        let (from, to) = (call.query.needed("from")?.to_owned(), call.query.needed("to")?.to_owned());
        let work = move |platform: &akao_platform::Platform, actor: &akao_platform::Actor| {
            platform.workflow_difference(actor, &id, &from, &to)
        };
        let difference = call.blocking(work).await?;
        let mut document = json!(difference);
        document["same"] = json!(difference.is_empty());
        document["summary"] = json!(difference.summary());
        Ok(Answer::json(&document))
    })
}
