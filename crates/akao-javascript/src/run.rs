//! One run, from a fresh runtime to the result or the failure.
//!
//! The script becomes the body of an async function, so that it may return and await. It ends when the function gave a
//! value, or when nothing is left that could still set `result`: no job, no timer.

use crate::{
    asks::Asks,
    failure::{self, Place, TOO_MANY_BRACKETS},
    globals,
    guard::{Guard, Host, Limits, SOURCE_BYTES_MAX, STACK_BYTES_MAX, failed},
    imports::Imports,
    json,
    nothing::Before,
    packages::{Lent, Packages},
    rejections::Rejections,
    timers::Timers,
};
use akao_node::{Failure, Kind, Map, Value as Json};
use rquickjs::{
    Context, Ctx, Error, Function, Object, Promise, Runtime, String as JsString, Value, context::EvalOptions,
    function::This, promise::PromiseState,
};
use std::{rc::Rc, sync::Arc};

/// What the script is called in stack traces.
pub(crate) const SCRIPT_NAME: &str = "script";
/// Stands on a line of its own with what the imports have become, so that columns are the script's; [`Place`] takes the line away.
pub(crate) const BEFORE: &str = "(async function () {";
/// Reads `result` where the script declared it, once all is done; on a line of its own, because the script may end in a comment. It
/// begins with what no text can go on with, so that one which ends in the middle is no script.
const READ: &str = "\n;arguments[0].read = () => result;\n";
const AFTER: &str = "})";

/// Where a script is only read: an arrow function between `?` and `:` can be followed by nothing else than what ends it here, which no
/// other function can be followed by. What stands before it ends the evaluation at once, so that nothing of the script is run.
const ONLY_READ: (&str, &str) = ("throw 0; 0 ? function () { 0 ? async () => {", "} : 0 } : 0");
/// The same for the function by which a script is run.
const ONLY_COMPILED: (&str, &str) = ("throw 0; (async function () {", "})");

/// Runs a script with its inputs and gives its result; `{}` where it has none.
///
/// # Errors
/// The script cannot be read, fails, meets a limit, is cancelled, or its result is not JSON.
pub fn run(source: &str, inputs: &Map<String, Json>, limits: Limits, host: Rc<dyn Host>) -> Result<Json, Failure> {
    run_with(None, source, inputs, limits, host)
}

/// Runs a script that may import what is in the packages.
///
/// # Errors
/// As with [`run`].
pub fn run_with(
    packages: Option<Arc<Packages>>,
    source: &str,
    inputs: &Map<String, Json>,
    limits: Limits,
    host: Rc<dyn Host>,
) -> Result<Json, Failure> {
    Ready::new(packages)?.run(source, inputs, limits, host)
}

/// A runtime in which nothing has run yet, for one script.
pub(crate) struct Ready {
    guard: Rc<Guard>,
    rejections: Rejections,
    // Before its runtime, which it must not outlive.
    context: Context,
    runtime: Runtime,
    /// What was taken of memory before.
    before: Before,
}

impl Ready {
    /// A runtime whose script may import what is in the packages.
    ///
    /// # Errors
    /// There is no memory for it.
    pub(crate) fn new(packages: Option<Arc<Packages>>) -> Result<Self, Failure> {
        let no_room = |_| Failure::new(Kind::Resource, "there is no memory for a runtime");
        let runtime = Runtime::new().map_err(no_room)?;
        runtime.set_max_stack_size(STACK_BYTES_MAX);
        let guard = Rc::new(Guard::of_nobody("script"));
        let asked = Rc::clone(&guard);
        runtime.set_interrupt_handler(Some(Box::new(move || asked.stop().is_some())));
        Lent::new(packages).set(&runtime);
        let rejections = Rejections::default();
        rejections.watch(&runtime);
        let context = Context::full(&runtime).map_err(no_room)?;
        let own_bytes = u64::try_from(runtime.memory_usage().malloc_size).unwrap_or(0);
        Ok(Self { guard, rejections, context, runtime, before: Before::now(own_bytes) })
    }

