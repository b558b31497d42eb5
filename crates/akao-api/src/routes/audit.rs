//! What was done in a tenant.

use super::tokens::PAGE;
use crate::{
    Access,
    answer::Answer,
    documents,
    route::{Answering, Call, Gives, Route, Takes, route},
};
use akao_platform::{AuditHead, Permission};
use serde_json::{Value, json};

pub(super) fn routes() -> Vec<Route> {
    vec![
        route!(GET "/api/v1/audit", Access::May(Permission::AuditRead), "list_audit",
            "What was done in the tenant, newest first.",
            Takes::Nothing, &[(200, Gives::Page("AuditLine"))], list, parameters: PAGE),
        route!(POST "/api/v1/audit/verify", Access::May(Permission::AuditRead), "verify_audit",
            "Holds the audit against its chain and its signed end, which is answered for a copy elsewhere.",
            Takes::Nothing, &[(200, Gives::Json("AuditVerified"))], verify),
    ]
}

fn list(call: Call) -> Answering {
    Box::pin(async move {
        let page = call.query.page()?;
        let found = call.blocking(move |platform, actor| platform.audit_with_names(actor, &page)).await?;
        Ok(Answer::json(&documents::page(&found, Value::clone)))
    })
}

fn verify(call: Call) -> Answering {
    Box::pin(async move {
        let found = call.blocking(|platform, actor| platform.verify_audit(actor)).await?;
        Ok(Answer::json(&match found {
            Ok(sound) => {
                let AuditHead { head, signature, public_key } = sound.head;
                let head = json!({"head": head, "signature": signature, "public_key": public_key});
                json!({"sound": true, "lines": sound.lines, "last": sound.last, "signed": head, "break": null})
            }
            Err(found) => {
                json!({"sound": false, "lines": null, "last": null, "signed": null, "break": found.to_string()})
            }
        }))
    })
}
