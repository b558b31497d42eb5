//! Compiling, as a call of a node of Akao's own: files in, a bundle or the problems out. It runs in a sandbox that holds
//! nothing but the compiler, in a process that serves one tenant.

use crate::NodeName;
use akao_contract::{
    ErrorKind, Invocation, Outcome, OutcomeStatus, StepContext, StepError, Tenant, manifest::PinnedNode,
};
use akao_nodes::ExternalNodes;
use akao_package::Store;
use akao_runtime::Wish;
use akao_script::{Bundler, COMPILER, keep};
use akao_step::{BoxFuture, CancellationToken, StepEvents, StepIo};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// Most bytes of all files together: what is sent to the compiler is one message.
const SOURCE_BYTES_MAX: usize = 12_000_000;

/// Times that files are added to what was sent before it is taken that there is no end.
const ROUNDS_MAX: usize = 200;

/// The files of a node by their paths from one root, and the one that is entered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sources {
    /// The texts.
    pub files: BTreeMap<String, String>,
    /// The path of the node's own file.
    pub entry: String,
}

impl Sources {
    /// A node of one file.
    pub fn of_file(entry: &str, text: &str) -> Self {
        Self { files: BTreeMap::from([(entry.to_owned(), text.to_owned())]), entry: entry.to_owned() }
    }
}

/// How files are compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Whether lines that are run are counted.
    pub coverage: bool,
    /// Whether they are npm packages for scripts, of which each module is loaded when it is first asked for.
    pub packages: bool,
}

/// Something that keeps a bundle from being made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompileProblem {
    /// What is wrong, as a fragment.
    pub message: String,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: Option<u32>,
    /// The column, from 1.
    pub column: Option<u32>,
    /// What to do, as a sentence.
    pub suggestion: Option<String>,
}

impl fmt::Display for CompileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// How much a finding counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// What the code asks for.
    Asks,
    /// To be looked at.
    Notice,
    /// Hardly ever honest.
    Alarm,
}

/// What a reviewer should see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule that found it.
    pub rule: String,
    /// How much it counts.
    pub weight: Weight,
    /// Why, as a fragment.
    pub reason: String,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

/// Something that is most likely not meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lint {
    /// The rule that found it, as ESLint calls it.
    pub rule: String,
    /// Whether no node should be deployed like that.
    pub error: bool,
    /// What is found, as a fragment.
    pub message: String,
    /// What to do, as a sentence.
    pub suggestion: String,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, message, suggestion, file, line, column, .. } = self;
        write!(f, "{file}:{line}:{column}: {message} ({rule}). {suggestion}")
    }
}

/// A module of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Module {
    /// Its path.
    pub name: String,
    /// Its size as it is run.
    pub bytes: u64,
    /// The modules that it imports.
    #[serde(default)]
    pub imports: BTreeSet<String>,
}

/// What a file says of a node.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Said {
    /// The words that are plain data.
    pub data: Map<String, Value>,
    /// The lines of those that are not.
    pub unread: BTreeMap<String, u32>,
}

/// What came of the files.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Compiled {
    /// The bundle; none where there are problems.
    pub code: Option<String>,
    /// Its map to the files.
    pub map: Option<String>,
    /// What keeps it from being made.
    pub problems: Vec<CompileProblem>,
    /// Files that would have been looked into.
    pub wanted: Vec<String>,
    /// What a reviewer should see.
    pub scan: Vec<Finding>,
    /// What is most likely not meant in the node's own files.
    #[serde(default)]
    pub lints: Vec<Lint>,
    /// What the node's file exports.
    pub exports: BTreeSet<String>,
    /// What its exported constants say of the node: permissions, schema, description and so on.
    pub said: Said,
    /// What the static fields of its classes say, by the names of those; `default` is the one that is exported as such.
    pub classes: BTreeMap<String, Said>,
    /// The schemas of props that its types say, by what the nodes are exported as.
    #[serde(default)]
    pub typed: BTreeMap<String, Value>,
    /// The files of which those came, beside the node's own: they are none of the modules.
    #[serde(default)]
    pub type_files: BTreeSet<String>,
    /// What was put together.
    pub modules: Vec<Module>,
    /// The lines that can be run, by file; where they are counted.
    #[serde(default)]
    pub lines: BTreeMap<String, Vec<u32>>,
}