    /// Runs the script.
    ///
    /// # Errors
    /// As with [`run`].
    pub(crate) fn run(
        &self,
        source: &str,
        inputs: &Map<String, Json>,
        limits: Limits,
        host: Rc<dyn Host>,
    ) -> Result<Json, Failure> {
        let source = source.strip_prefix('\u{feff}').unwrap_or(source);
        check_source(source)?;
        self.guard.begin(host, limits);
        self.guard.begin_from(self.before);
        self.runtime.set_memory_limit(usize::try_from(limits.memory_bytes).unwrap_or(usize::MAX));
        self.context.with(|ctx| {
            let (guard, rejections) = (Rc::clone(&self.guard), self.rejections.clone());
            let imports = Imports::read(&ctx, source)
                .map_err(|error| failure::of_error(&ctx, error, &guard, &Place::of(source, Vec::new())))?;
            let places = imports.as_ref().map_or_else(Vec::new, |imports| imports.places.clone());
            let (timers, asks) = (Rc::new(Timers::default()), Rc::new(Asks::default()));
            let run = Run { guard, rejections, timers, asks, place: Rc::new(Place::of(source, places)) };
            let _clears = run.clears();
            run.execute(&ctx, source, imports.as_ref(), inputs)
        })
    }
}

fn check_source(source: &str) -> Result<(), Failure> {
    if source.len() > SOURCE_BYTES_MAX {
        let size = format!("the script of {} bytes is over the bound of {SOURCE_BYTES_MAX}", source.len());
        return Err(failed(Kind::Input, "script_size", &format!("{size}, give data as inputs"), None));
    }
    if let Some(at) = source.find('\0') {
        let line = source[..at].matches('\n').count() + 1;
        let text = format!("the script is not JavaScript: it holds a NUL character in line {line}");
        return Err(failed(Kind::Input, "script_syntax", &text, None));
    }
    Ok(())
}

/// Jobs that are done once the promise of a run is settled.
const JOBS_AFTER_END_MAX: u32 = 1_000;

/// The function of the language that says how a function is written.
fn text_of_functions<'js>(ctx: &Ctx<'js>) -> rquickjs::Result<Function<'js>> {
    ctx.globals().get::<_, Object<'js>>("Function")?.get::<_, Object<'js>>("prototype")?.get("toString")
}

/// Says of a script that cannot be read at an import where imports are to stand.
fn later_import(source: &str, mut failure: Failure) -> Failure {
    let line = failure.detail["line"].as_u64().and_then(|line| usize::try_from(line).ok());
    let text = line.and_then(|line| source.lines().nth(line.saturating_sub(1)));
    if failure.kind == Kind::Input && text.is_some_and(|text| text.trim_start().starts_with("import ")) {
        failure.message.push_str("; imports stand at the beginning of a script, each well formed");
    }
    failure
}

/// When a run has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// With a value, or when nothing is left that could still set one.
    WhenNothingIsLeft,
    /// With its promise, whatever is left.
    WithItsPromise,
}

/// What belongs to one run, or to the runs of one runtime.
pub(crate) struct Run<'js> {
    pub(crate) guard: Rc<Guard>,
    pub(crate) rejections: Rejections,
    pub(crate) timers: Rc<Timers<'js>>,
    pub(crate) asks: Rc<Asks<'js>>,
    pub(crate) place: Rc<Place>,
}

/// Lets go of all values when it is dropped.
pub(crate) struct Clears<'a, 'js>(&'a Run<'js>);

impl Drop for Clears<'_, '_> {
    fn drop(&mut self) {
        self.0.timers.clear();
        self.0.asks.clear();
        self.0.rejections.clear();
    }
}

impl<'js> Run<'js> {
    /// Clears what the run holds, also when a panic passes: QuickJS ends the process when values outlive their runtime.
    pub(crate) fn clears(&self) -> Clears<'_, 'js> {
        Clears(self)
    }

