//! What JavaScript threw, turned into a failure that shows the script's own lines.

use crate::{
    bundle::Bundle,
    guard::{At, Guard, Spot, failed},
    nothing,
    packages::NOT_FOUND,
    run::SCRIPT_NAME,
    text,
};
use akao_node::{Failure, Kind, json};
use rquickjs::{Ctx, Error, Module, Object, Value};
use std::sync::Arc;

const MESSAGE_BYTES_MAX: usize = 2_000;
const FRAMES_MAX: usize = 10;
/// So many causes are told, and so many of the errors that one error holds.
const CAUSES_MAX: usize = 3;
const MODULE_BYTES_MAX: usize = 300;
/// The kinds of failures that an error may say of itself.
const TOLD_KINDS: [Kind; 6] =
    [Kind::User, Kind::Input, Kind::Permission, Kind::NotFound, Kind::Connection, Kind::Timeout];
/// How QuickJS says that the memory limit was met, and that the stack's was.
const NO_MEMORY: &str = "out of memory";
const NO_STACK: &str = "Maximum call stack size exceeded";
/// How QuickJS begins to say that what comes next does not fit.
const DO_NOT_FIT: [&str; 9] = [
    "Unexpected ",
    "unexpected ",
    "expecting '",
    "expecting field name",
    "identifier ",
    "invalid property name",
    "variable name expected",
    "missing formal parameter",
    "missing binding pattern",
];
const CUT_OFF: &str = "the script is not JavaScript: it ends in the middle of an expression or of what a bracket opens";
pub(crate) const TOO_MANY_BRACKETS: &str = "the script is not JavaScript: it closes more brackets than it opens";

/// Where what QuickJS names lies in what somebody wrote.
pub(crate) enum Place {
    /// A script within the function that was made of it: how it is written, how many lines it has, where its last one ends, and
    /// where its imports stand: by the column that each has on the line before the script, its own line and column.
    Script { source: String, lines: u32, last_column: u32, imports: Vec<(u32, u32, u32)> },
    /// The files of which a bundle was made.
    Bundle(Arc<Bundle>),
}

impl Place {
    /// Places of this script.
    pub(crate) fn of(source: &str, imports: Vec<(u32, u32, u32)>) -> Self {
        let last = source.rsplit('\n').next().unwrap_or_default();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let (lines, last_column) = (count(source.matches('\n').count() + 1), count(last.chars().count() + 1));
        Self::Script { source: source.to_owned(), lines, last_column, imports }
    }

    /// The place of a line and column in what QuickJS calls `name`; none where nobody wrote that.
    fn find(&self, name: &str, line: u32, column: u32) -> At {
        match self {
            // One line was put before a script, and what comes after it is its end.
            Self::Script { lines, last_column, imports, .. } if name == SCRIPT_NAME => {
                Some(match line.saturating_sub(1) {
                    0 => {
                        let import = imports.iter().rev().find(|(at, ..)| *at <= column);
                        let (line, column) = import.map_or((1, column), |(_, line, column)| (*line, *column));
                        Spot { file: None, line, column }
                    }
                    line if line > *lines => Spot { file: None, line: *lines, column: *last_column },
                    line => Spot { file: None, line, column },
                })
            }
            Self::Script { .. } => None,
            Self::Bundle(bundle) => bundle.find(name, line, column),
        }
    }

    /// Whether a stack trace begins behind the script, in what ends the function that was made of it.
    fn is_behind(&self, stack: &str) -> bool {
        let Self::Script { lines, .. } = self else { return false };
        let first = stack.lines().find_map(Frame::location);
        first.is_some_and(|(_, name, line, _)| name == SCRIPT_NAME && line.saturating_sub(1) > *lines)
    }

    /// The last place of the script at which something stands.
    fn end(&self) -> At {
        let Self::Script { source, .. } = self else { return None };
        let Self::Script { lines, last_column, .. } = Self::of(source.trim_end(), Vec::new()) else { return None };
        Some(Spot { file: None, line: lines, column: last_column })
    }

