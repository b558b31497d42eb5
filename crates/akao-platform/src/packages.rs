//! What the operator does with the packages of this server: looks for them in repositories, installs and updates them after
//! having agreed to exactly what was shown, enables, disables, takes back and takes away. Whoever knows repositories, signatures and
//! records is given by the program; here stands who has to agree to what, and what the audit is told.

use crate::{Actor, Code, Error, Platform};
use akao_contract::{Digest, Permission, Tenant};
use akao_store::{StoreError, Work};
use serde_json::{Value, json};

/// Tenants that are looked through at once.
const TENANTS_AT_ONCE: i64 = 200;

/// Longest reason, in bytes.
const REASON_BYTES_MAX: usize = 400;

/// What is to be installed or updated, from the repositories that are configured on the server and from nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PackageOrder {
    /// A package, or the one that a node is in, with what it needs.
    Install {
        /// Its id.
        package: String,
        /// Which versions will do; none for the newest.
        versions: Option<String>,
    },
    /// A package that is installed, or all of them.
    Update {
        /// Its id.
        package: Option<String>,
    },
}

/// How a package that is installed is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PackageSwitch {
    /// Workflows may use it.
    Enable,
    /// Workflows may not use it.
    Disable {
        /// Why, for whoever wonders later.
        reason: String,
    },
    /// The version before is the active one.
    Rollback,
}

/// Knows repositories and what is installed. Everything here blocks.
pub trait PackageManager: Send + Sync {
    /// Packages of the repositories, best first, as documents, and the repositories that could not be asked.
    ///
    /// # Errors
    /// The settings cannot be used.
    fn search(&self, query: &str, limit: usize) -> Result<Value, Error>;

    /// The repositories that are configured, as documents, with when the kill list of each was looked at last. None of them is asked.
    ///
    /// # Errors
    /// The settings cannot be used.
    fn repositories(&self) -> Result<Vec<Value>, Error>;

    /// Makes a plan; nothing is written but what repositories say of what is installed.
    ///
    /// # Errors
    /// What is asked for cannot be had.
    fn plan(&self, order: &PackageOrder) -> Result<Box<dyn PackagePlan>, Error>;

    /// Switches a package; what was done, as documents.
    ///
    /// # Errors
    /// It is not installed, or may not be so.
    fn switch(&self, package: &str, switch: &PackageSwitch, by: &str) -> Result<Vec<Value>, Error>;

    /// The contents of a package, or of one version of it, that would be gone without it.
    ///
    /// # Errors
    /// It is not installed.
    fn contents(&self, package: &str, version: Option<&str>) -> Result<Vec<Digest>, Error>;

    /// Takes a package away, or one version of it. Its contents stay until they are collected.
    ///
    /// # Errors
    /// It is not installed, or an execution or another package uses it.
    fn uninstall(&self, package: &str, version: Option<&str>, by: &str) -> Result<Vec<Value>, Error>;

    /// Removes contents that nothing names any more. What cannot be removed stays, and is told to the operator.
    fn collect(&self);
}

/// What would be written.
pub trait PackagePlan {
    /// All that somebody has to see before they agree.
    fn document(&self) -> Value;

    /// Stands for what was shown of the packages that would be written: it changes with it.
    fn consent(&self) -> Digest;

    /// Why it cannot be written, with what to do.
    fn refusal(&self) -> Option<(String, String)>;

    /// Writes it, with these of the permissions that it may grant; what was done, as documents.
    ///
    /// # Errors
    /// Something has changed, a grant is none that was shown, or the disk refuses.
    fn carry_out(self: Box<Self>, grants: &[Permission], by: &str) -> Result<Vec<Value>, Error>;
}

/// A server without packages.
pub struct NoPackages;

impl NoPackages {
    fn none<T>() -> Result<T, Error> {
        Err(Error::new(Code::Conflict, "no packages are kept here"))
    }
}

impl PackageManager for NoPackages {
    fn search(&self, _: &str, _: usize) -> Result<Value, Error> {
        Self::none()
    }

    fn repositories(&self) -> Result<Vec<Value>, Error> {
        Ok(Vec::new())
    }

    fn plan(&self, _: &PackageOrder) -> Result<Box<dyn PackagePlan>, Error> {
        Self::none()
    }

    fn switch(&self, _: &str, _: &PackageSwitch, _: &str) -> Result<Vec<Value>, Error> {
        Self::none()
    }

    fn contents(&self, _: &str, _: Option<&str>) -> Result<Vec<Digest>, Error> {
        Self::none()
    }

    fn uninstall(&self, _: &str, _: Option<&str>, _: &str) -> Result<Vec<Value>, Error> {
        Self::none()
    }

    fn collect(&self) {}
}

impl PackageSwitch {
    /// What the audit calls it.
    fn act(&self) -> &'static str {
        match self {
            Self::Enable => "package.enabled",
            Self::Disable { .. } => "package.disabled",
            Self::Rollback => "package.rolled_back",
        }
    }
}

impl Platform {
    /// Packages of the repositories. Blocks.
    ///
    /// # Errors
    /// The settings cannot be used.
    pub fn search_packages(&self, query: &str, limit: usize) -> Result<Value, Error> {
        self.parts().packages.search(query, limit)
    }

    /// The repositories that packages are installed from. Blocks.
    ///
    /// # Errors
    /// The settings cannot be used.
    pub fn repositories(&self) -> Result<Vec<Value>, Error> {
        self.parts().packages.repositories()
    }

    /// What an order would do, with what it asks for and the word that agrees to it. Blocks.
    ///
    /// # Errors
    /// What is asked for cannot be had.
    pub fn preview_packages(&self, order: &PackageOrder) -> Result<Value, Error> {
        let plan = self.parts().packages.plan(order)?;
        let mut document = plan.document();
        document["consent"] = json!(plan.consent());
        Ok(document)
    }

