//! Which crate may depend on which: the picture of ARCHITECTURE.md as a table.
//!
//! Only ordinary and build dependencies count; tests may reach across.

use super::Finding;
use crate::workspace::Package;

/// One crate's place.
struct Layer {
    name: &'static str,
    /// The workspace's crates it may depend on.
    below: &'static [&'static str],
}

/// From the bottom up. A new crate gets a row here and in ARCHITECTURE.md.
const LAYERS: &[Layer] = &[
    Layer { name: "akao-conformance", below: &[] },
    Layer { name: "akao-contract", below: &[] },
    Layer { name: "akao-yaml", below: &[] },
    Layer { name: "akao-expression", below: &["akao-contract"] },
    Layer { name: "akao-document", below: &["akao-contract", "akao-yaml"] },
    Layer { name: "akao-step", below: &["akao-contract"] },
    Layer { name: "akao-flow", below: &["akao-contract", "akao-document", "akao-expression", "akao-yaml"] },
    Layer { name: "akao-manifest", below: &["akao-contract", "akao-document", "akao-yaml"] },
    Layer { name: "akao-package", below: &["akao-contract", "akao-document", "akao-manifest"] },
    Layer { name: "akao-repository", below: &["akao-contract", "akao-step"] },
    Layer {
        name: "akao-install",
        below: &["akao-contract", "akao-manifest", "akao-package", "akao-repository", "akao-step"],
    },
    Layer { name: "akao-rpc", below: &["akao-contract"] },
    Layer { name: "akao-journal", below: &["akao-contract"] },
    Layer { name: "akao-registry", below: &["akao-contract", "akao-step"] },
    Layer { name: "akao-builtin", below: &["akao-contract", "akao-expression", "akao-step", "akao-yaml"] },
    Layer { name: "akao-address", below: &[] },
    Layer { name: "akao-host", below: &["akao-address", "akao-contract", "akao-step"] },
    Layer { name: "akao-broker", below: &["akao-address"] },
    Layer { name: "akao-runtime", below: &["akao-contract", "akao-manifest", "akao-rpc", "akao-step"] },
    Layer { name: "akao-trace", below: &[] },
    Layer { name: "akao-javascript", below: &[] },
    Layer { name: "akao-spawner", below: &[] },
    Layer { name: "akao-probe", below: &[] },
    Layer { name: "akao-sandbox", below: &["akao-spawner"] },
    Layer {
        name: "akao-nodes",
        below: &[
            "akao-address",
            "akao-broker",
            "akao-contract",
            "akao-manifest",
            "akao-package",
            "akao-runtime",
            "akao-sandbox",
            "akao-step",
        ],
    },
    Layer {
        name: "akao-script",
        below: &["akao-contract", "akao-manifest", "akao-nodes", "akao-package", "akao-runtime", "akao-step"],
    },
    Layer { name: "akao-typescript", below: &[] },
    Layer {
        name: "akao-custom",
        below: &[
            "akao-contract",
            "akao-document",
            "akao-manifest",
            "akao-nodes",
            "akao-package",
            "akao-runtime",
            "akao-script",
            "akao-step",
            "akao-yaml",
        ],
    },
    Layer { name: "akao-import", below: &["akao-contract", "akao-flow", "akao-yaml"] },
    Layer {
        name: "akao-engine",
        below: &["akao-contract", "akao-expression", "akao-flow", "akao-journal", "akao-step"],
    },
    Layer { name: "akao-store", below: &["akao-contract", "akao-step"] },
    Layer {
        name: "akao-platform",
        below: &[
            "akao-address",
            "akao-contract",
            "akao-engine",
            "akao-flow",
            "akao-journal",
            "akao-step",
            "akao-store",
        ],
    },
    Layer {
        name: "akao-api",
        below: &[
            "akao-contract",
            "akao-engine",
            "akao-flow",
            "akao-journal",
            "akao-platform",
            "akao-step",
            "akao-store",
        ],
    },
    Layer {
        name: "akao-bench",
        below: &[
            "akao-builtin",
            "akao-contract",
            "akao-custom",
            "akao-engine",
            "akao-flow",
            "akao-journal",
            "akao-nodes",
            "akao-package",
            "akao-registry",
            "akao-repository",
            "akao-runtime",
            "akao-sandbox",
            "akao-script",
            "akao-step",
        ],
    },
    Layer {
        name: "akao",
        below: &[
            "akao-address",
            "akao-api",
            "akao-builtin",
            "akao-contract",
            "akao-custom",
            "akao-engine",
            "akao-expression",
            "akao-flow",
            "akao-host",
            "akao-import",
            "akao-install",
            "akao-journal",
            "akao-manifest",
            "akao-nodes",
            "akao-package",
            "akao-platform",
            "akao-registry",
            "akao-repository",
            "akao-runtime",
            "akao-sandbox",
            "akao-script",
            "akao-step",
            "akao-store",
            "akao-trace",
            "akao-yaml",
        ],
    },
    Layer { name: "akao-web", below: &["akao-contract", "akao-flow"] },
    Layer { name: "xtask", below: &[] },
];

/// Crates that are data and decisions only, for the browser as well.
pub(super) const PURE_CRATES: [&str; 5] =
    ["akao-contract", "akao-document", "akao-expression", "akao-flow", "akao-yaml"];