    /// Where `null` or `undefined` is thrown, if that is written in a single place.
    fn only_throw(&self, thrown: &str) -> At {
        let mut spots = match self {
            Self::Script { source, .. } => {
                let spot = |(line, column)| Spot { file: None, line, column };
                nothing::places(source, thrown).into_iter().map(spot).collect()
            }
            Self::Bundle(bundle) => bundle.spots(|text| nothing::places(text, thrown)),
        };
        spots.pop().filter(|_| spots.is_empty())
    }

    /// Where a script imports a module by `import()`, if that is written in a single place. What a bundle lacks is told before.
    fn only_import(&self, module: &str) -> At {
        let Self::Script { source, .. } = self else { return None };
        match nothing::import_places(source, module)[..] {
            [(line, column)] => Some(Spot { file: None, line, column }),
            _ => None,
        }
    }

    /// The lines of a stack trace that somebody wrote, one below the other, for people.
    pub(crate) fn frames(&self, stack: &str) -> String {
        let frames = stack.lines().filter_map(|line| Frame::read(line, self)).take(FRAMES_MAX);
        frames.map(|frame| frame.to_text()).collect::<Vec<_>>().join("\n")
    }
}

/// A line of a stack trace that lies in what somebody wrote.
struct Frame {
    function: String,
    spot: Spot,
}

impl Frame {
    /// What `    at name (script:3:5)` or `    at script:3:5` says: function, file, line and column.
    fn location(text: &str) -> Option<(&str, &str, u32, u32)> {
        let text = text.trim().strip_prefix("at ")?;
        let (function, location) = match text.rsplit_once(" (") {
            Some((function, location)) => (function, location.strip_suffix(')')?),
            None => ("", text),
        };
        let (before, last) = location.rsplit_once(':')?;
        let last = last.parse::<u32>().ok()?;
        // Native functions have no column, and some places none either.
        let named = before.rsplit_once(':').and_then(|(name, line)| Some((name, line.parse::<u32>().ok()?, last)));
        let (name, line, column) = named.unwrap_or((before, last, 1));
        Some((function, name, line, column))
    }

    /// Reads a line of a stack trace; of another file it is none.
    fn read(text: &str, place: &Place) -> Option<Self> {
        let (function, name, line, column) = Self::location(text)?;
        let spot = place.find(name, line, column)?;
        let function = if function == "<anonymous>" { String::new() } else { text::clipped(function.to_owned(), 100) };
        Some(Self { function, spot })
    }

    fn to_text(&self) -> String {
        let name = if self.function.is_empty() { String::new() } else { format!("{} ", self.function) };
        format!("at {name}({})", self.spot)
    }
}

/// The failure of an operation on QuickJS.
pub(crate) fn of_error<'js>(ctx: &Ctx<'js>, error: Error, guard: &Guard, place: &Place) -> Failure {
    match error {
        Error::Exception => of_thrown(ctx, &ctx.catch(), guard, place),
        // Unknown is a text for whose bytes there was no room.
        Error::Allocation | Error::Unknown => no_memory(guard, None),
        other => guard.stop().map_or_else(
            || Failure::new(Kind::Internal, text::clipped(other.to_string(), MESSAGE_BYTES_MAX)),
            |stop| stop.to_failure(guard.noun, None),
        ),
    }
}

/// The failure of a value that was thrown.
pub(crate) fn of_thrown<'js>(ctx: &Ctx<'js>, value: &Value<'js>, guard: &Guard, place: &Place) -> Failure {
    let thrown = Thrown::read(ctx, value, place);
    if let Some(stop) = guard.stop() {
        return stop.to_failure(guard.noun, thrown.at());
    }
    if let Some(nothing) = nothing::of(value) {
        return of_nothing(ctx, nothing, guard, place);
    }
    match (thrown.name.as_str(), thrown.message.as_str()) {
        ("InternalError", NO_MEMORY) => no_memory(guard, thrown.at()),
        ("RangeError", NO_STACK) => {
            let text = format!("the {} calls functions within each other too deeply", guard.noun);
            failed(Kind::Resource, "script_stack", &text, thrown.at())
        }
        _ => thrown.to_failure(thrown.kind.unwrap_or(Kind::User), "script_exception", ""),
    }
}

