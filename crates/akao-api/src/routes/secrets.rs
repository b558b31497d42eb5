//! Secrets of the tenant: names are listed, values only taken.

use super::tokens::PAGE;
use crate::{
    Access,
    answer::Answer,
    condition::{CHANGES, CONDITIONS, expected},
    documents,
    route::{Answering, Call, Gives, Route, Takes, route},
};
use akao_platform::{Code, Permission, secret_tag};
use akao_step::Secret;
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route!(GET "/api/v1/secrets", Access::May(Permission::SecretsRead), "list_secrets",
            "Secrets by name, without their values.",
            Takes::Nothing, &[(200, Gives::Page("Secret"))], list, parameters: PAGE),
        route!(GET "/api/v1/secrets/{secret}", Access::May(Permission::SecretsRead), "show_secret",
            "A secret, without its value.", Takes::Nothing, &[(200, Gives::Json("Secret"))], show),
        route!(PUT "/api/v1/secrets/{secret}", Access::May(Permission::SecretsWrite), "put_secret",
            "Gives a secret a value. It is shown to nobody.",
            Takes::Json("SecretValue"), &[(200, Gives::Json("Secret")), (201, Gives::Json("Secret"))], put,
            parameters: CONDITIONS, refuses: &[Code::Conflict, Code::Changed]),
        route!(DELETE "/api/v1/secrets/{secret}", Access::May(Permission::SecretsWrite), "delete_secret",
            "Takes a secret away.", Takes::Nothing, &[(204, Gives::Nothing)], delete,
            parameters: CHANGES, refuses: &[Code::Changed]),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ValueBody {
    value: String,
}

fn list(call: Call) -> Answering {
    Box::pin(async move {
        let page = call.query.page()?;
        let found = call.blocking(move |platform, actor| platform.secrets(actor, &page)).await?;
        Ok(Answer::json(&documents::page(&found, documents::secret)))
    })
}

fn show(call: Call) -> Answering {
    Box::pin(async move {
        let name = call.param("secret").to_owned();
        let found = call.blocking(move |platform, actor| platform.secret(actor, &name)).await?;
        Ok(Answer::json(&documents::secret(&found)).tagged(&secret_tag(&found)))
    })
}

fn put(call: Call) -> Answering {
    Box::pin(async move {
        let ValueBody { value } = call.json()?;
        let (name, value, expected) = (call.path_value("secret"), Secret::new(value), expected(&call)?);
        let row = call.blocking(move |platform, actor| platform.put_secret(actor, &name, &value, &expected)).await?;
        let document = documents::secret(&row);
        let answer = match row.version {
            1 => Answer::made(&document, Some(format!("/api/v1/secrets/{}", row.name))),
            _ => Answer::json(&document),
        };
        Ok(answer.tagged(&secret_tag(&row)))
    })
}

fn delete(call: Call) -> Answering {
    Box::pin(async move {
        let (name, expected) = (call.path_value("secret"), expected(&call)?);
        call.blocking(move |platform, actor| platform.delete_secret(actor, &name, &expected)).await?;
        Ok(Answer::nothing())
    })
}
