//! The interface asked by Schemathesis, which makes requests out of the OpenAPI document, sensible and senseless ones: no answer is
//! a defect, and none is missing in the document.

use crate::server::Server;
use serde_json::json;
use std::{path::Path, process::Command};

const HELLO: &str = include_str!("../../../../examples/hello/workflow.yaml");

const PROGRAM: &str = "../../.tools/schemathesis/bin/schemathesis";

/// What is held against the document.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

/// What would end the session or the token that asks, or waits for an end that does not come.
const LEFT_OUT: &str = "^(sign_out|change_password|revoke_token|remove_member|follow_execution|live)$";

#[test]
#[ignore = "takes minutes: the nightly suite runs it"]
fn no_request_finds_a_defect_or_an_answer_that_is_not_documented() {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(PROGRAM);
    assert!(program.exists(), "{} is missing; run `cargo xtask setup`", program.display());
    let server = Server::new();
    let owner = server.owner();
    owner.save("hello", HELLO).is(201);
    owner.wait(&owner.start("hello", &json!({"name": "Ada"})), &["success"]);
    let token = owner.new_token(None);
    let cases = std::env::var("AKAO_SCHEMATHESIS_EXAMPLES").unwrap_or_else(|_| "40".to_owned());
    let mut command = Command::new(program);
    command.args(["run", &format!("{}/api/v1/openapi.json", server.url)]);
    command.args(["--header", &format!("Authorization: Bearer {token}"), "--checks", CHECKS]);
    command.args(["--exclude-operation-id-regex", LEFT_OUT, "--max-examples", &cases, "--workers", "2"]);
    command.args(["--phases", "examples,coverage,fuzzing,stateful", "--generation-database", "none", "--no-color"]);
    let asked = command.current_dir(server.folder.path()).output().expect("it starts");
    let told = String::from_utf8_lossy(&asked.stdout);
    assert!(asked.status.success(), "{told}\n{}", String::from_utf8_lossy(&asked.stderr));
}