/// The failure of `null` or `undefined`, of which QuickJS throws the one itself when no memory is left for an error.
fn of_nothing(ctx: &Ctx<'_>, thrown: &str, guard: &Guard, place: &Place) -> Failure {
    if thrown == "null" && nothing::was_full(ctx, guard.limits().memory_bytes, guard.before()) {
        let text = format!("the {} threw null, as QuickJS does when no memory is left for an error", guard.noun);
        return failed(Kind::Resource, "script_memory", &text, None);
    }
    let text = format!("the {} threw {thrown}, which says nothing about what is wrong", guard.noun);
    let mut failure = failed(Kind::User, "script_exception", &text, place.only_throw(thrown));
    failure.detail["exception"] = json!("");
    failure.detail["stack"] = json!("");
    failure
}

/// The failure of a script that could not be read within the function that is made of it; `rest` is the script without its imports.
pub(crate) fn of_script<'js>(ctx: &Ctx<'js>, error: Error, guard: &Guard, place: &Place, rest: &str) -> Failure {
    if !matches!(error, Error::Exception) {
        return of_error(ctx, error, guard, place);
    }
    let value = ctx.catch();
    if !is_cut_off(ctx, &value, place) {
        return of_unread(ctx, &value, guard, place);
    }
    match closes_its_function(ctx, rest) {
        true => failed(Kind::Input, "script_syntax", TOO_MANY_BRACKETS, None),
        false => failed(Kind::Input, "script_syntax", CUT_OFF, place.end()),
    }
}

/// Whether what QuickJS stumbled over stands behind the script, and would say nothing to its author.
fn is_cut_off<'js>(ctx: &Ctx<'js>, value: &Value<'js>, place: &Place) -> bool {
    let Some(error) = value.as_object() else { return false };
    let text = |name: &str| field(ctx, error, name).unwrap_or_default();
    let message = text("message");
    DO_NOT_FIT.iter().any(|begin| message.starts_with(begin)) && place.is_behind(&text("stack"))
}

/// Whether a script has a bracket that closes the function which is made of it. As a module it is read, and nothing of it runs.
fn closes_its_function(ctx: &Ctx<'_>, rest: &str) -> bool {
    let module = Module::declare(ctx.clone(), "akao:closed", format!("async function closed() {{\n{rest}"));
    module.map_err(|_| ctx.catch()).is_ok()
}

/// The failure of what could not be read.
pub(crate) fn of_compiling<'js>(ctx: &Ctx<'js>, error: Error, guard: &Guard, place: &Place) -> Failure {
    match error {
        Error::Exception => of_unread(ctx, &ctx.catch(), guard, place),
        other => of_error(ctx, other, guard, place),
    }
}

fn of_unread<'js>(ctx: &Ctx<'js>, value: &Value<'js>, guard: &Guard, place: &Place) -> Failure {
    let thrown = Thrown::read(ctx, value, place);
    match thrown.name.as_str() {
        "SyntaxError" => {
            thrown.to_failure(Kind::Input, "script_syntax", &format!("the {} is not JavaScript: ", guard.noun))
        }
        _ => of_thrown(ctx, value, guard, place),
    }
}

/// The script took more than it may.
pub(crate) fn no_memory(guard: &Guard, at: At) -> Failure {
    let held = guard.limits().memory_bytes / 1_000_000;
    let text = format!("the {} needs more than {held} MB of memory", guard.noun);
    failed(Kind::Resource, "script_memory", &text, at)
}

