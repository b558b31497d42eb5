//! Schemas of props that are no plain data, such as those of zod: what stands in a file is worked out in the sandbox, by a bundle
//! that gives it back, and turned into JSON Schema by zod's own converter.

use crate::{Compiled, Compiler, Draft, NodeName, Options, Said, Sources};
use akao_contract::{ErrorKind, Invocation, OutcomeStatus, StepContext, StepError, Tenant};
use akao_step::{CancellationToken, StepEvents, StepIo};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::Arc};

/// The file that asks for a schema; it is never written.
pub const SCHEMA_ENTRY: &str = "akao-schema.ts";

/// The name that such a bundle goes by.
const NAME: &str = "Trial";
/// How long it may take.
const TIMEOUT: &str = "10s";

/// The text of [`SCHEMA_ENTRY`] for a file, by its path and its text: the schema of this node in it, or without a node the only
/// thing that the file is there for.
pub fn schema_source(path: &str, text: &str, node: Option<&NodeName>) -> String {
    let module = json!(format!("./{}", path.strip_suffix(".ts").unwrap_or(path)));
    let found = match node {
        Some(node) => format!("(all.default ?? all[{}])?.schema ?? all.schema", json!(node.as_str())),
        None => "all.default ?? all.schema ?? Object.values(all)[0]".to_owned(),
    };
    let mut source = format!("import * as all from {module};\nconst found: any = {found};\n");
    if !imports(text) {
        source.push_str("export default () => found;\n");
        return source;
    }
    // The converter is that of the zod which the file imports; one that imports its schema may have it from any file. As `zod/v4`
    // it is there in both zod 4 and the last versions of zod 3.
    source.insert_str(0, &format!("import * as z from {};\n", json!(zod(text).unwrap_or("zod/v4"))));
    let convert = "found?._zod ? z.toJSONSchema(found, { io: \"input\", unrepresentable: \"any\" }) : found";
    source.push_str(&format!("export default () => {convert};\n"));
    source
}

/// Whether a file may take something from another one, and so from zod.
fn imports(text: &str) -> bool {
    ["import", "from", "require"].iter().any(|word| text.contains(word))
}

/// As what a file imports zod.
fn zod(text: &str) -> Option<&str> {
    let named = |quote: char| {
        let start = text.find(&format!("from {quote}zod"))? + "from '".len();
        text.get(start..)?.split(quote).next()
    };
    named('"').or_else(|| named('\'')).filter(|name| *name == "zod" || name.starts_with("zod/"))
}

/// Whether a value is the schema of an object, as props are.
pub fn is_of_props(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("object")
}

impl Compiled {
    /// A bundle that is run once, and is no node: what its files say of themselves is not about it.
    pub fn bare(&self) -> Self {
        Self { said: Said::default(), classes: BTreeMap::new(), typed: BTreeMap::new(), ..self.clone() }
    }
}

impl Compiler {
    /// Works out the schema of a node in files that are all there is.
    ///
    /// # Errors
    /// The files give none, or it cannot be worked out now.
    pub async fn schema(&self, tenant: &Tenant, sources: &Sources, node: &NodeName) -> Result<Value, StepError> {
        let text = sources.files.get(&sources.entry).map(String::as_str).unwrap_or_default();
        let mut files = sources.files.clone();
        files.insert(SCHEMA_ENTRY.to_owned(), schema_source(&sources.entry, text, Some(node)));
        let asking = Sources { files, entry: SCHEMA_ENTRY.to_owned() };
        let compiled = self.compile(tenant, &asking, Options::default()).await?;
        let refused = |reason: String| {
            let message = format!("`schema` of the node cannot be worked out: {reason}");
            StepError::new(ErrorKind::Input, message).with_suggestion(
                "Write it out as JSON Schema, or with zod 4, which is there without being given along.",
            )
        };
        if let Some(failure) = compiled.failure() {
            return Err(refused(failure));
        }
        let schema = self.given_back(tenant, &compiled, &asking).await.map_err(|error| match error.kind {
            ErrorKind::Internal => error,
            _ => refused(error.message),
        })?;
        match is_of_props(&schema) {
            true => Ok(schema),
            false => Err(refused("it is no schema of an object".to_owned())),
        }
    }

    /// What the default export of a bundle gives back.
    async fn given_back(&self, tenant: &Tenant, compiled: &Compiled, sources: &Sources) -> Result<Value, StepError> {
        let broken = |error: &dyn std::fmt::Display| StepError::new(ErrorKind::Internal, error.to_string());
        let name = NAME.parse::<NodeName>().map_err(|error| broken(&error))?;
        let mut bare = compiled.bare();
        bare.said.data.insert("timeout".to_owned(), TIMEOUT.into());
        let (packages, tenant_of, sources) = (self.packages().clone(), tenant.clone(), sources.clone());
        let kept = tokio::task::spawn_blocking(move || {
            let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
            let version = semver::Version::new(1, 0, 0);
            let draft = Draft {
                tenant: &tenant_of,
                name: &name,
                version: &version,
                description: None,
                schema: None,
                compiled: &bare,
                sources: &sources,
            };
            draft.write(folder.path()).map_err(|error| error.to_string())?;
            let stored = packages.put(folder.path()).map_err(|error| error.to_string())?;
            let pinned = akao_nodes::Pinned { folder: stored.folder, digest: stored.digest };
            pinned.first_node().map(|node| node.to_string()).ok_or_else(|| "there is no node in it".to_owned())
        });
        let node_type = kept.await.map_err(|error| broken(&error))?.map_err(|reason| broken(&reason))?;
        let invocation = Invocation {
            context: StepContext::apart(tenant, "custom-node", "schema"),
            node_type: node_type.into(),
            props: Map::new(),
            blackboard: BTreeMap::new(),
            input: None,
        };
        let io = StepIo { cancel: CancellationToken::new(), events: StepEvents::none(), secrets: Arc::default() };
        let outcome = akao_step::StepRunner::run(self.nodes(), invocation, io).await;
        match outcome.status {
            OutcomeStatus::Success => Ok(outcome.outputs.get("result").cloned().unwrap_or_default()),
            _ => Err(outcome.error.unwrap_or_else(|| broken(&"it was ended"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zod_is_imported_as_the_file_does_it() {
        for (text, zod_as) in [
            ("import { z } from 'zod';", Some("zod")),
            ("import * as z from \"zod/v4\";", Some("zod/v4")),
            ("import z from 'zodiac';", None),
            ("export default {};", None),
        ] {
            assert_eq!(zod(text), zod_as, "{text}");
        }
        let name = "Add".parse().unwrap();
        let asks = schema_source("src/add.ts", "import { z } from 'zod';", Some(&name));
        assert!(asks.starts_with("import * as z from \"zod\";\nimport * as all from \"./src/add\";\n"), "{asks}");
        let asks = schema_source("src/add.schema.ts", "export { props as default } from './props';", None);
        assert!(asks.starts_with("import * as z from \"zod/v4\";\n"), "zod 3.25 has its schemas there: {asks}");
        let plain = schema_source("src/add.schema.ts", "export default { type: 'object', properties: {} };", None);
        assert!(!plain.contains("zod") && plain.ends_with("export default () => found;\n"), "{plain}");
    }
}
