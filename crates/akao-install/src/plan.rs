//! What would be written, and what somebody has to agree to before. Making a plan writes nothing that stays.

use crate::{Candidate, InstalledSource, Record, planner::weigh::still_asked};
use akao_contract::{Digest, Permission, manifest::PackageId};
use akao_manifest::{Asked, Explanation};
use akao_package::{
    Change, Difference, PublicKey,
    trust::{Consent, Refusal, SignatureState, Verdict},
};
use akao_repository::{LookAlike, Skipped};
use semver::Version;
use std::fmt;

/// What would be written.
#[derive(Debug, Default)]
pub struct Plan {
    /// Packages in the order in which they are written: what is needed before what needs it.
    pub packages: Vec<PlannedPackage>,
    /// Packages that stay as they are, with the reason.
    pub kept: Vec<Kept>,
    /// Whether nobody asked for it.
    pub(crate) automatic: bool,
}

/// A package that stays as it is.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Which.
    pub id: PackageId,
    /// Its version.
    pub version: Version,
    /// Why, as a fragment.
    pub why: String,
    /// Newer versions that were not taken, newest first, and why.
    pub skipped: Vec<Skipped>,
}

/// One package of a plan.
#[derive(Debug)]
pub struct PlannedPackage {
    /// Its id.
    pub id: PackageId,
    /// Its version.
    pub version: Version,
    /// The digest of its content.
    pub content: Digest,
    /// The digest of its archive.
    pub archive: Digest,
    /// Where it comes from.
    pub source: InstalledSource,
    /// Whether somebody asked for it, not only another package.
    pub requested: bool,
    /// Who needs it, `ID VERSION` each, sorted.
    pub needed_by: Vec<String>,
    /// Newer versions that were not taken, newest first, and why.
    pub skipped: Vec<Skipped>,
    /// What its signature is worth, with the key.
    pub signature: SignatureState,
    /// What is known here of its publisher.
    pub standing: Standing,
    /// What policy and trust say.
    pub verdict: Verdict,
    /// What it would see and may do, by the grants that it would keep from the version before: permissions, limits,
    /// command. [`Asked::grant`] is empty where all is granted.
    pub explanation: Explanation,
    /// Capabilities that it provides.
    pub provides: Vec<String>,
    /// Packages that it needs, `ID RANGE` each.
    pub needs: Vec<String>,
    /// What its repository says against using it.
    pub warning: Option<String>,
    /// Known ids that are easily taken for its id.
    pub look_alikes: Vec<LookAlike>,
    /// The installed version that it is compared with; none when there is none.
    pub installed: Option<Version>,
    /// What differs from that version.
    pub difference: Option<Difference>,
    /// Whether it becomes the active version, which is used where none is named.
    pub activates: bool,
    /// Whether this version with this content is installed already.
    pub already: bool,
    /// Grants that it keeps from the version that it is compared with.
    pub kept_grants: Vec<Permission>,
    /// What its folder holds and the archive does not.
    pub left_out: Vec<String>,
    pub(crate) candidate: Candidate,
    /// The record as it was when the plan was made.
    pub(crate) seen: Option<Record>,
    pub(crate) known_content: Option<Digest>,
    pub(crate) vouched: bool,
}

/// What is known here of who published a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Its key is trusted for this prefix.
    Trusted {
        /// The prefix.
        prefix: String,
    },
    /// The package is bound to its key.
    Pinned,
    /// A repository says whose key it is, and is believed.
    Vouched {
        /// Its name here.
        repository: String,
    },
    /// Its key was revoked.
    Revoked,
    /// Its key is not known here.
    Unknown,
    /// No signature says who it is.
    Unsigned,
}

impl Standing {
    /// For programs: one word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Trusted { .. } => "trusted",
            Self::Pinned => "pinned",
            Self::Vouched { .. } => "vouched",
            Self::Revoked => "revoked",
            Self::Unknown => "unknown",
            Self::Unsigned => "unsigned",
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trusted { prefix } => write!(f, "its key is trusted for `{prefix}`"),
            Self::Pinned => f.write_str("the package is bound to its key"),
            Self::Vouched { repository } => write!(f, "the repository `{repository}` vouches for its key"),
            Self::Revoked => f.write_str("its key was revoked"),
            Self::Unknown => f.write_str("its key is not known here"),
            Self::Unsigned => f.write_str("no signature says that it is them"),
        }
    }
}

/// Something that somebody has to agree to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// It was not installed before.
    New,
    /// It asks for these, of which nothing was granted before.
    Permissions(Vec<Permission>),
    /// What policy and trust want agreed to.
    Trust(Consent),
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => f.write_str("it is new"),
            Self::Permissions(permissions) => {
                let permissions: Vec<String> = permissions.iter().map(Permission::to_string).collect();
                write!(f, "it asks for {}", permissions.join(", "))
            }
            Self::Trust(consent) => consent.fmt(f),
        }
    }
}