/// What was thrown.
struct Thrown {
    /// Of an error, its name; of another value, nothing.
    name: String,
    message: String,
    frames: Vec<Frame>,
    /// What kind of failure it says that it is, as the host's refusals do.
    kind: Option<Kind>,
    /// Whether it says that another attempt may go well, as it may without saying what kind it is.
    retryable: bool,
    /// The module that was asked for and is not there.
    module: Option<String>,
    /// What it was caused by, and what it holds, a line for each.
    causes: Vec<String>,
}

impl Thrown {
    fn read<'js>(ctx: &Ctx<'js>, value: &Value<'js>, place: &Place) -> Self {
        let error = value.as_object().and_then(|object| Self::of_object(ctx, object, place));
        error.unwrap_or_else(|| Self {
            name: String::new(),
            message: shown(ctx, value),
            frames: Vec::new(),
            kind: None,
            retryable: false,
            module: None,
            causes: Vec::new(),
        })
    }

    /// An error, or what looks like one: a DOMException is none for QuickJS.
    fn of_object<'js>(ctx: &Ctx<'js>, error: &Object<'js>, place: &Place) -> Option<Self> {
        let field = |name: &str| field(ctx, error, name);
        let (name, message, stack) = (field("name"), field("message"), field("stack"));
        if !error.is_error() && (name.is_none() || message.is_none() || stack.is_none()) {
            return None;
        }
        let name = text::clipped(name.unwrap_or_else(|| "Error".to_owned()), 100);
        let message = text::clipped(message.unwrap_or_default(), MESSAGE_BYTES_MAX);
        let stack = stack.unwrap_or_default();
        let made_by = error.get::<_, Object<'js>>("constructor").and_then(|kind| kind.get::<_, Value<'js>>("name"));
        let made_by = made_by.ok().and_then(|name| text::of_value(ctx, &name)).unwrap_or_default();
        // Where a class of the script's own is made counts, not the lines of its constructor.
        let frames = stack.lines().filter_map(|line| Frame::read(line, place));
        let frames = frames.skip_while(|frame| !made_by.is_empty() && frame.function == made_by);
        let mut frames: Vec<Frame> = frames.take(FRAMES_MAX).collect();
        let kind = field("kind").as_deref().and_then(Kind::from_name).filter(|kind| TOLD_KINDS.contains(kind));
        let retryable = error.get::<_, Value<'js>>("retryable").ok().and_then(|value| value.as_bool());
        let module = field("code").filter(|code| code == NOT_FOUND).and_then(|_| field("module"));
        let module = module.map(|module| text::clipped(module, MODULE_BYTES_MAX));
        // Whatever is imported by `import()` is looked for when nobody's code runs.
        let spot = module.as_deref().filter(|_| frames.is_empty()).and_then(|module| place.only_import(module));
        frames.extend(spot.map(|spot| Frame { function: String::new(), spot }));
        let causes = causes(ctx, error);
        Some(Self { name, message, frames, kind, retryable: retryable == Some(true), module, causes })
    }

    /// Where it was thrown.
    fn at(&self) -> At {
        self.frames.first().map(|frame| frame.spot.clone())
    }

    fn to_failure(&self, kind: Kind, reason: &str, before: &str) -> Failure {
        let text = named(&self.name, &self.message);
        let mut failure = failed(kind, reason, &format!("{before}{text}"), self.at());
        let stack: Vec<String> = self.frames.iter().map(Frame::to_text).chain(self.causes.iter().cloned()).collect();
        failure.detail["exception"] = json!(self.name);
        failure.detail["stack"] = json!(stack.join("\n"));
        if let Some(module) = &self.module {
            failure.detail["module"] = json!(module);
        }
        failure.retryable(self.retryable)
    }
}

/// A name and a message as one text; either may be empty.
fn named(name: &str, message: &str) -> String {
    let parts: Vec<&str> = [name, message].into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(": ")
}

