//! The packages of an environment: one bundle, read once for the life of the worker, of which each run loads what it asks for.
//!
//! | a script says | what happens |
//! |---|---|
//! | `import x from "lodash"` at its beginning | the declaration is taken out and becomes one before the script (`helpers/imports.js`) |
//! | `await import("lodash")` | QuickJS asks where that leads, and for the module's text |
//! | `require("lodash")` | the module is loaded at once (`helpers/require.js`) |
//!
//! A worker without an environment answers the same questions: nothing is there, and the error says what was asked for.

use crate::bundle::Bundle;
use rquickjs::{
    Ctx, Error, Exception, Function, Module, Object, Result, Runtime, Value,
    context::EvalOptions,
    loader::{ImportAttributes, Loader, Resolver},
    module::Declared,
    object::Property,
    promise::PromiseState,
};
use std::{cell::RefCell, collections::BTreeMap, fs, io, path::Path, rc::Rc, sync::Arc};

/// What runs modules by `require`.
const REQUIRE: &str = "akao:require";
const REQUIRE_SOURCE: &str = include_str!("helpers/require.js");
/// How the name of a module ends that is a function to be called by that.
const BODY: &str = "?require";
/// The module that loads another one at once.
const AT_ONCE: &str = "akao:at-once";
/// The code of an error about a module that is not there, as in Node.js.
pub(crate) const NOT_FOUND: &str = "ERR_MODULE_NOT_FOUND";

/// See the module.
pub struct Packages {
    bundle: Bundle,
    /// By module, those that cannot be loaded without it.
    importers: BTreeMap<String, Vec<String>>,
    /// What cannot be loaded, because it or what it needs lacks something.
    broken: BTreeMap<String, Lack>,
}

/// What is lacking: which module asks, and for what.
#[derive(Debug, Clone)]
struct Lack {
    from: String,
    name: String,
}

impl Packages {
    /// Reads the bundle of an environment; none where there is no file.
    ///
    /// # Errors
    /// It is no bundle, or cannot be read; the reason is for people.
    pub fn read(file: &Path) -> std::result::Result<Option<Self>, String> {
        match fs::read_to_string(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.to_string()),
            Ok(text) => Self::of(text).map(Some),
        }
    }

    /// Those of a bundle.
    ///
    /// # Errors
    /// It is none; the reason is for people.
    pub fn of(text: String) -> std::result::Result<Self, String> {
        let bundle = Bundle::read(text, String::new())?;
        let (mut importers, mut lacks) = (BTreeMap::<String, Vec<String>>::new(), Vec::new());
        for (from, name, target) in bundle.needs() {
            match target {
                Some(REQUIRE) => {}
                Some(target) if bundle.has(target) => {
                    importers.entry(target.to_owned()).or_default().push(from.to_owned());
                }
                _ => lacks.push(Lack { from: from.to_owned(), name: name.to_owned() }),
            }
        }
        let mut packages = Self { bundle, importers, broken: BTreeMap::new() };
        let mut broken = BTreeMap::new();
        lacks.iter().for_each(|lack| packages.spread(lack, &mut broken));
        packages.broken = broken;
        Ok(packages)
    }

    /// Adds what cannot be loaded because of a lack: whoever asks, and all that need it.
    fn spread(&self, lack: &Lack, broken: &mut BTreeMap<String, Lack>) {
        let mut waiting = vec![lack.from.as_str()];
        while let Some(name) = waiting.pop() {
            if broken.contains_key(name) {
                continue;
            }
            broken.insert(name.to_owned(), lack.clone());
            waiting.extend(self.importers.get(name).into_iter().flatten().map(String::as_str));
        }
    }

    /// Whether a module cannot be loaded without another one.
    fn needs(&self, module: &str, other: &str) -> bool {
        let mut seen = BTreeMap::new();
        self.spread(&Lack { from: other.to_owned(), name: String::new() }, &mut seen);
        seen.contains_key(module)
    }

    /// Where an import leads: from a module of the bundle, else from the script.
    fn lead(&self, from: &str, name: &str) -> Option<&str> {
        let from = if self.bundle.has(from) { from } else { self.bundle.entry() };
        self.bundle.target(from, name).filter(|target| *target == REQUIRE || self.bundle.has(target))
    }
}

/// The packages that a run has, if any.
#[derive(Clone)]
pub(crate) struct Lent {
    packages: Option<Arc<Packages>>,
    /// What turned out in this run not to be loaded. QuickJS keeps modules that it has begun to link, and must not be asked for
    /// one of them again.
    spoiled: Rc<RefCell<BTreeMap<String, Lack>>>,
}

impl Lent {
    /// What a run is lent.
    pub(crate) fn new(packages: Option<Arc<Packages>>) -> Self {
        Self { packages, spoiled: Rc::default() }
    }

    /// Has the runtime ask here for modules.
    pub(crate) fn set(&self, runtime: &Runtime) {
        runtime.set_loader(Leads(self.clone()), Texts(self.clone()));
    }

    /// Where an import leads, if what stands there can be loaded.
    fn lead(&self, ctx: &Ctx<'_>, from: &str, name: &str) -> Result<String> {
        let missing = |from: &str, name: &str| Err(self.missing(ctx, from, name));
        let Some(packages) = &self.packages else { return missing(from, name) };
        let Some(target) = packages.lead(from, name) else { return missing(from, name) };
        // Nothing is held while an error is made, since the script may have a hand in that.
        let lack = packages.broken.get(target).cloned().or_else(|| self.spoiled.borrow().get(target).cloned());
        match lack {
            Some(lack) => missing(&lack.from, &lack.name),
            None => Ok(target.to_owned()),
        }
    }

