//! A value of JavaScript as JSON, by rules that lose nothing in silence.
//!
//! | value | becomes |
//! |---|---|
//! | null, true, text, a finite number | itself; halves of characters become U+FFFD |
//! | list, typed array, Set | list; `undefined` in it becomes null |
//! | object, instance of a class | object of its own enumerable properties; `undefined` is left out |
//! | Map with keys of text or numbers | object |
//! | Date | text, as `toISOString` writes it |
//! | boxed text, number or truth value | the value in it |
//! | whatever has a method `toJSON` | what that gives |
//! | anything else | a failure that names the place |

use crate::{
    failure::{self, Place},
    guard::{Guard, RESULT_DEPTH_MAX, RESULT_VALUES_MAX, failed},
    text,
};
use akao_node::{Failure, Kind, Map, Value as Json, json};
use rquickjs::{
    Array, Ctx, Error, Function, Object, String as JsString, Value, context::EvalOptions, function::This,
    object::Filter,
};

/// Tells values with an inside, such as dates and maps, from plain objects.
const CLASSIFY: &str = include_str!("helpers/classify.js");
/// Between two questions whether the run must stop, so many values are read.
const LOOK_EVERY: usize = 1_000;
/// The largest integer that every reader of JSON takes exactly.
const INTEGER_MAX: f64 = 9_007_199_254_740_991.0;

/// The result of a run as JSON.
///
/// # Errors
/// It is not JSON by the rules above, too large, or reading it fails.
pub(crate) fn of<'js>(ctx: &Ctx<'js>, guard: &Guard, place: &Place, value: Value<'js>) -> Result<Json, Failure> {
    let mut reader = Reader {
        ctx,
        guard,
        plain: Object::new(ctx.clone()).ok().and_then(|object| object.get_prototype()),
        classify: None,
        above: Vec::new(),
        bytes: 0,
        count: 0,
    };
    reader.read(value).map_err(|unfit| unfit.to_failure(ctx, guard, place))
}

/// Why a value is not JSON, and where.
struct Unfit {
    why: Why,
    /// From the inside out.
    path: Vec<Step>,
}

enum Why {
    /// What is wrong, and what to do.
    Rule(String),
    Thrown(Error),
    Stopped,
}

enum Step {
    Key(String),
    Index(usize),
}

type Read<T> = Result<T, Unfit>;

impl From<Error> for Unfit {
    fn from(error: Error) -> Self {
        Self { why: Why::Thrown(error), path: Vec::new() }
    }
}

impl Unfit {
    fn rule(message: impl Into<String>) -> Self {
        Self { why: Why::Rule(message.into()), path: Vec::new() }
    }

    fn under(mut self, step: Step) -> Self {
        self.path.push(step);
        self
    }

    /// The place as the script would write it.
    fn path(&self, place: &Place) -> String {
        let mut steps = self.path.iter().rev().peekable();
        let mut path = "result".to_owned();
        // A node gives two things: its result, and what it set on the blackboard.
        if let (Place::Bundle(_), Some(Step::Key(part))) = (place, steps.peek()) {
            path = if part == "writes" { "blackboard".to_owned() } else { part.clone() };
            steps.next();
        }
        for step in steps {
            match step {
                Step::Index(index) => path.push_str(&format!("[{index}]")),
                Step::Key(key) if is_name(key) => path.push_str(&format!(".{key}")),
                Step::Key(key) => path.push_str(&format!("[{}]", Json::String(text::clipped(key.clone(), 100)))),
            }
        }
        text::clipped(path, 500)
    }