    /// Whether nothing of a run that ended will still do anything; what goes on for long is not quiet. Its timers are taken
    /// away, and nobody hears what it says.
    pub(crate) fn is_quiet(&self, ctx: &Ctx<'js>) -> bool {
        self.guard.leave_alone();
        while self.guard.stop().is_none() && ctx.execute_pending_job() {}
        self.timers.take_away();
        self.rejections.clear();
        self.guard.stop().is_none() && !self.asks.is_open()
    }

    fn execute(
        &self,
        ctx: &Ctx<'js>,
        source: &str,
        imports: Option<&Imports<'js>>,
        inputs: &Map<String, Json>,
    ) -> Result<Json, Failure> {
        let caught = |error| failure::of_error(ctx, error, &self.guard, &self.place);
        globals::install(ctx, Some(inputs), self).map_err(caught)?;
        let ending = Object::new(ctx.clone()).map_err(caught)?;
        let body = match imports {
            None => self.compile(ctx, "", source)?,
            Some(Imports { before, rest, take, .. }) => {
                ending.set("take", take.clone()).map_err(caught)?;
                self.compile(ctx, before, rest)?
            }
        };
        let promise: Promise<'js> = body.call((ending.clone(),)).map_err(caught)?;
        let value = self.drive(ctx, &promise, Ends::WhenNothingIsLeft)?;
        let value = if value.is_undefined() { self.read_result(ctx, &ending)? } else { value };
        let result = match value.is_undefined() {
            true => Json::Object(Map::new()),
            false => json::of(ctx, &self.guard, &self.place, value)?,
        };
        // A script that ended late, or one whose last words were too many, does not pass.
        match self.guard.stop() {
            Some(stop) => Err(stop.to_failure(self.guard.noun, None)),
            None => Ok(result),
        }
    }

    /// The script as a function, with what stands before it.
    fn compile(&self, ctx: &Ctx<'js>, before: &str, source: &str) -> Result<Function<'js>, Failure> {
        let mut options = EvalOptions::default();
        options.strict = false;
        options.filename = Some(SCRIPT_NAME.to_owned());
        let wrapped = [BEFORE, before, "\n", source, READ, AFTER].concat();
        let caught = |error| failure::of_error(ctx, error, &self.guard, &self.place);
        let too_many = || failed(Kind::Input, "script_syntax", TOO_MANY_BRACKETS, None);
        // Taken before anything that is not ours can have replaced it.
        let text_of = text_of_functions(ctx).map_err(caught)?;
        // One that closes the function which is made of it, and opens another, would be read as well, and what stands between run.
        if self.closes_its_function(ctx, before, source)? {
            return Err(too_many());
        }
        let value: Value<'js> = ctx
            .eval_with_options(wrapped.as_str(), options)
            .map_err(|error| later_import(source, failure::of_script(ctx, error, &self.guard, &self.place, source)))?;
        let function = value.into_function().ok_or_else(too_many)?;
        // So it is looked at again that nothing but the script has become the function.
        let text: JsString<'js> = text_of.call((This(function.clone()),)).map_err(caught)?;
        let whole = wrapped.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
        let is_whole = text.to_string().is_ok_and(|text| Some(text.as_str()) == whole);
        is_whole.then_some(function).ok_or_else(too_many)
    }

    /// Whether a script is whole only together with what closes and opens functions around it; nothing of it is run.
    fn closes_its_function(&self, ctx: &Ctx<'js>, before: &str, source: &str) -> Result<bool, Failure> {
        // Without a bracket it closes nothing, and most short scripts have none.
        if !source.contains('}') {
            return Ok(false);
        }
        let is_read =
            |(open, close): (&str, &str)| self.is_read(ctx, &[open, before, "\n", source, READ, close].concat());
        Ok(!is_read(ONLY_READ)? && is_read(ONLY_COMPILED)?)
    }

    /// Whether a text that throws 0 at once, before anything else of it is run, can be read.
    fn is_read(&self, ctx: &Ctx<'js>, text: &str) -> Result<bool, Failure> {
        let mut options = EvalOptions::default();
        options.strict = false;
        options.filename = Some(SCRIPT_NAME.to_owned());
        match ctx.eval_with_options::<Value<'js>, _>(text, options) {
            Err(Error::Exception) => {
                let thrown = ctx.catch();
                if thrown.as_int() == Some(0) {
                    return Ok(true);
                }
                // What else there is than a script that cannot be read is told when it is compiled.
                let name = thrown.as_object().and_then(|error| error.get::<_, String>("name").ok());
                match name.as_deref() {
                    Some("SyntaxError") => Ok(false),
                    _ => Err(failure::of_thrown(ctx, &thrown, &self.guard, &self.place)),
                }
            }
            Err(error) => Err(failure::of_error(ctx, error, &self.guard, &self.place)),
            Ok(_) => Ok(false),
        }
    }

