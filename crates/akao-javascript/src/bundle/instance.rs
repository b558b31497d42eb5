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
use std::{
    rc::Rc,
    sync::mpsc::{Receiver, Sender, channel},
};

const HOST_MODULE: &str = "akao:host";
const HOST_SOURCE: &str = include_str!("host.js");
/// The thread's own stack, of which QuickJS may have half.
const THREAD_STACK_BYTES: usize = 4 << 20;

/// A step for the node of a bundle.
pub(crate) struct BundleCall {
    /// The node's name, by which it is exported.
    pub(crate) name: String,
    /// `props`, `blackboard` and `step`.
    pub(crate) request: Map<String, Json>,
    pub(crate) limits: Limits,
}

struct Job {
    call: BundleCall,
    /// Made on the thread that uses it.
    host: Box<dyn FnOnce() -> Rc<dyn Host> + Send>,
    answer: Sender<Ended>,
}

/// How a call ended.
type Ended = Result<Json, Failure>;

/// Plays a bundle on a thread of its own, to which QuickJS is bound.
pub(crate) struct Player(Sender<Job>);

impl Player {
    /// Reads the bundle and waits for calls.
    ///
    /// # Errors
    /// It is no bundle.
    pub(crate) fn start(text: String, map: String) -> Result<Self, String> {
        // Read here, so that it is said before the first call; and there, because it is not shared between threads.
        Bundle::read(text.clone(), String::new())?;
        let (sender, receiver) = channel();
        let work = move || {
            if let Ok(bundle) = Bundle::read(text, map) {
                play(&Rc::new(bundle), &receiver);
            }
        };
        let thread = std::thread::Builder::new().name("akao-bundle".to_owned()).stack_size(THREAD_STACK_BYTES);
        thread.spawn(work).map_err(|error| format!("no thread for it: {error}"))?;
        Ok(Self(sender))
    }

    /// Runs a call.
    ///
    /// # Errors
    /// The node failed, or met a limit.
    pub(crate) fn call(&self, call: BundleCall, host: impl FnOnce() -> Rc<dyn Host> + Send + 'static) -> Ended {
        let (answer, ended) = channel();
        let gone = || Failure::new(Kind::Internal, "the thread of the bundle has ended");
        self.0.send(Job { call, host: Box::new(host), answer }).map_err(|_| gone())?;
        ended.recv().map_err(|_| gone())?
    }
}

/// Answers calls until nobody asks any more, with a runtime after the other.
fn play(bundle: &Rc<Bundle>, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        if let Err((job, failure)) = runtime(bundle, jobs, first) {
            // Nobody waits any more where it cannot be sent.
            let _ = job.send(Err(failure));
        }
    }
}

type Refused = (Sender<Ended>, Failure);

/// One runtime, from its first call to the one after which it is not used again.
fn runtime(bundle: &Rc<Bundle>, jobs: &Receiver<Job>, first: Job) -> Result<(), Refused> {
    let limits = first.call.limits;
    let Job { call, host, answer } = first;
    let guard = Rc::new(Guard::new("node", host(), limits));
    let no_room = |_| (answer.clone(), failure::no_memory(&guard, None));
    let runtime = Runtime::new().map_err(no_room)?;
    runtime.set_memory_limit(usize::try_from(limits.memory_bytes).unwrap_or(usize::MAX));
    runtime.set_max_stack_size(STACK_BYTES_MAX);
    let asked = Rc::clone(&guard);
    runtime.set_interrupt_handler(Some(Box::new(move || asked.stop().is_some())));
    runtime.set_loader(Leads(Rc::clone(bundle)), Texts(Rc::clone(bundle)));
    let rejections = Rejections::default();
    rejections.watch(&runtime);
    let context = Context::full(&runtime).map_err(no_room)?;
    context.with(|ctx| {
        let (timers, asks) = (Rc::new(Timers::default()), Rc::new(Asks::default()));
        let place = Rc::new(Place::Bundle(Rc::clone(bundle)));
        let run = Run { guard: Rc::clone(&guard), rejections, timers, asks, place };
        let _clears = run.clears();
        let loaded = match load(&run, &ctx, bundle) {
            Ok(loaded) => loaded,
            Err(failure) => return Err((answer, failure)),
        };
        let mut next = Some((call, answer));
        while let Some((call, answer)) = next.take() {
            let ended = one(&run, &ctx, &loaded, call);
            let is_sound = !matches!(&ended, Err(failure) if matches!(failure.kind, Kind::Resource | Kind::Timeout | Kind::Cancelled | Kind::Internal));
            let is_sound = is_sound && guard.stop().is_none();
            // Nobody waits any more where it cannot be sent. What the call left behind holds nobody up.
            let _ = answer.send(ended);
            if !is_sound || !run.is_quiet(&ctx) {
                return Ok(());
            }
            if let Ok(Job { call, host, answer }) = jobs.recv() {
                guard.begin(host(), call.limits);
                next = Some((call, answer));
            }
        }
        Ok(())
    })
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

fn one<'js>(run: &Run<'js>, ctx: &Ctx<'js>, loaded: &Loaded<'js>, call: BundleCall) -> Result<Json, Failure> {
    let caught = |error| failure::of_error(ctx, error, &run.guard, &run.place);
    let request = Json::Object(call.request).to_string();
    let request: Value<'js> = ctx.json_parse(request).map_err(caught)?;
    let promise: Promise<'js> = loaded.invoke.call((loaded.exports.clone(), call.name, request)).map_err(caught)?;
    let value = run.drive(ctx, &promise, Ends::WithItsPromise)?;
    let value = json::of(ctx, &run.guard, &run.place, value)?;
    match run.guard.stop() {
        Some(stop) => Err(stop.to_failure(run.guard.noun, None)),
        None => Ok(value),
    }
}

/// Where imports lead: to what the bundle's table says, and nowhere else.
struct Leads(Rc<Bundle>);

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
struct Texts(Rc<Bundle>);

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
