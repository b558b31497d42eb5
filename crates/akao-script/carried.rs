//! How the programs are built that this crate carries: for its build script, and for the suite, which tests one of them where it
//! was built, so that nothing of it is compiled a second time.

use std::path::Path;

/// A program to be carried.
pub(crate) struct Program {
    pub(crate) package: &'static str,
    features: &'static [&'static str],
    /// How much its code is worked on: what a compiler does here takes no time to speak of, building it does.
    optimised: &'static str,
}

/// Every one: what runs JavaScript, and what compiles TypeScript for it.
pub(crate) const PROGRAMS: [Program; 2] = [
    Program { package: "akao-javascript", features: &[], optimised: "3" },
    Program { package: "akao-typescript", features: &["compiler"], optimised: "1" },
];

/// The folder in which each is built, within the one of the profile.
pub(crate) const FOLDER: &str = "carried";
/// The value of `RUSTFLAGS`: each is linked with everything it needs.
pub(crate) const RUSTFLAGS: &str = "-C target-feature=+crt-static";

impl Program {
    /// What cargo is told after its subcommand. `folder` is the one with what is carried.
    pub(crate) fn arguments(&self, target: &str, folder: &Path) -> Vec<String> {
        // The target is named although it is the usual one: so the flags are not those of build scripts.
        let mut arguments = vec!["--release", "--locked", "--target", target];
        arguments.extend(["--package", self.package, "--bin", self.package]);
        arguments.extend(self.features.iter().flat_map(|feature| ["--features", feature]));
        let mut arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        let optimised = format!("opt-level={}", self.optimised);
        for setting in ["strip=\"symbols\"", "debug=false", "lto=\"off\"", "codegen-units=4", &optimised] {
            arguments.extend(["--config".to_owned(), format!("profile.release.{setting}")]);
        }
        arguments.extend(["--target-dir".to_owned(), folder.join(self.package).to_string_lossy().into_owned()]);
        arguments
    }
}