    /// Does what an order says, when that is still what was agreed to. Blocks.
    ///
    /// # Errors
    /// It is not, it is refused, or it cannot be done.
    pub fn order_packages(
        &self,
        actor: &Actor,
        order: &PackageOrder,
        consent: &str,
        grants: &[String],
    ) -> Result<Vec<Value>, Error> {
        let granted = grants.iter().map(|text| permission(text)).collect::<Result<Vec<_>, _>>()?;
        let plan = self.parts().packages.plan(order)?;
        if plan.consent().to_string() != consent {
            let message = "what would be installed is not what was agreed to";
            return Err(Error::new(Code::Conflict, message).hint("Look at it again, and agree to what is shown now."));
        }
        if let Some((why, cure)) = plan.refusal() {
            return Err(Error::new(Code::Conflict, why).hint(cure));
        }
        let packages: Vec<Value> = plan.document()["packages"].as_array().into_iter().flatten().map(named).collect();
        let what = match order {
            PackageOrder::Install { .. } => "package.installed",
            PackageOrder::Update { .. } => "package.updated",
        };
        let details = json!({"packages": packages, "grants": grants, "consent": consent});
        self.told(actor, what, &details, || plan.carry_out(&granted, &actor.by()))
    }

    /// Enables, disables or takes back a package. Blocks.
    ///
    /// # Errors
    /// It is not installed, or may not be so.
    pub fn switch_package(&self, actor: &Actor, package: &str, switch: &PackageSwitch) -> Result<Vec<Value>, Error> {
        let mut details = json!({"package": package});
        if let PackageSwitch::Disable { reason } = switch {
            if reason.len() > REASON_BYTES_MAX || reason.chars().any(char::is_control) {
                return Err(Error::invalid(format!("a reason is one line of at most {REASON_BYTES_MAX} bytes")));
            }
            details["reason"] = json!(reason);
        }
        let packages = &self.parts().packages;
        packages.contents(package, None)?;
        self.told(actor, switch.act(), &details, || packages.switch(package, switch, &actor.by()))
    }

    /// Takes a package away, or one version of it, unless the latest version of a workflow or an execution that has not ended
    /// is pinned to it. Blocks.
    ///
    /// # Errors
    /// It is not installed, or something uses it.
    pub fn uninstall_package(&self, actor: &Actor, package: &str, version: Option<&str>) -> Result<Vec<Value>, Error> {
        let packages = &self.parts().packages;
        let contents = packages.contents(package, version)?;
        self.read(|work| check_unused(work, package, &contents))?;
        let details = json!({"package": package, "version": version});
        // Whoever saves a workflow looks in a transaction of its own whether what it names is still there, and transactions follow
        // each other: either this sees the workflow, or that one sees the package gone.
        let act = || {
            self.parts().store.write(|work| {
                check_unused(work, package, &contents)?;
                packages.uninstall(package, version, &actor.by())
            })
        };
        let done = self.told(actor, "package.uninstalled", &details, act)?;
        packages.collect();
        Ok(done)
    }

    /// Does what stands elsewhere: the line of the audit is durable before, and a second one says so when nothing came of it.
    fn told<T>(
        &self,
        actor: &Actor,
        what: &'static str,
        details: &Value,
        act: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let record = |what: &str, details: Value| {
            let now_ms = self.now_ms();
            self.parts().store.write(|work| actor.record(work, now_ms, what, details))
        };
        record(what, details.clone())?;
        let done = act();
        if let Err(refused) = &done {
            record("act.refused", json!({"act": what, "code": refused.code.as_str(), "details": details}))?;
        }
        done
    }
}

fn check_unused(work: &Work<'_>, package: &str, contents: &[Digest]) -> Result<(), Error> {
    let users = workflows_pinned_to(work, contents)?;
    if users.is_empty() {
        return Ok(());
    }
    let message = format!("`{package}` is used by {}", users.join(", "));
    let hint = "Save versions of these workflows without it, or disable the package.";
    Err(Error::new(Code::Conflict, message).hint(hint))
}

/// How many workflows of which tenants are pinned to one of these contents by their latest versions, for people. What they are
/// called is their tenants' business.
///
/// # Errors
/// Platform data cannot be read.
pub fn workflows_pinned_to(work: &Work<'_>, contents: &[Digest]) -> Result<Vec<String>, StoreError> {
    let mut users = Vec::new();
    let mut after = String::new();
    loop {
        let tenants = work.accounts().tenant_page(&after, TENANTS_AT_ONCE)?;
        let Some(last) = tenants.last() else { return Ok(users) };
        after = last.name.as_str().to_owned();
        for tenant in &tenants {
            let mut count = 0;
            for content in contents {
                count += work.of(&tenant.name).workflows().naming(&content.to_string())?;
            }
            users.extend((count > 0).then(|| used_by(count, &tenant.name)));
        }
    }
}

impl Actor {
    /// Who did it, for the audit of the machine.
    fn by(&self) -> String {
        format!("account {}", self.user.as_str())
    }
}

/// What the audit keeps of a package that is to be written.
fn named(package: &Value) -> Value {
    json!({"package": package["package"], "version": package["version"], "content": package["content"]})
}

fn permission(text: &str) -> Result<Permission, Error> {
    text.parse().map_err(|error: akao_contract::PermissionError| Error::invalid(error.to_string()))
}

fn used_by(count: i64, tenant: &Tenant) -> String {
    format!("{count} workflow{} of the tenant `{tenant}`", if count == 1 { "" } else { "s" })
}
