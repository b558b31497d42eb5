//! Workflows: saved as versions that never change, compared, and read again.

use crate::{
    Actor, Checked, Code, Error, Expected, Page, PageRequest, Platform,
    bundle::{self, Draught},
    custom_nodes,
};
use akao_engine::Bundle;
use akao_flow::{Problem, Severity, diff::Difference};
use akao_store::{NewVersion, Workflow, WorkflowVersion, Workflows};
use serde_json::json;

/// Longest text of a workflow, in bytes.
const SOURCE_BYTES_MAX: usize = 2 << 20;

/// Longest form of what is run, in bytes: a workflow holds those that it starts.
pub(crate) const BUNDLE_BYTES_MAX: usize = 8 << 20;

/// Longest lock file beside one, in bytes.
const LOCK_BYTES_MAX: usize = 1 << 20;

/// The text of a workflow, with that of the lock file that stands beside it.
#[derive(Debug, Clone, Copy)]
pub struct WorkflowText<'t> {
    /// The workflow.
    pub source: &'t str,
    /// Which versions and contents of packages its names stand for; without one, what is active.
    pub lock: Option<&'t str>,
}

impl<'t, T: AsRef<str> + ?Sized> From<&'t T> for WorkflowText<'t> {
    fn from(source: &'t T) -> Self {
        Self { source: source.as_ref(), lock: None }
    }
}

/// A version was saved.
#[derive(Debug)]
pub struct Saved {
    /// The workflow as it is now.
    pub workflow: Workflow,
    /// Whether a version was added; otherwise the latest one says the same already.
    pub added: bool,
    /// What should be looked at.
    pub warnings: Vec<Problem>,
}

/// The tag of a version: changes with it, and says nothing else.
pub fn tag(version: &WorkflowVersion) -> String {
    let digest = version.digest.rsplit(':').next().unwrap_or_default();
    format!("{}-{}", version.number, digest.get(..16).unwrap_or(digest))
}

