//! External nodes that a workflow uses: by the folder of their package (`type: ./nodes/enrich`), or by the id of a node
//! that was linked. A folder is read and digested here; none of its code runs.

mod locks;

use super::FileProblem;
use crate::{
    commands::packages::lock::{self, LockedVersion},
    failure::Failure,
    linked::Linked,
    output::shell_word,
    wiring,
};
use akao_contract::{
    NodeType, Tenant,
    manifest::{MANIFEST_FILE, PackageId},
};
use akao_custom::{NodeVersion, Shelf};
use akao_flow::{Catalogue, Draft, Problem, Refusal};
use akao_install::{Found, Installed, Places};
use akao_manifest::FolderError;
use akao_nodes::{PinError, Pinned, pin};
use locks::{INSTALL_LOCKED, Locks};
use semver::VersionReq;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

/// The packages of a workflow and of what it starts.
pub(super) struct Packages {
    /// The folder of the main file.
    root: PathBuf,
    data_dir: Option<PathBuf>,
    /// What is linked, once it was looked for.
    linked: Option<Result<Linked, Refusal>>,
    manifests: Manifests,
    locks: Locks,
    /// Records that ids were looked for in.
    records: BTreeSet<PathBuf>,
    /// What has been looked at, by its folder.
    known: BTreeMap<PathBuf, Result<Pinned, Refusal>>,
}

/// Manifests with problems of their own, which are told with their places.
#[derive(Default)]
struct Manifests {
    problems: Vec<FileProblem>,
    texts: BTreeMap<String, String>,
}

/// All that was found.
pub(super) struct All {
    /// Packages that are sound.
    pub(super) pinned: Vec<Pinned>,
    /// Problems of manifests.
    pub(super) problems: Vec<FileProblem>,
    /// The texts of those manifests.
    pub(super) texts: BTreeMap<String, String>,
    /// The manifests, and the files that are run, for whoever watches them.
    pub(super) files: Vec<PathBuf>,
    /// The records of packages, there or not, that ids were looked for in.
    pub(super) records: Vec<PathBuf>,
}

/// What the node types that one file names turned out to be.
#[derive(Debug, Default)]
pub(super) struct FoundTypes {
    /// Node types of pinned names; the aliases are what the file calls them.
    pub(super) types: Vec<Arc<NodeType>>,
    /// Why the others cannot be used.
    pub(super) refused: BTreeMap<String, Refusal>,
}

impl Packages {
    pub(super) fn new(root: PathBuf, data_dir: Option<PathBuf>) -> Self {
        Self {
            root,
            data_dir,
            linked: None,
            manifests: Manifests::default(),
            locks: Locks::default(),
            records: BTreeSet::new(),
            known: BTreeMap::new(),
        }
    }

    /// What was found for all files.
    pub(super) fn finish(self) -> All {
        let files = self.known.iter().flat_map(|(place, known)| {
            let command = known.as_ref().ok().map(|pinned| place.join(&pinned.folder.manifest().runtime.command));
            std::iter::once(place.join(MANIFEST_FILE)).chain(command)
        });
        let files = files.collect();
        let pinned = self.known.into_values().filter_map(Result::ok).collect();
        let records = self.records.into_iter().collect();
        All { pinned, problems: self.manifests.problems, texts: self.manifests.texts, files, records }
    }

    /// Looks for what a file in `folder` names and `catalogue` does not have.
    pub(super) fn find(&mut self, draft: &Draft, folder: &Path, catalogue: &Catalogue) -> FoundTypes {
        let mut found = FoundTypes::default();
        let mut named: BTreeMap<String, (Arc<NodeType>, Vec<String>)> = BTreeMap::new();
        for text in draft.types().into_iter().filter(|text| catalogue.get(text).is_none()) {
            match self.look_for(text, folder) {
                None => {}
                Some(Ok(node_type)) => {
                    let entry = named.entry(node_type.name.clone()).or_insert_with(|| (node_type, Vec::new()));
                    entry.1.push(text.to_owned());
                }
                Some(Err(refusal)) => {
                    found.refused.insert(text.to_owned(), refusal);
                }
            }
        }
        let with_aliases = |(node_type, aliases)| Arc::new(NodeType { aliases, ..Arc::unwrap_or_clone(node_type) });
        found.types = named.into_values().map(with_aliases).collect();
        found
    }