impl Compiled {
    /// As what the node of this name is exported.
    fn export<'n>(&self, name: &'n NodeName) -> &'n str {
        if self.exports.contains("default") { "default" } else { name.as_str() }
    }

    /// The schema of the props of the node of this name, as its types say it.
    pub fn typed(&self, name: &NodeName) -> Option<&Value> {
        self.typed.get(self.export(name))
    }

    /// What the node of this name says of itself: its class, and where that says nothing, the exported constants.
    pub fn says(&self, name: &NodeName) -> Said {
        let class = self.export(name);
        let mut said = self.said.clone();
        if let Some(own) = self.classes.get(class) {
            for word in own.data.keys().chain(own.unread.keys()) {
                said.data.shift_remove(word);
                said.unread.remove(word);
            }
            said.data.extend(own.data.clone());
            said.unread.extend(own.unread.clone());
        }
        said
    }

    /// A module with all that it imports, directly or by way of others.
    pub fn reached<'c>(&'c self, from: &'c str) -> BTreeSet<&'c str> {
        let (mut reached, mut waiting) = (BTreeSet::from([from]), vec![from]);
        while let Some(name) = waiting.pop() {
            let imports = self.modules.iter().filter(|module| module.name == name).flat_map(|module| &module.imports);
            waiting.extend(imports.map(String::as_str).filter(|import| reached.insert(import)));
        }
        reached
    }

    /// The name of the node in a file that is called after it: what is exported under a name of which the file's is made.
    pub fn name_in(&self, stem: &str) -> Option<NodeName> {
        let names = self.exports.iter().filter_map(|name| name.parse::<NodeName>().ok());
        let mut fitting = names.filter(|name| name.kebab() == stem && self.classes.contains_key(name.as_str()));
        fitting.next().filter(|_| fitting.next().is_none())
    }

    /// The problems below each other, the first with the words that uploads answer.
    pub fn failure(&self) -> Option<String> {
        let told: Vec<String> = self.problems.iter().map(ToString::to_string).collect();
        (!told.is_empty()).then(|| format!("TypeScript compilation failed: {}", told.join("\n")))
    }
}

/// See the module.
pub struct Compiler {
    nodes: Arc<ExternalNodes>,
    packages: Store,
    folder: PathBuf,
    kept: Mutex<Option<PinnedNode>>,
}

impl Compiler {
    /// Starts nothing yet. `folder` is one in which a package may be put together.
    pub fn new(nodes: Arc<ExternalNodes>, packages: Store, folder: PathBuf) -> Self {
        Self { nodes, packages, folder, kept: Mutex::default() }
    }

    pub(crate) fn nodes(&self) -> &ExternalNodes {
        &self.nodes
    }

    pub(crate) fn packages(&self) -> &Store {
        &self.packages
    }

    /// Compiles files that are all there is.
    ///
    /// # Errors
    /// They are too many bytes, or this machine cannot isolate.
    pub async fn compile(&self, tenant: &Tenant, sources: &Sources, options: Options) -> Result<Compiled, StepError> {
        self.once(tenant, sources, &BTreeSet::new(), true, options).await
    }

    /// Compiles files of a project: `read` gives those that are needed besides, such as what is imported, by their paths from
    /// the project's folder. Gives the files that were needed as well.
    ///
    /// # Errors
    /// As with [`Self::compile`].
    pub async fn compile_project(
        &self,
        tenant: &Tenant,
        mut sources: Sources,
        options: Options,
        mut read: impl FnMut(&str) -> Option<String>,
    ) -> Result<(Compiled, Sources), StepError> {
        let mut absent = BTreeSet::new();
        for _ in 0..ROUNDS_MAX {
            let compiled = self.once(tenant, &sources, &absent, false, options).await?;
            if compiled.wanted.is_empty() {
                // What was only looked at is not the node's.
                let used: BTreeSet<&str> = compiled.modules.iter().map(|module| module.name.as_str()).collect();
                let is_used = |path: &String| used.contains(path.as_str()) || compiled.type_files.contains(path);
                sources.files.retain(|path, _| is_used(path) || path.ends_with("/package.json"));
                return Ok((compiled, sources));
            }
            for path in &compiled.wanted {
                match read(path) {
                    Some(text) => drop(sources.files.insert(path.clone(), text)),
                    None => drop(absent.insert(path.clone())),
                }
            }
        }
        Err(StepError::new(ErrorKind::Input, "the files that the node imports have no end")
            .with_suggestion("Import less of what it imports."))
    }

    async fn once(
        &self,
        tenant: &Tenant,
        sources: &Sources,
        absent: &BTreeSet<String>,
        complete: bool,
        options: Options,
    ) -> Result<Compiled, StepError> {
        let bytes: usize = sources.files.iter().map(|(path, text)| path.len() + text.len()).sum();
        if bytes > SOURCE_BYTES_MAX {
            let message = format!("the files have {bytes} bytes together, more than the {SOURCE_BYTES_MAX} allowed");
            return Err(StepError::new(ErrorKind::Input, message).with_suggestion("Import less, or leave data out."));
        }
        let absent: Map<String, Value> = absent.iter().map(|path| (path.clone(), Value::Null)).collect();
        let props = json!({
            "files": sources.files, "entry": sources.entry, "absent": absent, "complete": complete,
            "coverage": options.coverage, "packages": options.packages,
        });
        let invocation = Invocation {
            context: StepContext::apart(tenant, "custom-node", "compile"),
            node_type: self.node().await?,
            props: props.as_object().cloned().unwrap_or_default(),
            blackboard: BTreeMap::new(),
            input: None,
        };
        let io = StepIo { cancel: CancellationToken::new(), events: StepEvents::none(), secrets: Arc::default() };
        answered(self.nodes.run_as(invocation, io, Wish::default()).await)
    }