    fn to_failure(&self, ctx: &Ctx<'_>, guard: &Guard, place: &Place) -> Failure {
        let path = self.path(place);
        match &self.why {
            Why::Rule(rule) => {
                let mut failure = failed(Kind::User, "script_result", &format!("`{path}` {rule}"), None);
                failure.detail["path"] = json!(path);
                failure
            }
            Why::Stopped => guard.stop().map_or_else(
                || failed(Kind::Internal, "stopped", "the run was stopped without a reason", None),
                |stop| stop.to_failure(guard.noun, None),
            ),
            Why::Thrown(Error::Exception) => {
                let failure = failure::of_error(ctx, Error::Exception, guard, place);
                match failure.kind {
                    Kind::User => Failure { message: format!("reading `{path}`: {}", failure.message), ..failure },
                    _ => failure,
                }
            }
            // The script may have changed what reading uses.
            Why::Thrown(Error::FromJs { from, to, .. }) => {
                let text = format!("`{path}` cannot be read: it gives a {from} where a {to} is needed");
                let mut failure = failed(Kind::User, "script_result", &text, None);
                failure.detail["path"] = json!(path);
                failure
            }
            Why::Thrown(_) => failure::no_memory(guard, None),
        }
    }
}

/// Whether a key can be written after a dot.
fn is_name(key: &str) -> bool {
    let begins = |first: char| first.is_ascii_alphabetic() || first == '_' || first == '$';
    key.chars().next().is_some_and(begins) && key.chars().all(|char| begins(char) || char.is_ascii_digit())
}

struct Reader<'a, 'js> {
    ctx: &'a Ctx<'js>,
    guard: &'a Guard,
    /// What plain objects inherit from; taken from a new one, because the script may have put another under its name.
    plain: Option<Object<'js>>,
    classify: Option<Function<'js>>,
    /// The lists and objects around the one that is read.
    above: Vec<Object<'js>>,
    bytes: usize,
    count: usize,
}