    /// The node type that a text names; none when it names no external node.
    fn look_for(&mut self, text: &str, folder: &Path) -> Option<Result<Arc<NodeType>, Refusal>> {
        let (named, node) = match text.split_once('#') {
            Some((named, node)) => (named, Some(node)),
            None => (text, None),
        };
        if named.starts_with("./") || named.starts_with("../") {
            let within = match super::children::resolve_within(folder, named) {
                Some(within) => within,
                None => return Some(Err(outside(named))),
            };
            let place = self.root.join(within);
            return Some(self.node_type(&place, named, node));
        }
        if node.is_none() && NodeVersion::may_be(named) {
            return self.custom(named);
        }
        // An id has a publisher; what has none is a mistaken name, for which nothing is read.
        let data_dir = self.data_dir.clone().filter(|_| named.contains('.'))?;
        let need = lock::named(named)?;
        if !named.contains('@') {
            // A link is what somebody works on now, and stands before what is installed.
            let linked = self.linked.get_or_insert_with(|| Linked::read(&data_dir).map_err(unreadable));
            match linked {
                Err(refusal) => return Some(Err(refusal.clone())),
                Ok(linked) => {
                    if let Some(place) = linked.folder_of(named).map(Path::to_owned) {
                        return Some(self.node_type(&place, named, Some(named)));
                    }
                }
            }
        }
        let locked = match self.locks.find(&need, &self.root.join(folder)) {
            Ok(locked) => locked,
            Err(refusal) => return Some(Err(refusal)),
        };
        self.records.extend(Places::new(&data_dir).records_of(&need.node));
        let range = locked.as_ref().map_or(need.range, |locked| locked.range.clone());
        Some(self.installed(&Places::new(&data_dir), &need.node, &range, locked.as_ref(), named))
    }

    /// A custom node: of the project, whose workflows bring it along, else of the data directory. None where there is none of
    /// the name, which may be a mistaken one.
    fn custom(&mut self, named: &str) -> Option<Result<Arc<NodeType>, Refusal>> {
        let wanted = match named.parse::<NodeVersion>() {
            Ok(wanted) => wanted,
            Err(error) => {
                let suggestion = "Write the version with three numbers: `type: SendSlackMessage@1.0.0`.".to_owned();
                return Some(Err(Refusal { message: error.to_string(), suggestion }));
            }
        };
        let own = Shelf::of_project(&self.root);
        let data = self.data_dir.as_ref().map(|folder| wiring::shelf(folder, &Tenant::local()));
        let mut known = Vec::new();
        for shelf in std::iter::once(own).chain(data) {
            let found = shelf.find(&wanted).and_then(|place| Ok((place, shelf.versions(&wanted.name)?)));
            match found {
                Ok((Some(place), _)) => return Some(self.node_type(&place, named, None)),
                Ok((None, versions)) => known.extend(versions),
                Err(error) => {
                    let message = format!("the custom nodes cannot be read: {error}");
                    return Some(Err(Refusal { message, suggestion: "Check the folder's permissions.".to_owned() }));
                }
            }
        }
        let version = wanted.version?;
        let name = &wanted.name;
        let known: Vec<String> = known.iter().map(|version| format!("`{name}@{version}`")).collect();
        let (message, suggestion) = match known.is_empty() {
            true => (
                format!("there is no custom node `{name}`"),
                format!("Deploy it with `akao sdk deploy`, or begin one with `akao sdk init {name}`."),
            ),
            false => (
                format!("the custom node `{name}` has no version {version}"),
                format!("There is {}.", known.join(", ")),
            ),
        };
        Some(Err(Refusal { message, suggestion }))
    }

    fn installed(
        &mut self,
        places: &Places,
        node: &PackageId,
        range: &VersionReq,
        locked: Option<&LockedVersion>,
        named: &str,
    ) -> Result<Arc<NodeType>, Refusal> {
        let found = Installed::of(places).find(node, range).map_err(|error| {
            let install =
                error.to_install().map(|source| format!("Install it: `akao install {}`.", shell_word(&source)));
            // A lock names the source as well, which an id alone may not lead to.
            let install = install.map(|install| locked.map_or(install, |_| INSTALL_LOCKED.to_owned()));
            Refusal { message: error.to_string(), suggestion: install.unwrap_or_else(|| error.suggestion()) }
        })?;
        if let Some(message) = locked.and_then(|locked| locked.difference(&found)) {
            let suggestion =
                format!("{INSTALL_LOCKED} If the change is meant, make the lock anew with `akao lock FILE`.");
            return Err(Refusal { message, suggestion });
        }
        let place = places.store().path(&found.version.content);
        let manifests = &mut self.manifests;
        self.known.entry(place.clone()).or_insert_with(|| manifests.stored(&place, &found));
        self.node_type(&place, named, Some(node.as_str()))
    }

