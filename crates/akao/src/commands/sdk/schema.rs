//! The schema of a node's props from the file beside it, or from the node's own file where it is no plain data there. A schema of
//! zod becomes JSON Schema by zod's own converter, which runs in the sandbox like everything else that the project holds.

use super::{deploy::not_compiled, project::NodeFile, trial};
use crate::{failure::Failure, wiring};
use akao_contract::Tenant;
use akao_custom::{Compiled, Options, SCHEMA_ENTRY, Sources, is_of_props, schema_source};
use akao_step::{Allowances, CancellationToken, StepEvents, StepIo};
use serde_json::Value;
use std::{path::Path, sync::Arc};

/// The schema in `NAME.schema.ts`, else one in the node's file that has to be worked out; none where there is neither.
pub(super) async fn read(file: &NodeFile, compiled: &Compiled, data_dir: &Path) -> Result<Option<Value>, Failure> {
    let beside = file.path.strip_suffix(".ts").map(|stem| format!("{stem}.schema.ts"));
    let beside = beside.and_then(|path| Some((file.read(&path)?, path)));
    let (path, entry) = match beside {
        Some((text, path)) => {
            let entry = schema_source(&path, &text, None);
            (path, entry)
        }
        None if compiled.says(&file.name).unread.contains_key("schema") => {
            (file.path.clone(), schema_source(&file.path, &file.text, Some(&file.name)))
        }
        None => return Ok(None),
    };
    let nodes = Arc::new(wiring::external_nodes(data_dir, wiring::blobs(data_dir), Allowances::default())?);
    let compiler = wiring::compiler(data_dir, Arc::clone(&nodes));
    let sources = Sources::of_file(SCHEMA_ENTRY, &entry);
    let compiled =
        compiler.compile_project(&Tenant::local(), sources, Options::default(), |path| file.read(path)).await;
    nodes.shutdown().await;
    let (compiled, sources) = compiled.map_err(|error| not_compiled(&error))?;
    if let Some(failure) = compiled.failure() {
        return Err(
            Failure::usage(failure).hint("A schema of zod is one of zod 4, which is there without being installed.")
        );
    }
    let io = StepIo { cancel: CancellationToken::new(), events: StepEvents::none(), secrets: Arc::default() };
    let schema = trial::run(data_dir, &compiled, &sources, io).await?;
    match is_of_props(&schema) {
        true => Ok(Some(schema)),
        false => Err(Failure::usage(format!("{path} gives no schema of an object"))
            .hint("Export `{ type: \"object\", properties: { … } }`, or `z.object({ … })` of zod 4.")),
    }
}
