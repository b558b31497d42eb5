//! The interface as an OpenAPI 3.1 document, made from the table of routes. It is checked in as `docs/openapi.json`.

mod older;

use crate::{
    Access, Route, problem,
    route::{Gives, Place, Takes},
    routes, schemas,
};
use akao_platform::Code;
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

/// The document.
pub fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(make);
    &DOCUMENT
}

/// The document as it is sent, made once.
pub(crate) fn text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| document().to_string());
    &TEXT
}

/// The same in the version before, made once.
pub(crate) fn older_text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| older::document(document()).to_string());
    &TEXT
}

fn make() -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for route in routes::table() {
        let method = route.method.as_str().to_ascii_lowercase();
        paths.entry(route.path).or_default().insert(method, operation(route));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Akao",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Workflows, their executions, and the people who look after them.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas::all(),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "An API token."},
                "session": {
                    "type": "apiKey", "in": "cookie", "name": "__Host-akao_session",
                    "description": "A session; requests that change something repeat `csrf` as `X-CSRF-Token`.",
                },
            },
        },
    })
}

fn operation(route: &Route) -> Value {
    let mut operation = Map::new();
    operation.insert("operationId".to_owned(), json!(route.operation));
    operation.insert("tags".to_owned(), json!([tag(route.path)]));
    operation.insert("summary".to_owned(), json!(route.summary));
    operation.insert("description".to_owned(), json!(needs(route.access)));
    let parameters = parameters(route);
    if !parameters.is_empty() {
        operation.insert("parameters".to_owned(), json!(parameters));
    }
    if let Takes::Json(schema) = route.takes {
        let content = json!({"application/json": {"schema": schemas::reference(schema)}});
        operation.insert("requestBody".to_owned(), json!({"required": true, "content": content}));
    }
    if let Takes::Message(_) = route.takes {
        let content = json!({"application/json": {"schema": {}}});
        operation.insert("requestBody".to_owned(), json!({"required": true, "content": content}));
    }
    operation.insert("responses".to_owned(), json!(responses(route)));
    let security = match route.access {
        Access::Anyone => json!([]),
        Access::Operator => json!([{"session": []}]),
        Access::Known | Access::May(_) => json!([{"token": []}, {"session": []}]),
    };
    operation.insert("security".to_owned(), security);
    Value::Object(operation)
}

fn tag(path: &str) -> &str {
    path.trim_start_matches("/api/v1/").split('/').find(|part| !part.is_empty()).unwrap_or("server")
}

fn needs(access: Access) -> String {
    match access {
        Access::Anyone => "Open to anyone.".to_owned(),
        Access::Known => "Needs somebody who is signed in, or an API token.".to_owned(),
        Access::May(permission) => format!("Needs the permission `{permission}`."),
        Access::Operator => "Needs the operator of the server, signed in.".to_owned(),
    }
}

fn path_parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn parameters(route: &Route) -> Vec<Value> {
    let of_path = path_parameters(route.path)
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}));
    let others = route.parameters.iter().map(|parameter| {
        let place = match parameter.place {
            Place::Query => "query",
            Place::Header => "header",
        };
        json!({
            "name": parameter.name, "in": place, "required": false, "description": parameter.what,
            "schema": {"type": "string"},
        })
    });
    of_path.chain(others).collect()
}

/// The refusals that a route may give: its own, and those of its kind.
fn refusals(route: &Route) -> BTreeSet<Code> {
    let mut codes: BTreeSet<Code> = route.refuses.iter().copied().collect();
    codes.extend([Code::CrossSite, Code::Invalid, Code::Unavailable, Code::Internal]);
    if route.access != Access::Anyone {
        codes.extend([Code::Unauthenticated, Code::Forbidden]);
    }
    if path_parameters(route.path).next().is_some() {
        codes.insert(Code::NotFound);
    }
    match route.takes {
        Takes::Nothing => {}
        Takes::Json(_) => codes.extend([Code::TooLarge, Code::UnsupportedMedia]),
        Takes::Message(_) => codes.extend([Code::TooLarge]),
    }
    codes
}

fn responses(route: &Route) -> BTreeMap<String, Value> {
    let mut responses = BTreeMap::new();
    for (status, gives) in route.gives {
        responses.insert(status.to_string(), given(*gives));
    }
    let mut by_status: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for code in refusals(route) {
        by_status.entry(problem::status_of(code).as_u16()).or_default().push(code.as_str());
    }
    for (status, codes) in by_status {
        let words = codes.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", ");
        let content = json!({"application/problem+json": {"schema": schemas::reference("Problem")}});
        responses.insert(status.to_string(), json!({"description": format!("Refused: {words}."), "content": content}));
    }
    responses
}

fn given(gives: Gives) -> Value {
    let json_of = |schema: Value| json!({"description": "Done.", "content": {"application/json": {"schema": schema}}});
    match gives {
        Gives::Nothing => json!({"description": "Done; there is nothing to say."}),
        Gives::Json(schema) => json_of(schemas::reference(schema)),
        Gives::Page(schema) => json_of(json!({
            "type": "object", "required": ["items", "next"], "additionalProperties": false,
            "properties": {
                "items": {"type": "array", "items": schemas::reference(schema)},
                "next": {"type": ["string", "null"], "description": "The cursor of the next page."},
            },
        })),
        Gives::Events => json!({
            "description": "Server-sent events: start, status, stdout, stderr, progress, log, complete, error.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        }),
        Gives::Text(media) => json!({"description": "Done.", "content": {media: {"schema": {"type": "string"}}}}),
        Gives::Bytes => json!({
            "description": "The bytes, as a file to be saved.",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_that_is_named_is_there_and_the_document_is_json_schema() {
        let text = document().to_string();
        let known = schemas::all();
        let named = text.split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap_or_default());
        for name in named {
            assert!(known.contains_key(name), "{name}");
        }
        for (name, schema) in &known {
            let whole = json!({"components": {"schemas": known}, "allOf": [schema]});
            jsonschema::validator_for(&whole).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }

    #[test]
    fn every_schema_is_used() {
        let text = document()["paths"].to_string() + &json!(schemas::all()).to_string();
        for name in schemas::all().keys() {
            assert!(text.contains(&format!("#/components/schemas/{name}\"")), "{name}");
        }
    }

    #[test]
    fn answers_are_found_by_method_path_and_status() {
        let responses = |path: &str| document()["paths"][path]["get"]["responses"].clone();
        assert!(responses("/healthz").get("200").is_some() && responses("/healthz").get("418").is_none());
        let shown = responses("/api/v1/workflows/{workflow}");
        for status in ["200", "304", "401", "403", "404"] {
            assert!(shown.get(status).is_some(), "{status}");
        }
    }
}