impl PlannedPackage {
    /// Name for people.
    pub fn name(&self) -> &str {
        &self.candidate.manifest().name
    }

    /// What it is for.
    pub fn description(&self) -> Option<&str> {
        self.candidate.manifest().description.as_deref()
    }

    /// The package itself.
    pub fn candidate(&self) -> &Candidate {
        &self.candidate
    }

    /// What it asks for and would not have.
    pub fn open_requests(&self) -> impl Iterator<Item = &Asked> {
        self.explanation.asks.iter().filter(|asked| !asked.complete)
    }

    /// What granting everything it names would give. A permission without a scope, such as `network.http` alone, names
    /// nothing: somebody has to say what of it.
    pub fn grantable(&self) -> Vec<Permission> {
        let named = self.open_requests().filter(|asked| asked.permission.scope().is_some());
        named.map(|asked| asked.permission.clone()).collect()
    }

    /// What somebody has to agree to before it is written; empty when nothing.
    pub fn consents(&self) -> Vec<Need> {
        if self.already {
            return self.consents_again();
        }
        let mut needs = Vec::new();
        if self.installed.is_none() {
            needs.push(Need::New);
        }
        // What an update asks for beyond the version before, the difference tells; without one all of it is asked anew.
        if self.difference.is_none() {
            let asked: Vec<Permission> = self.open_requests().map(|asked| asked.permission.clone()).collect();
            needs.extend((!asked.is_empty()).then_some(Need::Permissions(asked)));
        }
        if let Verdict::NeedsConsent { why } = &self.verdict {
            needs.extend(why.iter().cloned().map(Need::Trust));
        }
        needs
    }

    /// Whether nobody has signed it and it would take the place of what somebody had.
    pub fn strips_signature(&self) -> bool {
        self.consents().iter().any(|need| matches!(need, Need::Trust(Consent::Stripped { .. })))
    }

    /// What a content that is installed already would change beside itself: whose key is pinned, and which version is used.
    fn consents_again(&self) -> Vec<Need> {
        let Verdict::NeedsConsent { why } = &self.verdict else { return Vec::new() };
        let of_key = |consent: &Consent| matches!(consent, Consent::FirstUse { .. } | Consent::OtherKey { .. });
        let counts = |consent: &&Consent| self.switches() || of_key(consent);
        why.iter().filter(counts).cloned().map(Need::Trust).collect()
    }

    /// Whether another version is active until it is written.
    pub fn switches(&self) -> bool {
        self.activates && self.seen.as_ref().is_some_and(|record| record.active != self.version)
    }

    /// Whether its content is installed already, and is signed by another key than was known of it, or by one at all.
    pub fn takes_key(&self) -> bool {
        let SignatureState::Valid { key } = &self.signature else { return false };
        let there = self.seen.as_ref().and_then(|record| record.version(&self.version));
        there
            .filter(|there| there.content == self.content)
            .is_some_and(|there| there.publisher.as_ref().map(PublicKey::ed25519) != Some(key.ed25519()))
    }

    /// Whether writing it changes what is installed, whatever is granted.
    pub fn changes_record(&self) -> bool {
        !self.already || self.switches() || self.takes_key()
    }

    /// What agreeing to it grants: all that it names when it is new; of an update what it asks for beyond the version before. Of a
    /// version that is there, nothing: it was decided about, and what was declined stays declined until somebody names it.
    pub fn newly_grantable(&self) -> Vec<Permission> {
        if self.already {
            return Vec::new();
        }
        let Some(difference) = &self.difference else { return self.grantable() };
        let added = |permission: &Permission| {
            difference.changes.iter().any(|change| match change {
                Change::PermissionAdded { permission: added } => added == permission,
                Change::PermissionWidened { to, .. } => to == permission,
                _ => false,
            })
        };
        self.grantable().into_iter().filter(added).collect()
    }

    /// Whether it asks for something that this would give.
    pub fn asks_for(&self, grant: &Permission) -> bool {
        !still_asked(self.candidate.manifest(), std::slice::from_ref(grant)).is_empty()
    }

    /// Why it cannot be installed, with what to do about it; none when it can.
    pub fn refusal(&self) -> Option<(&Refusal, &str)> {
        match &self.verdict {
            Verdict::Refuse { why, cure } => Some((why, cure)),
            _ => None,
        }
    }
}

impl Plan {
    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.packages.iter().all(|package| package.already)
    }

    /// What somebody has to agree to, package by package.
    pub fn consents(&self) -> Vec<(&PlannedPackage, Vec<Need>)> {
        let needs = self.packages.iter().map(|package| (package, package.consents()));
        needs.filter(|(_, needs)| !needs.is_empty()).collect()
    }

    /// The first package that cannot be installed, with why and what to do.
    pub fn refusal(&self) -> Option<(&PlannedPackage, &Refusal, &str)> {
        self.packages.iter().find_map(|package| package.refusal().map(|(why, cure)| (package, why, cure)))
    }
}
