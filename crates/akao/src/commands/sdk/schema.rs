//! The schema of a node's props from the file beside it: data as it is, and a schema of zod by zod's own converter, which runs
//! in the sandbox like everything else that the project holds.

use super::{deploy::not_compiled, project::NodeFile, trial};
use crate::{failure::Failure, wiring};
use akao_contract::Tenant;
use akao_custom::{Options, Sources};
use akao_step::{Allowances, CancellationToken, StepEvents, StepIo};
use serde_json::{Value, json};
use std::{path::Path, sync::Arc};

/// The file that asks for the schema; it is never written.
const ENTRY: &str = "akao-schema.ts";

/// The schema in `NAME.schema.ts`; none where there is no such file.
pub(super) async fn read(file: &NodeFile, data_dir: &Path) -> Result<Option<Value>, Failure> {
    let Some(stem) = file.path.strip_suffix(".ts").map(|stem| format!("{stem}.schema")) else { return Ok(None) };
    let Some(text) = file.read(&format!("{stem}.ts")) else { return Ok(None) };
    // Which converter is needed shows in what the file imports; the converter itself is the project's own zod.
    let zod = text.contains("from \"zod") || text.contains("from 'zod");
    let import = json!(format!("./{stem}"));
    let convert = if zod { "z.toJSONSchema(found, { io: \"input\", unrepresentable: \"any\" })" } else { "found" };
    let zod = if zod { "import * as z from \"zod\";\n" } else { "" };
    let entry = format!(
        "{zod}import * as all from {import};\nconst found = all.default ?? all.schema ?? Object.values(all)[0];\n\
         export default () => {convert};\n"
    );
    let nodes = Arc::new(wiring::external_nodes(data_dir, wiring::blobs(data_dir), Allowances::default())?);
    let compiler = wiring::compiler(data_dir, Arc::clone(&nodes));
    let sources = Sources::of_file(ENTRY, &entry);
    let compiled =
        compiler.compile_project(&Tenant::local(), sources, Options::default(), |path| file.read(path)).await;
    nodes.shutdown().await;
    let (compiled, sources) = compiled.map_err(|error| not_compiled(&error))?;
    if let Some(failure) = compiled.failure() {
        return Err(Failure::usage(failure).hint("A schema of zod needs zod 4: `npm install zod`."));
    }
    let io = StepIo { cancel: CancellationToken::new(), events: StepEvents::none(), secrets: Arc::default() };
    let schema = trial::run(data_dir, &compiled, &sources, io).await?;
    let is_object = schema.get("type").and_then(Value::as_str) == Some("object");
    match is_object {
        true => Ok(Some(schema)),
        false => Err(Failure::usage(format!("{stem}.ts gives no schema of an object"))
            .hint("Export `{ type: \"object\", properties: { … } }`, or `z.object({ … })` of zod 4.")),
    }
}
