//! What a script finds: its inputs, and the helpers beside what the language has.
//!
//! Helpers are written in JavaScript, and one is read when the script first asks for it: most scripts ask for none, and
//! reading them all would take longer than the rest of the run.

use crate::{asks::Asks, failure::Place, guard::Guard, packages, random::Random, run::Run, text, timers::Timers};
use akao_node::{Level, Map, Value as Json};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rquickjs::{
    Ctx, Exception, Function, Object, Result, String as JsString, TypedArray, Value,
    context::EvalOptions,
    function::Opt,
    object::{Accessor, Property},
};
use std::rc::Rc;

/// Longer log lines and messages are cut.
const LINE_BYTES_MAX: usize = 8_000;
/// As many random bytes as browsers give at a time.
const RANDOM_BYTES_MAX: usize = 65_536;

/// A file of helpers: a function that takes what the host lends, and gives an object with the names.
struct Helper {
    file: &'static str,
    source: &'static str,
    names: &'static [&'static str],
}

macro_rules! helper {
    ($file:literal: $($name:literal),*) => {
        Helper {
            file: concat!("akao:", $file),
            source: include_str!(concat!("helpers/", $file, ".js")),
            names: &[$($name),*],
        }
    };
}

static HELPERS: [Helper; 8] = [
    helper!("console": "console"),
    helper!("progress": "progress"),
    helper!("timers": "setTimeout", "clearTimeout", "setInterval", "clearInterval"),
    helper!("clone": "structuredClone"),
    helper!("url": "URL", "URLSearchParams"),
    helper!("encoding": "TextEncoder", "TextDecoder"),
    helper!("fetch": "fetch", "Headers", "Request", "Response", "AbortController", "AbortSignal"),
    helper!("other": "crypto"),
];

/// What makes promises of questions; other helpers are lent it.
static ASK: Helper = helper!("ask":);

/// What helpers are lent.
struct Lent<'js> {
    guard: Rc<Guard>,
    timers: Rc<Timers<'js>>,
    asks: Rc<Asks<'js>>,
    place: Rc<Place>,
}

/// Puts everything in place. A script finds its inputs; a bundle has none, and is lent what the helpers are.
pub(crate) fn install<'js>(ctx: &Ctx<'js>, inputs: Option<&Map<String, Json>>, run: &Run<'js>) -> Result<Object<'js>> {
    let globals = ctx.globals();
    let lent = Rc::new(Lent {
        guard: Rc::clone(&run.guard),
        timers: Rc::clone(&run.timers),
        asks: Rc::clone(&run.asks),
        place: Rc::clone(&run.place),
    });
    for helper in &HELPERS {
        for name in helper.names {
            let lent = Rc::clone(&lent);
            let get = move |ctx: Ctx<'js>| helper.install(&ctx, &lent)?.get::<_, Value<'js>>(*name);
            globals.prop(*name, Accessor::from(get).configurable())?;
        }
    }
    let random = Random::default();
    let draw = move |ctx: Ctx<'js>| random.next().map_err(|error| Exception::throw_internal(&ctx, &error.to_string()));
    globals.get::<_, Object<'js>>("Math")?.prop("random", own(Function::new(ctx.clone(), draw)?))?;
    match inputs {
        Some(inputs) => {
            let require = |ctx: Ctx<'js>| {
                let require = packages::require(&ctx)?;
                ctx.globals().prop("require", own(require.clone()))?;
                Result::Ok(require)
            };
            globals.prop("require", Accessor::from(require).configurable())?;
            globals.prop("result", own(Value::new_undefined(ctx.clone())))?;
            install_inputs(ctx, &globals, inputs)?;
            Object::new(ctx.clone())
        }
        None => lent_to_host(ctx, &lent),
    }
}

/// What the host's module of a bundle is lent: the same as helpers, and what shows values as `console` does.
fn lent_to_host<'js>(ctx: &Ctx<'js>, lent: &Rc<Lent<'js>>) -> Result<Object<'js>> {
    let functions = lent_functions(ctx, lent)?;
    let console: Object<'js> = HELPERS[0].install(ctx, lent)?;
    functions.set("show", console.get::<_, Value<'js>>("show")?)?;
    Ok(functions)
}

/// The inputs as `inputs` and, where the name is free, as variables. They come as JSON: no name and no value is ever read as code.
fn install_inputs<'js>(ctx: &Ctx<'js>, globals: &Object<'js>, inputs: &Map<String, Json>) -> Result<()> {
    let written = serde_json::to_string(inputs).map_err(|error| Exception::throw_internal(ctx, &error.to_string()))?;
    let values = ctx.json_parse(written)?.into_object().ok_or(rquickjs::Error::Unknown)?;
    globals.prop("inputs", own(values.clone()))?;
    for name in inputs.keys() {
        // What the language or a helper already means by a name, it goes on meaning.
        if !globals.contains_key(name.as_str())? {
            let value: Value<'js> = values.get(name.as_str())?;
            globals.prop(name.as_str(), own(value))?;
        }
    }
    Ok(())
}

/// A property that the script may change.
fn own<T>(value: T) -> Property<T> {
    Property::from(value).writable().configurable()
}

impl Helper {
    fn make<'js>(&self, ctx: &Ctx<'js>, lent: Object<'js>) -> Result<Object<'js>> {
        let mut options = EvalOptions::default();
        options.filename = Some(self.file.to_owned());
        let make: Function<'js> = ctx.eval_with_options(self.source, options)?;
        make.call((lent,))
    }

