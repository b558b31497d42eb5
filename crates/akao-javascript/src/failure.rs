//! What JavaScript threw, turned into a failure that shows the script's own lines.

use crate::{
    guard::{At, Guard, failed},
    run::SCRIPT_NAME,
    text,
};
use akao_node::{Failure, Kind, json};
use rquickjs::{Ctx, Error, Object, Value};

const MESSAGE_BYTES_MAX: usize = 2_000;
const FRAMES_MAX: usize = 10;
/// How QuickJS says that the memory limit was met, and that the stack's was.
const NO_MEMORY: &str = "out of memory";
const NO_STACK: &str = "Maximum call stack size exceeded";

/// Places of a script within what was made of it.
pub(crate) struct Place {
    lines: u32,
    last_column: u32,
}

impl Place {
    /// Places of this script.
    pub(crate) fn of(source: &str) -> Self {
        let last = source.rsplit('\n').next().unwrap_or_default();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self { lines: count(source.matches('\n').count() + 1), last_column: count(last.chars().count() + 1) }
    }

    /// The script's line and column: one line was put before it, and what comes after it is its end.
    fn find(&self, line: u32, column: u32) -> (u32, u32) {
        match line.saturating_sub(1) {
            line if line > self.lines => (self.lines, self.last_column),
            line => (line.max(1), column),
        }
    }
}

/// A line of a stack trace that lies in the script.
struct Frame {
    function: String,
    line: u32,
    column: u32,
}

impl Frame {
    /// Reads `    at name (script:3:5)` or `    at script:3:5`; of another file it is none.
    fn read(text: &str, place: &Place) -> Option<Self> {
        let text = text.trim().strip_prefix("at ")?;
        let (function, location) = match text.rsplit_once(" (") {
            Some((function, location)) => (function, location.strip_suffix(')')?),
            None => ("", text),
        };
        let mut parts = location.strip_prefix(SCRIPT_NAME)?.strip_prefix(':')?.split(':');
        let mut number = || parts.next().and_then(|part| part.parse::<u32>().ok());
        let (line, column) = place.find(number()?, number().unwrap_or(1));
        let function = if function == "<anonymous>" { String::new() } else { text::clipped(function.to_owned(), 100) };
        Some(Self { function, line, column })
    }

    fn to_text(&self) -> String {
        let name = if self.function.is_empty() { String::new() } else { format!("{} ", self.function) };
        format!("at {name}(line {}, column {})", self.line, self.column)
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
            |stop| stop.to_failure(None),
        ),
    }
}

/// The failure of a value that was thrown.
pub(crate) fn of_thrown<'js>(ctx: &Ctx<'js>, value: &Value<'js>, guard: &Guard, place: &Place) -> Failure {
    let thrown = Thrown::read(ctx, value, place);
    if let Some(stop) = guard.stop() {
        return stop.to_failure(thrown.at());
    }
    if value.is_null() {
        let text = "the script threw null, as QuickJS does when no memory is left for an error";
        return failed(Kind::Resource, "script_memory", text, None);
    }
    match (thrown.name.as_str(), thrown.message.as_str()) {
        ("InternalError", NO_MEMORY) => no_memory(guard, thrown.at()),
        ("RangeError", NO_STACK) => {
            let text = "the script calls functions within each other too deeply";
            failed(Kind::Resource, "script_stack", text, thrown.at())
        }
        _ => thrown.to_failure(Kind::User, "script_exception", ""),
    }
}

/// The failure of a script that could not be read.
pub(crate) fn of_compiling<'js>(ctx: &Ctx<'js>, error: Error, guard: &Guard, place: &Place) -> Failure {
    if !matches!(error, Error::Exception) {
        return of_error(ctx, error, guard, place);
    }
    let value = ctx.catch();
    let thrown = Thrown::read(ctx, &value, place);
    match thrown.name.as_str() {
        "SyntaxError" => thrown.to_failure(Kind::Input, "script_syntax", "the script is not JavaScript: "),
        _ => of_thrown(ctx, &value, guard, place),
    }
}

/// The script took more than it may.
pub(crate) fn no_memory(guard: &Guard, at: At) -> Failure {
    let text = format!("the script needs more than {} MB of memory", guard.limits.memory_bytes / 1_000_000);
    failed(Kind::Resource, "script_memory", &text, at)
}

/// What was thrown.
struct Thrown {
    /// Of an error, its name; of another value, nothing.
    name: String,
    message: String,
    frames: Vec<Frame>,
}

impl Thrown {
    fn read<'js>(ctx: &Ctx<'js>, value: &Value<'js>, place: &Place) -> Self {
        let error = value.as_object().and_then(|object| Self::of_object(ctx, object, place));
        error.unwrap_or_else(|| Self { name: String::new(), message: shown(ctx, value), frames: Vec::new() })
    }

    /// An error, or what looks like one: a DOMException is none for QuickJS.
    fn of_object<'js>(ctx: &Ctx<'js>, error: &Object<'js>, place: &Place) -> Option<Self> {
        let field = |name: &str| match error.get::<_, Value<'js>>(name) {
            Ok(value) => text::of_value(ctx, &value),
            Err(_) => {
                ctx.catch();
                None
            }
        };
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
        let frames = frames.take(FRAMES_MAX).collect();
        Some(Self { name, message, frames })
    }

    /// Where it was thrown.
    fn at(&self) -> At {
        self.frames.first().map(|frame| (frame.line, frame.column))
    }

    fn to_failure(&self, kind: Kind, reason: &str, before: &str) -> Failure {
        let parts = [self.name.as_str(), self.message.as_str()];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let mut failure = failed(kind, reason, &format!("{before}{}", parts.join(": ")), self.at());
        let stack: Vec<String> = self.frames.iter().map(Frame::to_text).collect();
        failure.detail["exception"] = json!(self.name);
        failure.detail["stack"] = json!(stack.join("\n"));
        failure
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
        let place = Place::of("one\ntwo\nthree");
        let read = |text: &str| Frame::read(text, &place).map(|frame| frame.to_text());
        let cases = [
            ("    at add (script:3:5)", Some("at add (line 2, column 5)")),
            ("    at <anonymous> (script:2:1)", Some("at (line 1, column 1)")),
            ("    at script:9:1", Some("at (line 3, column 6)")),
            ("    at add (script)", None),
            ("    at map (native)", None),
            ("    at URL (akao:url:3:5)", None),
            ("script:3:5", None),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text).as_deref(), expected, "{text}");
        }
    }
}