    /// Works until the run has ended, and gives its value.
    pub(crate) fn drive(&self, ctx: &Ctx<'js>, promise: &Promise<'js>, ends: Ends) -> Result<Value<'js>, Failure> {
        loop {
            self.work_off(ctx, promise, ends);
            let failed = |value| failure::of_thrown(ctx, &value, &self.guard, &self.place);
            let settled = promise.result::<Value<'js>>();
            let value = settled.transpose().map_err(|_| failed(ctx.catch()))?;
            if let Some(stop) = self.guard.stop() {
                return Err(stop.to_failure(self.guard.noun, None));
            }
            if let Some(reason) = self.rejections.first(ctx) {
                return Err(failed(reason));
            }
            let is_left = self.timers.next().is_some() || self.asks.is_open();
            match value {
                Some(value) if ends == Ends::WithItsPromise || !value.is_undefined() || !is_left => return Ok(value),
                None if !is_left => return Err(self.never_settled(promise)),
                _ => self.wait(ctx)?,
            }
        }
    }

    /// Does what is to be done now. Where the promise alone counts, what others begin without end holds nothing up; some of
    /// it may still catch a failure that is known already.
    fn work_off(&self, ctx: &Ctx<'js>, promise: &Promise<'js>, ends: Ends) {
        let mut after_end = 0;
        while self.guard.stop().is_none() && ctx.execute_pending_job() {
            let has_ended = ends == Ends::WithItsPromise && promise.state() != PromiseState::Pending;
            after_end += u32::from(has_ended);
            if after_end > JOBS_AFTER_END_MAX {
                return;
            }
        }
    }

    /// Waits for the next timer or answer, and calls what belongs to it.
    fn wait(&self, ctx: &Ctx<'js>) -> Result<(), Failure> {
        let caught = |error| failure::of_error(ctx, error, &self.guard, &self.place);
        self.guard.wait_until(self.timers.next(), |time| self.asks.wait(time));
        self.asks.deliver(ctx, &self.guard).map_err(caught)?;
        match self.timers.take_due() {
            Some((fire, id)) => fire.call((id,)).map_err(caught),
            None => Ok(()),
        }
    }

    /// What `result` holds where the script declared it, else the global one.
    fn read_result(&self, ctx: &Ctx<'js>, ending: &Object<'js>) -> Result<Value<'js>, Failure> {
        let read = || match ending.get::<_, Option<Function<'js>>>("read")? {
            Some(read) => read.call(()),
            // The script returned early and without a value.
            None => ctx.globals().get("result"),
        };
        read().map_err(|error| failure::of_error(ctx, error, &self.guard, &self.place))
    }

    fn never_settled(&self, promise: &Promise<'_>) -> Failure {
        debug_assert_eq!(promise.state(), PromiseState::Pending);
        let text = format!("the {} waits for a promise that nothing settles", self.guard.noun);
        failed(Kind::User, "script_stuck", &text, None)
    }
}