/// What must not stand anywhere below a pure crate: runtimes, databases, HTTP, and what brings time or randomness in.
const FORBIDDEN_BELOW_PURE: [&str; 21] = [
    "async-std",
    "axum",
    "chrono",
    "crossbeam-channel",
    "diesel",
    "h2",
    "hyper",
    "libsqlite3-sys",
    "mio",
    "openssl-sys",
    "rand",
    "rayon",
    "reqwest",
    "rusqlite",
    "rustls",
    "smol",
    "socket2",
    "sqlx",
    "tempfile",
    "tokio",
    "ureq",
];

/// Findings among the declared dependencies of the workspace's own packages.
pub(super) fn findings(members: &[&Package]) -> Vec<Finding> {
    let is_member = |name: &str| members.iter().any(|member| member.name == name);
    let mut findings = Vec::new();
    for member in members {
        let manifest = manifest_path(&member.name);
        let Some(layer) = LAYERS.iter().find(|layer| layer.name == member.name) else {
            let message = format!("`{}` has no place in the layers", member.name);
            findings.push(Finding::new(&manifest, None, message, "Add a row to LAYERS in xtask/src/tidy/layers.rs."));
            continue;
        };
        let counts = |kind: Option<&str>| kind != Some("dev");
        let dependencies = member.dependencies.iter().filter(|d| counts(d.kind.as_deref()) && is_member(&d.name));
        for dependency in dependencies.filter(|dependency| !layer.below.contains(&dependency.name.as_str())) {
            let message = format!("`{}` depends on `{}`, which does not stand below it", member.name, dependency.name);
            let help = "Pass what is needed through a port or as data, or move the code to where both may use it.";
            findings.push(Finding::new(&manifest, None, message, help));
        }
    }
    findings
}

/// Findings in what `cargo tree` lists below the pure crate `name`, one `package version` a line.
pub(super) fn forbidden_findings(name: &str, tree: &str) -> Vec<Finding> {
    let found = |forbidden: &&str| tree.lines().any(|line| line.split(' ').next() == Some(*forbidden));
    let forbidden = FORBIDDEN_BELOW_PURE.iter().filter(|forbidden| found(forbidden));
    forbidden
        .map(|forbidden| {
            let message = format!("`{forbidden}` stands below `{name}`, which must stay free of I/O, time and chance");
            let help = format!("See `cargo tree --package {name} --invert {forbidden} --target all` for the way in.");
            Finding::new(&manifest_path(name), None, message, help)
        })
        .collect()
}

/// The path of a member's manifest from the workspace's folder.
pub(super) fn manifest_path(name: &str) -> String {
    match name {
        "xtask" => "xtask/Cargo.toml".to_owned(),
        "akao-web" => "web/wasm/Cargo.toml".to_owned(),
        _ => format!("crates/{name}/Cargo.toml"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn package(name: &str, dependencies: &[(&str, Option<&str>)]) -> Package {
        let dependency =
            |(name, kind): &(&str, Option<&str>)| Dependency { name: (*name).into(), kind: kind.map(str::to_owned) };
        Package { name: name.into(), dependencies: dependencies.iter().map(dependency).collect(), ..Package::default() }
    }

    #[test]
    fn the_table_is_ordered_so_that_dependencies_point_up_the_list() {
        for (index, layer) in LAYERS.iter().enumerate() {
            for below in layer.below {
                let earlier = LAYERS[..index].iter().any(|other| other.name == *below);
                assert!(earlier, "{} may depend on {below}, which does not stand before it", layer.name);
            }
        }
    }

    #[test]
    fn an_edge_against_the_layers_is_found() {
        let engine = package("akao-engine", &[("akao-flow", None), ("akao-host", None), ("serde", None)]);
        let members = [engine, package("akao-flow", &[]), package("akao-host", &[])];
        let found = findings(&members.iter().collect::<Vec<_>>());
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].path, "crates/akao-engine/Cargo.toml");
        assert_eq!(found[0].message, "`akao-engine` depends on `akao-host`, which does not stand below it");
    }

    #[test]
    fn tests_may_reach_across_and_build_scripts_may_not() {
        let members = |kind| [package("akao-engine", &[("akao-builtin", Some(kind))]), package("akao-builtin", &[])];
        assert_eq!(findings(&members("dev").iter().collect::<Vec<_>>()), []);
        assert_eq!(findings(&members("build").iter().collect::<Vec<_>>()).len(), 1);
    }

    #[test]
    fn a_crate_without_a_place_is_found() {
        let found = findings(&[&package("akao-common", &[])]);
        assert_eq!(found[0].message, "`akao-common` has no place in the layers");
    }

    #[test]
    fn a_runtime_below_a_pure_crate_is_found() {
        let tree = "akao-flow v0.1.0\nserde v1.0.0\ntokio v1.50.0\ntokio-util v0.7.0\nserde v1.0.0 (*)\n";
        let found = forbidden_findings("akao-flow", tree);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].message.starts_with("`tokio` stands below `akao-flow`"), "{}", found[0].message);
        assert_eq!(forbidden_findings("akao-flow", "akao-flow v0.1.0\ntokio-util v0.7.0\n"), []);
    }
}