    /// Reads the helper and puts its names in the place of what asked for it; gives all of them.
    fn install<'js>(&self, ctx: &Ctx<'js>, lent: &Rc<Lent<'js>>) -> Result<Object<'js>> {
        let made = self.make(ctx, lent_functions(ctx, lent)?)?;
        let globals = ctx.globals();
        for name in self.names {
            globals.prop(*name, own(made.get::<_, Value<'js>>(*name)?))?;
        }
        Ok(made)
    }
}

/// The few functions through which helpers reach out.
fn lent_functions<'js>(ctx: &Ctx<'js>, lent: &Rc<Lent<'js>>) -> Result<Object<'js>> {
    let functions = Object::new(ctx.clone())?;
    let guard = Rc::clone(&lent.guard);
    // How long a line was before it was cut, where that is known.
    let log = move |ctx: Ctx<'js>, level: String, line: JsString<'js>, whole: Opt<f64>| {
        let line = text::clipped(text::of(&ctx, &line)?, LINE_BYTES_MAX);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a length; what is none becomes 0")]
        let whole = whole.0.unwrap_or_default() as usize;
        guard.log(level_of(&level), &line, whole);
        Result::Ok(())
    };
    functions.set("log", Function::new(ctx.clone(), log)?)?;
    let guard = Rc::clone(&lent.guard);
    let progress = move |ctx: Ctx<'js>, fraction: Option<f64>, message: JsString<'js>| {
        guard.host().progress(fraction, &text::clipped(text::of(&ctx, &message)?, LINE_BYTES_MAX));
        Result::Ok(())
    };
    functions.set("progress", Function::new(ctx.clone(), progress)?)?;
    let timers = Rc::clone(&lent.timers);
    functions.set("setFire", Function::new(ctx.clone(), move |fire: Function<'js>| timers.set_fire(fire))?)?;
    let timers = Rc::clone(&lent.timers);
    functions.set("addTimer", Function::new(ctx.clone(), move |delay: f64| timers.add(delay))?)?;
    let timers = Rc::clone(&lent.timers);
    functions.set("removeTimer", Function::new(ctx.clone(), move |id: u32| timers.remove(id))?)?;
    functions.set("randomBytes", Function::new(ctx.clone(), random_bytes)?)?;
    functions.set("fromBase64", Function::new(ctx.clone(), from_base64)?)?;
    let place = Rc::clone(&lent.place);
    functions.set("frames", Function::new(ctx.clone(), move |stack: String| place.frames(&stack))?)?;
    functions.set("ask", ask_function(ctx, lent)?)?;
    Ok(functions)
}

/// `ask(method, params)`, which gives a promise; its helper is read when it is first called.
fn ask_function<'js>(ctx: &Ctx<'js>, lent: &Rc<Lent<'js>>) -> Result<Function<'js>> {
    let lent = Rc::clone(lent);
    Function::new(ctx.clone(), move |ctx: Ctx<'js>, method: String, params: Value<'js>| -> Result<Value<'js>> {
        let ask = match lent.asks.helper() {
            Some(ask) => ask,
            None => {
                let made = read_ask(&ctx, &lent)?;
                lent.asks.keep_helper(made.clone());
                made
            }
        };
        ask.call((method, params))
    })
}

fn read_ask<'js>(ctx: &Ctx<'js>, lent: &Rc<Lent<'js>>) -> Result<Function<'js>> {
    let functions = Object::new(ctx.clone())?;
    let asks = Rc::clone(&lent.asks);
    let set = move |settle: Function<'js>| asks.set_settle(settle);
    functions.set("setSettle", Function::new(ctx.clone(), set)?)?;
    let (asks, guard) = (Rc::clone(&lent.asks), Rc::clone(&lent.guard));
    let start = move |ctx: Ctx<'js>, method: String, params: JsString<'js>| {
        let params = serde_json::from_str(&text::of(&ctx, &params)?);
        let params =
            params.map_err(|error| Exception::throw_type(&ctx, &format!("the question is not JSON: {error}")))?;
        asks.start(&ctx, &guard, &method, params)
    };
    functions.set("startAsk", Function::new(ctx.clone(), start)?)?;
    let made: Object<'js> = ASK.make(ctx, functions)?;
    made.get("ask")
}

fn level_of(name: &str) -> Level {
    match name {
        "debug" => Level::Debug,
        "warn" => Level::Warn,
        "error" => Level::Error,
        _ => Level::Info,
    }
}

/// Bytes of base 64. What a text of one character for each of them would take besides, some megabytes have no room for.
fn from_base64<'js>(ctx: Ctx<'js>, text: JsString<'js>) -> Result<TypedArray<'js, u8>> {
    let bytes = STANDARD.decode(text::of(&ctx, &text)?);
    let bytes = bytes.map_err(|error| Exception::throw_type(&ctx, &format!("the text is not base 64: {error}")))?;
    // A copy, so that it counts as the script's.
    TypedArray::new_copy(ctx, bytes)
}

fn random_bytes<'js>(ctx: Ctx<'js>, count: usize) -> Result<TypedArray<'js, u8>> {
    let mut bytes = vec![0; count.min(RANDOM_BYTES_MAX)];
    getrandom::fill(&mut bytes).map_err(|error| Exception::throw_internal(&ctx, &error.to_string()))?;
    TypedArray::new(ctx, bytes)
}
