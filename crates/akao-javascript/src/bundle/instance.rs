//! A bundle that is loaded and answers calls, one after the other.
//!
//! The modules are loaded once and stay, as in every process of a node: a process belongs to one tenant, one content and one
//! set of grants, so that nothing is shared that the tenant did not share by itself. Whatever a call leaves behind that still
//! wants to run (timers, promises, answers) and whatever ended a call from outside makes the next one begin with a fresh runtime.

use super::Bundle;
use crate::{
    asks::Asks,
    failure::{self, Place},
    globals,
    guard::{Guard, Host, Limits, STACK_BYTES_MAX},
    json,
    nothing::Before,
    rejections::Rejections,
    run::{Ends, Run},
    timers::Timers,
};
use akao_node::{Failure, Kind, Map, Value as Json};
use rquickjs::{
    Context, Ctx, Error, Exception, Function, Module, Promise, Runtime, Value,
    loader::{ImportAttributes, Loader, Resolver},
    module::Declared,
};
use std::{rc::Rc, sync::Arc};

const HOST_MODULE: &str = "akao:host";
const HOST_SOURCE: &str = include_str!("host.js");

/// A step for the node of a bundle.
pub(crate) struct BundleCall {
    /// `props`, `blackboard` and `step`.
    pub(crate) request: Map<String, Json>,
    pub(crate) limits: Limits,
    pub(crate) host: Rc<dyn Host>,
}

/// How a call ended.
pub(crate) type Ended = Result<Json, Failure>;

/// Where calls come from.
pub(crate) trait BundleCalls {
    /// Waits for the next one; nothing where none comes.
    fn next(&mut self) -> Option<BundleCall>;
    /// Answers the one that was given last.
    fn answer(&mut self, ended: Ended);
}

/// Answers calls with the node `name`, with a runtime after the other, until none comes any more.
pub(crate) fn play(bundle: &Arc<Bundle>, name: &str, calls: &mut dyn BundleCalls) {
    while let Some(first) = calls.next() {
        if let Err(failure) = runtime(bundle, name, first, calls) {
            calls.answer(Err(failure));
        }
    }
}

/// One runtime, from its first call to the one after which it is not used again; a failure is the first call's.
fn runtime(bundle: &Arc<Bundle>, name: &str, first: BundleCall, calls: &mut dyn BundleCalls) -> Result<(), Failure> {
    let limits = first.limits;
    let guard = Rc::new(Guard::new("node", Rc::clone(&first.host), limits));
    let no_room = |_| failure::no_memory(&guard, None);
    guard.begin_from(Before::now(0));
    let runtime = Runtime::new().map_err(no_room)?;
    runtime.set_memory_limit(usize::try_from(limits.memory_bytes).unwrap_or(usize::MAX));
    runtime.set_max_stack_size(STACK_BYTES_MAX);
    let asked = Rc::clone(&guard);
    runtime.set_interrupt_handler(Some(Box::new(move || asked.stop().is_some())));
    runtime.set_loader(Leads(Arc::clone(bundle)), Texts(Arc::clone(bundle)));
    let rejections = Rejections::default();
    rejections.watch(&runtime);
    let context = Context::full(&runtime).map_err(no_room)?;
    context.with(|ctx| {
        let (timers, asks) = (Rc::new(Timers::default()), Rc::new(Asks::default()));
        let place = Rc::new(Place::Bundle(Arc::clone(bundle)));
        let run = Run { guard: Rc::clone(&guard), rejections, timers, asks, place };
        let _clears = run.clears();
        let loaded = load(&run, &ctx, bundle)?;
        let mut request = first.request;
        loop {
            let ended = one(&run, &ctx, &loaded, name, request);
            let is_sound = is_sound(&ended) && guard.stop().is_none();
            // What the call left behind holds nobody up.
            calls.answer(ended);
            if !is_sound || !run.is_quiet(&ctx) {
                return Ok(());
            }
            guard.begin_from(guard.before().again());
            let Some(next) = calls.next() else { return Ok(()) };
            guard.begin(next.host, next.limits);
            request = next.request;
        }
    })
}

/// Whether a runtime may go on after a call that ended like this.
fn is_sound(ended: &Ended) -> bool {
    !matches!(ended, Err(failure) if matches!(failure.kind, Kind::Resource | Kind::Timeout | Kind::Cancelled | Kind::Internal))
}

/// What a loaded bundle is called by.
struct Loaded<'js> {
    invoke: Function<'js>,
    exports: Value<'js>,
}

fn load<'js>(run: &Run<'js>, ctx: &Ctx<'js>, bundle: &Bundle) -> Result<Loaded<'js>, Failure> {
    let caught = |error| failure::of_compiling(ctx, error, &run.guard, &run.place);
    let lent = globals::install(ctx, None, run).map_err(caught)?;
    ctx.globals().set("akao:lent", lent).map_err(caught)?;
    let import = |name: &str| -> Result<Value<'js>, Failure> {
        let promise = Module::import(ctx, name).map_err(caught)?;
        run.drive(ctx, &promise, Ends::WithItsPromise)
    };
    let host = import(HOST_MODULE)?.into_object();
    let exports = import(&bundle.entry)?;
    let invoke = host.ok_or(Error::Unknown).and_then(|host| host.get("invoke")).map_err(caught)?;
    Ok(Loaded { invoke, exports })
}

fn one<'js>(run: &Run<'js>, ctx: &Ctx<'js>, loaded: &Loaded<'js>, name: &str, request: Map<String, Json>) -> Ended {
    let caught = |error| failure::of_error(ctx, error, &run.guard, &run.place);
    let request = Json::Object(request).to_string();
    let request: Value<'js> = ctx.json_parse(request).map_err(caught)?;
    let promise: Promise<'js> = loaded.invoke.call((loaded.exports.clone(), name, request)).map_err(caught)?;
    let value = run.drive(ctx, &promise, Ends::WithItsPromise)?;
    let value = json::of(ctx, &run.guard, &run.place, value)?;
    match run.guard.stop() {
        Some(stop) => Err(stop.to_failure(run.guard.noun, None)),
        None => Ok(value),
    }
}

/// Where imports lead: to what the bundle's table says, and nowhere else.
struct Leads(Arc<Bundle>);

impl Resolver for Leads {
    fn resolve<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        base: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> rquickjs::Result<String> {
        let is_own =
            name == HOST_MODULE || (base.is_empty() || !self.0.modules.contains_key(base)) && self.0.entry == name;
        match self.0.target(base, name) {
            Some(target) => Ok(target.to_owned()),
            None if is_own => Ok(name.to_owned()),
            None => Err(Exception::throw_message(ctx, &format!("`{name}` is not in the bundle"))),
        }
    }
}

/// The texts of modules.
struct Texts(Arc<Bundle>);

impl Loader for Texts {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> rquickjs::Result<Module<'js, Declared>> {
        match self.0.source(name) {
            Some(source) => Module::declare(ctx.clone(), name, source),
            None if name == HOST_MODULE => Module::declare(ctx.clone(), name, HOST_SOURCE),
            None => Err(Exception::throw_message(ctx, &format!("`{name}` is not in the bundle"))),
        }
    }
}