    /// Remembers that a module cannot be loaded.
    fn spoil(&self, name: &str) {
        if let Some(packages) = &self.packages {
            let lack = Lack { from: name.to_owned(), name: name.to_owned() };
            packages.spread(&lack, &mut self.spoiled.borrow_mut());
        }
    }

    /// The error about a module that is not there, with its name for whoever tells what to do.
    fn missing(&self, ctx: &Ctx<'_>, from: &str, name: &str) -> Error {
        let asks = self.packages.as_ref().filter(|packages| packages.bundle.has(from)).and_then(|_| package_of(from));
        let is_unsound = asks.is_some() && from == name;
        let text = match asks {
            Some(package) if is_unsound => format!("the package `{package}` cannot be loaded: `{name}` is not sound"),
            Some(package) => format!("the package `{package}` needs the module `{name}`, which is not there"),
            None => format!("there is no module `{name}`"),
        };
        let thrown = Exception::from_message(ctx.clone(), &text).and_then(|error| {
            if !is_unsound {
                let own = |value| Property::from(value).writable().configurable();
                error.as_object().prop("code", own(NOT_FOUND))?;
                error.as_object().prop("module", own(name))?;
            }
            Ok(error.throw())
        });
        thrown.unwrap_or_else(|error| error)
    }

    fn source(&self, name: &str) -> Option<&str> {
        self.packages.as_ref()?.bundle.source(name)
    }

    /// The function of a module that is run by `require`; none for another one.
    fn body<'js>(&self, ctx: &Ctx<'js>, path: &str) -> Result<Option<Function<'js>>> {
        let Some(source) = self.source(&format!("{path}{BODY}")) else { return Ok(None) };
        let mut options = EvalOptions::default();
        options.strict = false;
        options.filename = Some(path.to_owned());
        ctx.eval_with_options(source, options).map(Some)
    }

    /// What the module [`REQUIRE`] is lent.
    fn lend<'js>(&self, ctx: &Ctx<'js>, to: &Object<'js>) -> Result<()> {
        let lent = self.clone();
        let lead = move |ctx: Ctx<'js>, from: String, name: String| lent.lead(&ctx, &from, &name);
        to.set("lead", Function::new(ctx.clone(), lead)?)?;
        let lent = self.clone();
        let body = move |ctx: Ctx<'js>, path: String| lent.body(&ctx, &path);
        to.set("body", Function::new(ctx.clone(), body)?)?;
        let lent = self.clone();
        let needs = move |module: String, other: String| {
            lent.packages.as_ref().is_some_and(|packages| packages.needs(&module, &other))
        };
        to.set("needs", Function::new(ctx.clone(), needs)?)?;
        to.set("load", Function::new(ctx.clone(), |ctx: Ctx<'js>, path: String| load(&ctx, &path))?)
    }
}

/// The package of a module's path.
fn package_of(path: &str) -> Option<&str> {
    let (_, below) = path.rsplit_once("node_modules/")?;
    let slashes = usize::from(below.starts_with('@'));
    let end = below.match_indices('/').nth(slashes).map_or(below.len(), |(at, _)| at);
    below.get(..end)
}

/// `require`, as a script has it.
pub(crate) fn require<'js>(ctx: &Ctx<'js>) -> Result<Value<'js>> {
    load(ctx, REQUIRE)?.get("require")
}

/// Loads a module at once, and gives what it exports.
fn load<'js>(ctx: &Ctx<'js>, path: &str) -> Result<Object<'js>> {
    // A module of its own is what QuickJS can run without waiting; the one that it imports is had once in a run.
    let written = serde_json::to_string(path).map_err(|error| Exception::throw_internal(ctx, &error.to_string()))?;
    let source = format!("import * as all from {written}; export {{ all }};");
    let (module, promise) = Module::declare(ctx.clone(), AT_ONCE, source)?.eval()?;
    match promise.state() {
        PromiseState::Resolved => module.get("all"),
        PromiseState::Pending => {
            let text =
                format!("`{path}` waits for something while it is loaded, so that it cannot be had by `require`");
            Err(Exception::throw_message(ctx, &format!("{text}: use `await import(…)`")))
        }
        PromiseState::Rejected => {
            // Whoever asked hears of it; nobody else has to handle the promise.
            let ignore = Function::new(ctx.clone(), || {})?;
            promise.catch()?.call::<_, Value<'js>>((rquickjs::function::This(promise.clone()), ignore))?;
            promise.result::<Object<'js>>().unwrap_or(Err(Error::Unknown))
        }
    }
}

/// Where imports lead.
struct Leads(Lent);

impl Resolver for Leads {
    fn resolve<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        base: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        match (base, name) {
            (AT_ONCE, path) => Ok(path.to_owned()),
            _ => self.0.lead(ctx, base, name),
        }
    }
}

/// The texts of modules.
struct Texts(Lent);

impl Loader for Texts {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<Module<'js, Declared>> {
        match self.0.source(name) {
            Some(source) => Module::declare(ctx.clone(), name, source).inspect_err(|_| self.0.spoil(name)),
            None if name == REQUIRE => {
                let module = Module::declare(ctx.clone(), name, REQUIRE_SOURCE)?;
                self.0.lend(ctx, &module.meta()?)?;
                Ok(module)
            }
            None => Err(self.0.missing(ctx, "", name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::package_of;

    #[test]
    fn a_module_belongs_to_the_innermost_package_of_its_path() {
        let cases = [
            ("node_modules/a/index.js", Some("a")),
            ("node_modules/@s/a/lib/x.js", Some("@s/a")),
            ("node_modules/a/node_modules/b/x.js", Some("b")),
            ("environment.mjs", None),
        ];
        for (path, package) in cases {
            assert_eq!(package_of(path), package, "{path}");
        }
    }
}