impl Platform {
    /// Checks a text as a workflow of the tenant. Blocks.
    ///
    /// # Errors
    /// The text is too long to be one, or its lock cannot be read.
    pub fn check_workflow<'t>(&self, actor: &Actor, text: impl Into<WorkflowText<'t>>) -> Result<Checked, Error> {
        let catalogue = &self.parts().catalogue;
        let draught = self.draught(text.into())?;
        self.read(|work| Ok(bundle::check(draught, catalogue, work.of(&actor.tenant))?))
    }

    /// Saves a text as the next version of a workflow. Blocks.
    ///
    /// # Errors
    /// It has errors, its lock cannot be read or names what is not installed, its version's name is taken by another content, or
    /// the workflow is another one than was expected.
    pub fn save_workflow<'t>(
        &self,
        actor: &Actor,
        id: &str,
        text: impl Into<WorkflowText<'t>>,
        expected: &Expected,
    ) -> Result<Saved, Error> {
        let (text, now_ms, mut stored) = (text.into(), self.now_ms(), None);
        let (source, draught) = (text.source, self.draught(text)?);
        let saved = self.write_beside(|work| {
            let workflows = work.of(&actor.tenant).workflows();
            let checked = bundle::check(draught, &self.parts().catalogue, work.of(&actor.tenant))?;
            let bundle = sound(id, &checked)?;
            let digest = bundle.digest().to_string();
            let latest = workflows.get(id)?;
            if let Some(latest) = latest.as_ref().filter(|found| is_same(found, &digest, bundle)) {
                return Ok(Saved { workflow: latest.clone(), added: false, warnings: checked.problems });
            }
            let found = latest.as_ref().map(|latest| tag(&latest.latest));
            expected.meets(&format!("workflow `{id}`"), found.as_deref())?;
            let version = WorkflowVersion {
                number: latest.map_or(0, |latest| latest.latest.number) + 1,
                version: bundle.definition.version.clone(),
                digest,
                created_by: actor.user.as_str().to_owned(),
                created_ms: now_ms,
            };
            free(&workflows, id, &version)?;
            // What was there when the text was read may be gone; from here on nobody takes it away.
            self.check_packages(bundle, "saved")?;
            let body = serde_json::to_string(bundle).map_err(|error| Error::internal(&error))?;
            if body.len() > BUNDLE_BYTES_MAX {
                return Err(Error::new(Code::TooLarge, "the workflow and those that it starts are longer than 8 MiB"));
            }
            let beside = custom_nodes::stored_beside(work.of(&actor.tenant))?;
            let more = source.len().saturating_add(body.len()) as u64;
            self.has_room(&actor.tenant, beside, more)?;
            stored = Some(beside.saturating_add(more));
            let details = json!({"workflow": id, "version": version.version, "digest": version.digest});
            let number = version.number;
            workflows.add(&NewVersion {
                workflow: id.to_owned(),
                name: bundle.definition.name.clone(),
                version,
                source: source.to_owned(),
                bundle: body,
            })?;
            for node in &checked.uses {
                work.of(&actor.tenant).custom_nodes().add_use(id, number, node)?;
            }
            actor.record(work, now_ms, "workflow.saved", details)?;
            let workflow = workflows.get(id)?.ok_or_else(|| Error::not_found(format_args!("workflow `{id}`")))?;
            Ok(Saved { workflow, added: true, warnings: checked.problems })
        })?;
        if let Some(stored) = stored {
            self.parts().allowances.stores_beside(&actor.tenant, stored);
        }
        Ok(saved)
    }

    /// A text that was read, with what its names of packages stand for. Blocks.
    fn draught<'t>(&self, text: WorkflowText<'t>) -> Result<Draught<'t>, Error> {
        bounded(text.source)?;
        let catalogue = &self.parts().catalogue;
        let Some(lock) = text.lock else {
            return Ok(Draught::read(text.source, catalogue, &|named| self.shelf().resolve(named)));
        };
        if lock.len() > LOCK_BYTES_MAX {
            return Err(Error::new(Code::TooLarge, "the lock file of a workflow is longer than 1 MiB"));
        }
        Ok(Draught::read(text.source, catalogue, &*self.shelf().resolve_locked(lock)?))
    }

    /// A page of the tenant's workflows. Blocks.
    ///
    /// # Errors
    /// The page cannot be meant.
    pub fn workflows(&self, actor: &Actor, page: &PageRequest) -> Result<Page<Workflow>, Error> {
        let after = page.after().unwrap_or_default();
        let found = self.read(|work| Ok(work.of(&actor.tenant).workflows().page(after, page.one_more())?))?;
        Ok(page.page(found, |workflow| workflow.id.clone()))
    }

    /// One of them. Blocks.
    ///
    /// # Errors
    /// There is no such workflow.
    pub fn workflow(&self, actor: &Actor, id: &str) -> Result<Workflow, Error> {
        let found = self.read(|work| Ok(work.of(&actor.tenant).workflows().get(id)?))?;
        found.ok_or_else(|| Error::not_found(format_args!("workflow `{id}`")))
    }

    /// A page of a workflow's versions, newest first. Blocks.
    ///
    /// # Errors
    /// There is no such workflow, or the page cannot be meant.
    pub fn workflow_versions(
        &self,
        actor: &Actor,
        id: &str,
        page: &PageRequest,
    ) -> Result<Page<WorkflowVersion>, Error> {
        let before = page.after_number()?.unwrap_or(i64::MAX);
        let found = self.read(|work| {
            let workflows = work.of(&actor.tenant).workflows();
            workflows.get(id)?.ok_or_else(|| Error::not_found(format_args!("workflow `{id}`")))?;
            Ok(workflows.versions(id, before, page.one_more())?)
        })?;
        Ok(page.page(found, |version| version.number.to_string()))
    }

    /// A version with its text. Blocks.
    ///
    /// # Errors
    /// There is no such version.
    pub fn workflow_version(&self, actor: &Actor, id: &str, version: &str) -> Result<(WorkflowVersion, String), Error> {
        self.read(|work| {
            let workflows = work.of(&actor.tenant).workflows();
            let missing = || Error::not_found(format_args!("version {version} of workflow `{id}`"));
            let found = workflows.version(id, version)?.ok_or_else(missing)?;
            let source = workflows.source(id, found.number)?.ok_or_else(missing)?;
            Ok((found, source))
        })
    }

    /// What differs in meaning between two versions. Blocks.
    ///
    /// # Errors
    /// There is no such version.
    pub fn workflow_difference(&self, actor: &Actor, id: &str, from: &str, to: &str) -> Result<Difference, Error> {
        let (_, before) = self.bundle(actor, id, Some(from))?;
        let (_, after) = self.bundle(actor, id, Some(to))?;
        Ok(akao_flow::diff::diff(&before.definition, &after.definition))
    }

    /// What is run of a version, or of the latest one.
    pub(crate) fn bundle(
        &self,
        actor: &Actor,
        id: &str,
        version: Option<&str>,
    ) -> Result<(WorkflowVersion, Bundle), Error> {
        let (found, body) = self.read(|work| {
            let workflows = work.of(&actor.tenant).workflows();
            let (found, missing) = match version {
                Some(name) => (workflows.version(id, name)?, format!("version {name} of workflow `{id}`")),
                None => (workflows.get(id)?.map(|workflow| workflow.latest), format!("workflow `{id}`")),
            };
            let found = found.ok_or_else(|| Error::not_found(&missing))?;
            let body = workflows.bundle(id, found.number)?.ok_or_else(|| Error::not_found(&missing))?;
            Ok((found, body))
        })?;
        let bundle = serde_json::from_str(&body).map_err(|error| Error::internal(&error))?;
        Ok((found, bundle))
    }
}