    fn node_type(&mut self, place: &Path, text: &str, node: Option<&str>) -> Result<Arc<NodeType>, Refusal> {
        let manifests = &mut self.manifests;
        let known = self.known.entry(place.to_owned()).or_insert_with(|| manifests.pinned(place));
        let pinned = known.as_ref().map_err(Clone::clone)?;
        let manifest = pinned.folder.manifest();
        let wanted = match (node, &manifest.nodes[..]) {
            (Some(node), _) => node,
            (None, [only]) => only.id.as_str(),
            (None, several) => match several.iter().find(|node| node.id == manifest.id) {
                Some(own) => own.id.as_str(),
                None => return Err(which_of(text, several.iter().map(|node| node.id.as_str()))),
            },
        };
        let found = manifest.nodes.iter().position(|node| node.id.as_str() == wanted);
        let Some(at) = found else {
            return Err(no_such(text, wanted, manifest.nodes.iter().map(|node| node.id.as_str())));
        };
        Ok(pinned.node_types().swap_remove(at))
    }
}

impl Manifests {
    /// Reads an installed package, and holds it against what was installed: another content is another package, which nobody has
    /// agreed to.
    fn stored(&mut self, place: &Path, found: &Found) -> Result<Pinned, Refusal> {
        let (id, version) = (&found.package, &found.version.version);
        let damaged = |why: &str| Refusal {
            message: format!("{id} {version} is damaged in the store: {why}"),
            suggestion: "See what differs with `akao verify`, then install it again from where it came.".to_owned(),
        };
        let pinned = pin(place).map_err(|error| damaged(&error.reasons()))?;
        if pinned.digest != found.version.content {
            return Err(damaged(&format!("its content is {}, not {}", pinned.digest, found.version.content)));
        }
        let suggestion = "Use another version of the package.".to_owned();
        pinned.check().map_err(|error| Refusal { message: told(&error), suggestion })?;
        Ok(pinned)
    }

    /// Reads, digests and checks a package.
    fn pinned(&mut self, place: &Path) -> Result<Pinned, Refusal> {
        let pinned = pin(place).map_err(|error| {
            if let PinError::Folder(FolderError::Invalid { path, text, problems }) = &error {
                let file = path.join(MANIFEST_FILE).display().to_string();
                self.texts.insert(file.clone(), text.clone());
                let told = |problem: &Problem| FileProblem { file: file.clone(), problem: problem.clone() };
                self.problems.extend(problems.iter().map(told));
            }
            Refusal { message: told(&error), suggestion: error.suggestion() }
        })?;
        let suggestion = "Correct the package's `_.yaml`.".to_owned();
        pinned.check().map_err(|error| Refusal { message: told(&error), suggestion })?;
        Ok(pinned)
    }
}

fn unreadable(failure: Failure) -> Refusal {
    let suggestion = failure.hint.clone().unwrap_or_default();
    Refusal { message: failure.full_message(), suggestion }
}

/// An error with its causes.
fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn outside(text: &str) -> Refusal {
    Refusal {
        message: format!("`{text}` is outside the folder of the workflow that is run"),
        suggestion:
            "Keep the packages of a workflow in its folder, or link the node with `akao node link` and use its id."
                .to_owned(),
    }
}

fn which_of<'a>(text: &str, nodes: impl Iterator<Item = &'a str>) -> Refusal {
    let nodes: Vec<String> = nodes.map(|node| format!("`{text}#{node}`")).collect();
    Refusal { message: format!("`{text}` holds several nodes"), suggestion: format!("Name one: {}.", nodes.join(", ")) }
}

fn no_such<'a>(text: &str, wanted: &str, nodes: impl Iterator<Item = &'a str>) -> Refusal {
    let nodes: Vec<String> = nodes.map(|node| format!("`{node}`")).collect();
    Refusal {
        message: format!("`{text}` holds no node `{wanted}`"),
        suggestion: format!("It holds {}.", nodes.join(", ")),
    }
}
