//! Modules that a node may import without bringing them along: our own words for what the btree family and Temporal's
//! workflows offer, the SDK, what tests use; and zod.

/// A module that is always there.
pub(crate) struct Compatible {
    /// How it is imported.
    pub(crate) names: &'static [&'static str],
    /// What it is called in the bundle.
    pub(crate) place: &'static str,
    pub(crate) source: &'static str,
    /// Whether it stands in for a package only where that is not among the files.
    pub(crate) yields: bool,
}

impl Compatible {
    /// The comment by which its authors permit its use, which goes wherever it goes.
    pub(crate) fn licence(&self) -> Option<&'static str> {
        let end = self.source.starts_with("/*!").then(|| self.source.find("*/"))?? + "*/".len();
        self.source.get(..end)
    }
}

/// Every one of them.
const COMPATIBLE: &[Compatible] = &[
    Compatible {
        names: &["@wayfarer-ai/btree", "@q1k-oss/behaviour-tree-workflows", "@q1k-oss/btree-workflows"],
        place: "akao/btree.js",
        source: include_str!("compatible/btree.js"),
        yields: false,
    },
    Compatible {
        names: &["@temporalio/workflow"],
        place: "akao/workflow.js",
        source: include_str!("compatible/workflow.js"),
        yields: false,
    },
    Compatible {
        names: &["workflow-sdk", "@akao/sdk"],
        place: "akao/sdk.js",
        source: include_str!("compatible/sdk.js"),
        yields: false,
    },
    Compatible {
        names: &["workflow-sdk/test", "vitest", "node:test"],
        place: "akao/test.js",
        source: include_str!("compatible/test.js"),
        yields: false,
    },
    // The schemas of props are most often written with it. It is its authors' own text.
    Compatible {
        names: &["zod", "zod/v4"],
        place: "akao/zod.js",
        source: include_str!("compatible/zod.js"),
        yields: true,
    },
    Compatible { names: &[], place: "akao/commonjs.js", source: include_str!("compatible/commonjs.js"), yields: false },
];

/// The module of an import.
pub(crate) fn of_import(specifier: &str) -> Option<&'static Compatible> {
    COMPATIBLE.iter().find(|compatible| compatible.names.contains(&specifier))
}

/// The module of a place.
pub(crate) fn of_place(place: &str) -> Option<&'static Compatible> {
    COMPATIBLE.iter().find(|compatible| compatible.place == place)
}

/// Those whose types may be imported as types alone and are used as values all the same.
pub(crate) fn has_values(specifier: &str) -> bool {
    of_import(specifier).is_some_and(|compatible| !compatible.yields)
}

/// What runs in Node.js only, by the name of its module.
pub(crate) fn is_of_node(specifier: &str) -> bool {
    const OF_NODE: [&str; 36] = [
        "assert",
        "async_hooks",
        "buffer",
        "child_process",
        "cluster",
        "console",
        "constants",
        "crypto",
        "dgram",
        "dns",
        "domain",
        "events",
        "fs",
        "http",
        "http2",
        "https",
        "module",
        "net",
        "os",
        "path",
        "perf_hooks",
        "process",
        "punycode",
        "querystring",
        "readline",
        "repl",
        "stream",
        "string_decoder",
        "timers",
        "tls",
        "tty",
        "url",
        "util",
        "v8",
        "vm",
        "worker_threads",
    ];
    let name = specifier.strip_prefix("node:").unwrap_or(specifier);
    let first = name.split('/').next().unwrap_or(name);
    specifier.starts_with("node:")
        || matches!(name, "zlib" | "fs/promises")
        || (OF_NODE.contains(&first) && name == first)
}