impl<'js> Reader<'_, 'js> {
    fn read(&mut self, value: Value<'js>) -> Read<Json> {
        self.count()?;
        if value.is_undefined() || value.is_null() {
            return Ok(Json::Null);
        }
        if let Some(truth) = value.as_bool() {
            return Ok(Json::Bool(truth));
        }
        if let Some(number) = value.as_number() {
            let number = number_of(number)?;
            // Two of them are counted with every value.
            self.weigh(number.to_string().len().saturating_sub(2))?;
            return Ok(number);
        }
        if let Some(string) = value.as_string() {
            return self.text(string).map(Json::String);
        }
        if value.is_big_int() {
            return Err(Unfit::rule("is a BigInt: give Number(value) or String(value)"));
        }
        if value.is_symbol() {
            return Err(Unfit::rule("is a symbol"));
        }
        match value.into_object() {
            Some(object) => self.within(object),
            None => Err(Unfit::rule("is no value that JSON can say")),
        }
    }

    /// Counts a value and sees that the run may go on.
    fn count(&mut self) -> Read<()> {
        self.count += 1;
        if self.count > RESULT_VALUES_MAX {
            return Err(Unfit::rule(format!("is beyond the {RESULT_VALUES_MAX} values that a result may have")));
        }
        if self.count.is_multiple_of(LOOK_EVERY) && self.guard.stop().is_some() {
            return Err(Unfit { why: Why::Stopped, path: Vec::new() });
        }
        self.weigh(2)
    }

    /// Counts bytes that the written result will have at least.
    fn weigh(&mut self, bytes: usize) -> Read<()> {
        self.bytes += bytes;
        let bytes_max = self.guard.limits().result_bytes;
        match self.bytes > bytes_max {
            true => Err(Unfit::rule(format!("is beyond the {bytes_max} bytes that a result may have"))),
            false => Ok(()),
        }
    }

    fn text(&mut self, string: &JsString<'js>) -> Read<String> {
        let text = text::of(self.ctx, string)?;
        self.weigh(written_bytes(&text))?;
        Ok(text)
    }

    /// Reads what has values within it.
    fn within(&mut self, object: Object<'js>) -> Read<Json> {
        if object.is_function() {
            return Err(Unfit::rule("is a function"));
        }
        if object.is_promise() {
            return Err(Unfit::rule("is a promise: await it"));
        }
        if self.above.contains(&object) {
            return Err(Unfit::rule("refers to what it stands in"));
        }
        if self.above.len() >= RESULT_DEPTH_MAX {
            return Err(Unfit::rule(format!("is nested deeper than {RESULT_DEPTH_MAX} levels")));
        }
        self.above.push(object.clone());
        let read = match object.as_array() {
            Some(array) => self.list(array),
            None => self.object(&object),
        };
        self.above.pop();
        read
    }

    fn list(&mut self, array: &Array<'js>) -> Read<Json> {
        // A list may say a length that it does not fill. What QuickJS counts in is no whole number beyond 2^31.
        let length: f64 = array.as_object().get("length")?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a length is at most 2^32 - 1")]
        let length = length as usize;
        self.weigh(length)?;
        let mut items = Vec::new();
        for index in 0..length {
            let read = array.get(index).map_err(Unfit::from).and_then(|item| self.read(item));
            items.push(read.map_err(|unfit| unfit.under(Step::Index(index)))?);
        }
        Ok(Json::Array(items))
    }

    fn object(&mut self, object: &Object<'js>) -> Read<Json> {
        let is_plain = !object.is_proxy() && object.get_prototype() == self.plain;
        if !is_plain && let Some(other) = self.classified(object)? {
            return self.read(other);
        }
        let to_json: Value<'js> = object.get("toJSON")?;
        if let Some(to_json) = to_json.as_function() {
            let other: Value<'js> = to_json.call((This(object.clone()),))?;
            return self.read(other);
        }
        let mut entries = Map::new();
        for key in object.own_keys::<JsString<'js>>(Filter::default()) {
            let key = key?;
            let name = self.text(&key)?;
            // No message may hold one.
            if name.contains('\0') {
                return Err(Unfit::rule("has a key that holds a null character"));
            }
            let value: Value<'js> =
                object.get(key).map_err(|error| Unfit::from(error).under(Step::Key(name.clone())))?;
            // Text in a result is a name that the script chose, so it is told even where the value is left out.
            if value.is_undefined() {
                continue;
            }
            match self.read(value) {
                Ok(value) => entries.insert(name, value),
                Err(unfit) => return Err(unfit.under(Step::Key(name))),
            };
        }
        Ok(Json::Object(entries))
    }

    /// What an object with an inside is for JSON; nothing where it is read by its properties.
    fn classified(&mut self, object: &Object<'js>) -> Read<Option<Value<'js>>> {
        if object.is_error() {
            return Err(Unfit::rule("is an error: throw it, or give its message"));
        }
        if self.classify.is_none() {
            let mut options = EvalOptions::default();
            options.filename = Some("akao:classify".to_owned());
            self.classify = Some(self.ctx.eval_with_options(CLASSIFY, options)?);
        }
        let Some(classify) = &self.classify else { return Ok(None) };
        let answer: Option<Array<'js>> = classify.call((object.clone(),))?;
        let Some(answer) = answer else { return Ok(None) };
        match answer.get::<Option<JsString<'js>>>(1)? {
            Some(rule) => Err(Unfit::rule(text::clipped(text::of(self.ctx, &rule)?, 200))),
            None => Ok(Some(answer.get(0)?)),
        }
    }
}

/// How many bytes a text has between its quotes once it is written.
fn written_bytes(text: &str) -> usize {
    let of = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        _ => 1,
    };
    text.bytes().map(of).sum()
}

fn number_of(number: f64) -> Read<Json> {
    if !number.is_finite() {
        return Err(Unfit::rule(format!("is {number}, which JSON cannot say").replace("inf", "Infinity")));
    }
    if number.fract() == 0.0 && number.abs() <= INTEGER_MAX {
        #[expect(clippy::cast_possible_truncation, reason = "it has no fraction and lies within 2^53")]
        return Ok(Json::from(number as i64));
    }
    Ok(Json::from(number))
}