    /// The name of the compiler's node; its package is kept with the first call.
    async fn node(&self) -> Result<Arc<str>, StepError> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (packages, folder) = (self.packages.clone(), self.folder.clone());
        let broken = |_| Err(StepError::new(ErrorKind::Internal, "the host broke off"));
        let work = move || match kept {
            // It may have been collected: no installation names it.
            Some(kept) if packages.path(&kept.digest).is_dir() => Ok(kept),
            _ => keep("TypeScript", COMPILER, &packages, &folder),
        };
        let pinned = tokio::task::spawn_blocking(work).await.unwrap_or_else(broken)?;
        let name = Arc::<str>::from(pinned.to_string());
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(pinned);
        Ok(name)
    }
}

/// The module by which the packages of an environment are entered.
const PACKAGES_ENTRY: &str = "environment.mjs";

impl Bundler for Compiler {
    fn bundle<'a>(
        &'a self,
        entry: String,
        read: &'a mut (dyn FnMut(&str) -> Option<String> + Send),
    ) -> BoxFuture<'a, Result<String, StepError>> {
        Box::pin(async move {
            let sources = Sources::of_file(PACKAGES_ENTRY, &entry);
            let options = Options { packages: true, ..Options::default() };
            let (compiled, _) = self.compile_project(&Tenant::local(), sources, options, read).await?;
            let problem = |text: String| StepError::new(ErrorKind::Input, text).with_detail("reason", "bundle");
            let told = compiled.problems.first().map_or_else(String::new, ToString::to_string);
            compiled.code.ok_or_else(|| problem(format!("the packages cannot be put together: {told}")))
        })
    }
}

fn answered(outcome: Outcome) -> Result<Compiled, StepError> {
    if outcome.status != OutcomeStatus::Success {
        let unsaid = || StepError::new(ErrorKind::Internal, "the compiler gave no reason");
        let error = outcome.error.unwrap_or_else(unsaid);
        // It has a process of its own, which only what it reads can end like that.
        if error.detail.get("reason").and_then(Value::as_str) == Some("crashed") {
            let message = format!(
                "the files are nested too deeply to be read, or otherwise beyond the compiler: {}",
                error.message
            );
            return Err(StepError::new(ErrorKind::Input, message)
                .with_suggestion("Look for thousands of brackets, operators or blocks within each other."));
        }
        return Err(error);
    }
    serde_json::from_value(Value::Object(outcome.outputs))
        .map_err(|error| StepError::new(ErrorKind::Internal, format!("the compiler's answer cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(exports: &[&str], said: &Value, classes: &Value) -> Compiled {
        let document = json!({
            "code": null, "map": null, "problems": [], "wanted": [], "scan": [], "exports": exports, "said": said,
            "classes": classes, "modules": [],
        });
        serde_json::from_value(document).unwrap()
    }

    #[test]
    fn a_node_says_what_its_own_class_says_and_then_what_the_file_says() {
        let said = json!({"data": {"timeout": "1s", "memory": "64MB"}, "unread": {"schema": 3}});
        let classes = json!({
            "Own": {"data": {"timeout": "2s"}, "unread": {"memory": 7}},
            "Helper": {"data": {"permissions": ["network.http"]}, "unread": {}},
        });
        let says = compiled(&["Own", "Helper"], &said, &classes).says(&"Own".parse().unwrap());
        assert_eq!(json!(says.data), json!({"timeout": "2s"}));
        assert_eq!(says.unread, BTreeMap::from([("memory".to_owned(), 7), ("schema".to_owned(), 3)]));
        let by_default = compiled(&["Own", "default"], &said, &classes).says(&"Own".parse().unwrap());
        assert_eq!(by_default.data["timeout"], "1s", "the default export is the node");
    }

    #[test]
    fn what_a_module_imports_is_followed_and_may_lead_back() {
        let module = |name: &str, imports: &[&str]| Module {
            name: name.to_owned(),
            bytes: 1,
            imports: imports.iter().map(|import| (*import).to_owned()).collect(),
        };
        let empty = json!({"data": {}, "unread": {}});
        let mut compiled = compiled(&[], &empty, &json!({}));
        compiled.modules = vec![module("a", &["b"]), module("b", &["c", "a"]), module("c", &[]), module("d", &["c"])];
        assert_eq!(compiled.reached("a"), BTreeSet::from(["a", "b", "c"]));
        assert_eq!(compiled.reached("d"), BTreeSet::from(["c", "d"]));
    }

    #[test]
    fn a_file_names_its_node_by_what_it_exports() {
        let empty = json!({"data": {}, "unread": {}});
        let classes = json!({"SendSMS": empty, "SendSms": empty, "Other": empty});
        let name = |exports: &[&str]| {
            compiled(exports, &empty, &classes).name_in("send-sms").map(|name| name.as_str().to_owned())
        };
        assert_eq!(name(&["SendSMS", "Other"]).as_deref(), Some("SendSMS"));
        assert_eq!(name(&["SendSMS", "SendSms"]), None, "nobody knows which one is meant");
        assert_eq!(name(&["default"]), None);
    }
}
