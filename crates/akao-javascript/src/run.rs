//! One run, from a fresh runtime to the result or the failure.
//!
//! The script becomes the body of an async function, so that it may return and await. It ends when the function gave a
//! value, or when nothing is left that could still set `result`: no job, no timer.

use crate::{
    failure::{self, Place},
    globals,
    guard::{Guard, Host, Limits, SOURCE_BYTES_MAX, STACK_BYTES_MAX, failed},
    json,
    rejections::Rejections,
    timers::Timers,
};
use akao_node::{Failure, Kind, Map, Value as Json};
use rquickjs::{Context, Ctx, Function, Object, Promise, Runtime, Value, context::EvalOptions, promise::PromiseState};
use std::rc::Rc;

/// What the script is called in stack traces.
pub(crate) const SCRIPT_NAME: &str = "script";
/// Stands on a line of its own, so that columns are the script's; [`Place`] takes the line away.
const BEFORE: &str = "(async function () {\n";
/// Reads `result` where the script declared it, once all is done; on a line of its own, because the script may end in a comment.
const AFTER: &str = "\narguments[0].read = () => result;\n})";

/// Runs a script with its inputs and gives its result; `{}` where it has none.
///
/// # Errors
/// The script cannot be read, fails, meets a limit, is cancelled, or its result is not JSON.
pub fn run(source: &str, inputs: &Map<String, Json>, limits: Limits, host: Rc<dyn Host>) -> Result<Json, Failure> {
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    check_source(source)?;
    let guard = Rc::new(Guard::new(host, limits));
    let no_room = |_| failure::no_memory(&guard, None);
    let runtime = Runtime::new().map_err(no_room)?;
    runtime.set_memory_limit(usize::try_from(limits.memory_bytes).unwrap_or(usize::MAX));
    runtime.set_max_stack_size(STACK_BYTES_MAX);
    let asked = Rc::clone(&guard);
    runtime.set_interrupt_handler(Some(Box::new(move || asked.stop().is_some())));
    let rejections = Rejections::default();
    rejections.watch(&runtime);
    let context = Context::full(&runtime).map_err(no_room)?;
    context.with(|ctx| {
        let timers = Rc::new(Timers::default());
        let run = Run { guard, rejections, timers, place: Place::of(source) };
        // Cleared also when a panic passes: QuickJS ends the process when values outlive their runtime.
        let _clears = Clears(&run);
        run.execute(&ctx, source, inputs)
    })
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

/// What belongs to one run.
struct Run<'js> {
    guard: Rc<Guard>,
    rejections: Rejections,
    timers: Rc<Timers<'js>>,
    place: Place,
}

struct Clears<'a, 'js>(&'a Run<'js>);

impl Drop for Clears<'_, '_> {
    fn drop(&mut self) {
        self.0.timers.clear();
        self.0.rejections.clear();
    }
}

impl<'js> Run<'js> {
    fn execute(&self, ctx: &Ctx<'js>, source: &str, inputs: &Map<String, Json>) -> Result<Json, Failure> {
        let caught = |error| failure::of_error(ctx, error, &self.guard, &self.place);
        globals::install(ctx, inputs, &self.guard, &self.timers).map_err(caught)?;
        let ending = Object::new(ctx.clone()).map_err(caught)?;
        let body = self.compile(ctx, source)?;
        let promise: Promise<'js> = body.call((ending.clone(),)).map_err(caught)?;
        let value = self.drive(ctx, &promise)?;
        let value = if value.is_undefined() { self.read_result(ctx, &ending)? } else { value };
        let result = match value.is_undefined() {
            true => Json::Object(Map::new()),
            false => json::of(ctx, &self.guard, &self.place, value)?,
        };
        // A script that ended late, or one whose last words were too many, does not pass.
        match self.guard.stop() {
            Some(stop) => Err(stop.to_failure(None)),
            None => Ok(result),
        }
    }

    /// The script as a function.
    fn compile(&self, ctx: &Ctx<'js>, source: &str) -> Result<Function<'js>, Failure> {
        let mut options = EvalOptions::default();
        options.strict = false;
        options.filename = Some(SCRIPT_NAME.to_owned());
        let wrapped = [BEFORE, source, AFTER].concat();
        let value: Value<'js> = ctx
            .eval_with_options(wrapped, options)
            .map_err(|error| failure::of_compiling(ctx, error, &self.guard, &self.place))?;
        let text = "the script is not JavaScript: it closes more brackets than it opens";
        value.into_function().ok_or_else(|| failed(Kind::Input, "script_syntax", text, None))
    }

    /// Works until the script's function gave a value or nothing is left to do, and gives its value.
    fn drive(&self, ctx: &Ctx<'js>, promise: &Promise<'js>) -> Result<Value<'js>, Failure> {
        loop {
            while self.guard.stop().is_none() && ctx.execute_pending_job() {}
            let failed = |value| failure::of_thrown(ctx, &value, &self.guard, &self.place);
            let settled = promise.result::<Value<'js>>();
            let value = settled.transpose().map_err(|_| failed(ctx.catch()))?;
            if let Some(stop) = self.guard.stop() {
                return Err(stop.to_failure(None));
            }
            if let Some(reason) = self.rejections.first(ctx) {
                return Err(failed(reason));
            }
            match (value, self.timers.next()) {
                (Some(value), _) if !value.is_undefined() => return Ok(value),
                (_, Some(due)) => self.fire(ctx, due)?,
                (Some(value), None) => return Ok(value),
                (None, None) => return Err(never_settled(promise)),
            }
        }
    }

    /// Waits for the next timer and calls what belongs to it.
    fn fire(&self, ctx: &Ctx<'js>, due: std::time::Instant) -> Result<(), Failure> {
        self.guard.sleep_until(due);
        match self.timers.take_due() {
            Some((fire, id)) => {
                fire.call((id,)).map_err(|error| failure::of_error(ctx, error, &self.guard, &self.place))
            }
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
}

fn never_settled(promise: &Promise<'_>) -> Failure {
    debug_assert_eq!(promise.state(), PromiseState::Pending);
    failed(Kind::User, "script_stuck", "the script waits for a promise that nothing settles", None)
}