fn bounded(source: &str) -> Result<(), Error> {
    match source.len() > SOURCE_BYTES_MAX {
        true => Err(Error::new(Code::TooLarge, "the text of a workflow is longer than 2 MiB")),
        false => Ok(()),
    }
}

/// The bundle of a text without errors that is about this workflow.
fn sound<'c>(id: &str, checked: &'c Checked) -> Result<&'c Bundle, Error> {
    let Some(bundle) = &checked.bundle else {
        let errors = checked.problems.iter().filter(|problem| problem.severity == Severity::Error).count();
        let message = format!("the workflow has {errors} error{}", if errors == 1 { "" } else { "s" });
        let problems = checked.problems.iter().map(|problem| json!(problem)).collect();
        return Err(Error { problems, ..Error::new(Code::InvalidWorkflow, message) });
    };
    if bundle.definition.id != id {
        let message = format!("the text is workflow `{}`, not `{id}`", bundle.definition.id);
        return Err(Error::new(Code::InvalidWorkflow, message).hint("Save it under its own id, or change `id:`."));
    }
    let named: Result<semver::Version, _> = bundle.definition.version.parse();
    if named.is_err() {
        let message = format!("`{}` is not a semantic version", bundle.definition.version);
        return Err(Error::new(Code::InvalidWorkflow, message).hint("Write for example `version: 1.0.0`."));
    }
    Ok(bundle)
}

fn is_same(workflow: &Workflow, digest: &str, bundle: &Bundle) -> bool {
    workflow.latest.digest == digest && workflow.latest.version == bundle.definition.version
}

/// Whether a version's name is free.
fn free(workflows: &Workflows<'_>, id: &str, version: &WorkflowVersion) -> Result<(), Error> {
    match workflows.version(id, &version.version)? {
        None => Ok(()),
        Some(taken) => {
            let message = format!("version {} of workflow `{id}` exists with another content", taken.version);
            Err(Error::new(Code::VersionTaken, message).hint("A version never changes; raise `version:`."))
        }
    }
}