/// What an error holds (`errors` of an `AggregateError`) and what it was caused by, each as a line.
fn causes<'js>(ctx: &Ctx<'js>, error: &Object<'js>) -> Vec<String> {
    let mut lines = held(ctx, error);
    let mut next = value_of(ctx, error, "cause");
    for _ in 0..CAUSES_MAX {
        let Some(cause) = next.take() else { break };
        lines.push(format!("caused by {}", told(ctx, &cause)));
        next = cause.as_object().and_then(|cause| {
            lines.extend(held(ctx, cause));
            value_of(ctx, cause, "cause")
        });
    }
    lines
}

/// The first errors that an error holds.
fn held<'js>(ctx: &Ctx<'js>, error: &Object<'js>) -> Vec<String> {
    let errors = value_of(ctx, error, "errors").and_then(Value::into_array);
    let errors = errors.into_iter().flat_map(|errors| errors.iter::<Value<'js>>().take(CAUSES_MAX).collect::<Vec<_>>());
    let read = errors.map_while(|held| held.inspect_err(|_| drop(ctx.catch())).ok());
    read.map(|held| format!("with {}", told(ctx, &held))).collect()
}

/// A value of an error, if there is one; reading it may run the script's own code, which may throw.
fn value_of<'js>(ctx: &Ctx<'js>, error: &Object<'js>, name: &str) -> Option<Value<'js>> {
    let value = error.get::<_, Value<'js>>(name).inspect_err(|_| drop(ctx.catch())).ok()?;
    (!value.is_undefined() && !value.is_null()).then_some(value)
}

/// An error by its name and message; another value as it is shown.
fn told<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> String {
    let of = |error: &Object<'js>| {
        let (name, message) = (field(ctx, error, "name"), field(ctx, error, "message"));
        message.map(|message| named(&name.unwrap_or_default(), &message))
    };
    let text = value.as_object().and_then(of).unwrap_or_else(|| shown(ctx, value));
    text::clipped(text, MESSAGE_BYTES_MAX)
}

/// A field of an error that is text; reading it may run the script's own code, which may throw.
fn field<'js>(ctx: &Ctx<'js>, error: &Object<'js>, name: &str) -> Option<String> {
    match error.get::<_, Value<'js>>(name) {
        Ok(value) => text::of_value(ctx, &value),
        Err(_) => {
            ctx.catch();
            None
        }
    }
}

/// A thrown value that is no error, for people.
fn shown<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> String {
    let told = match value.as_string() {
        Some(string) => text::of(ctx, string).ok(),
        None => written(ctx, value),
    };
    let told = told.unwrap_or_else(|| {
        ctx.catch();
        format!("a value of type {}", value.type_name())
    });
    text::clipped(told, MESSAGE_BYTES_MAX)
}

fn written<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> Option<String> {
    let written = ctx.json_stringify(value.clone()).ok()??;
    text::of(ctx, &written).ok()
}

#[cfg(test)]
mod tests {
    use super::{Frame, Place};

    #[test]
    fn frames_of_the_script_are_read_with_its_own_lines() {
        let place = Place::of("one\ntwo\nthree", vec![(22, 2, 5), (50, 3, 1)]);
        let read = |text: &str| Frame::read(text, &place).map(|frame| frame.to_text());
        let cases = [
            ("    at add (script:3:5)", Some("at add (line 2, column 5)")),
            ("    at <anonymous> (script:2:1)", Some("at (line 1, column 1)")),
            ("    at script:9:1", Some("at (line 3, column 6)")),
            ("    at script:1:40", Some("at (line 2, column 5)")),
            ("    at script:1:50", Some("at (line 3, column 1)")),
            ("    at script:1:9", Some("at (line 1, column 9)")),
            ("    at add (script)", None),
            ("    at map (native)", None),
            ("    at URL (akao:url:3:5)", None),
            ("script:3:5", None),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text).as_deref(), expected, "{text}");
        }
        let behind =
            [("    at script:5:1", true), ("    at script:4:5", false), ("    at akao:url:9:1", false), ("", false)];
        for (stack, expected) in behind {
            assert_eq!(place.is_behind(stack), expected, "{stack}");
        }
    }
}
