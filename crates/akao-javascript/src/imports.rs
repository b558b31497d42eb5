//! The imports of a script: declarations at its beginning, which are taken out of it so that the rest can be a function's body.

use crate::run::BEFORE;
use rquickjs::{Ctx, Function, Object, Result, Value, context::EvalOptions};

const SOURCE: &str = include_str!("helpers/imports.js");
/// What that is called in stack traces.
const FILE: &str = "akao:imports";

/// A script without its imports.
pub(crate) struct Imports<'js> {
    /// What is to stand before the script, on the line of [`BEFORE`].
    pub(crate) before: String,
    /// The script, with blanks where they stood.
    pub(crate) rest: String,
    /// The columns at which each begins in the line before the script, with its own line and column.
    pub(crate) places: Vec<(u32, u32, u32)>,
    /// What takes values out of modules.
    pub(crate) take: Value<'js>,
}

impl<'js> Imports<'js> {
    /// Looks for imports; none where there are none.
    pub(crate) fn read(ctx: &Ctx<'js>, source: &str) -> Result<Option<Self>> {
        // Most scripts have none, and reading what looks for them takes longer than running them.
        if !source.contains("import") {
            return Ok(None);
        }
        let mut options = EvalOptions::default();
        options.filename = Some(FILE.to_owned());
        let make: Function<'js> = ctx.eval_with_options(SOURCE, options)?;
        let made: Object<'js> = make.call(())?;
        let read: Function<'js> = made.get("read")?;
        let Some(found) = read.call::<_, Option<Object<'js>>>((source,))? else { return Ok(None) };
        let at = u32::try_from(BEFORE.len()).unwrap_or_default();
        let places: Vec<Vec<u32>> = found.get("places")?;
        let places = places.iter().filter_map(|place| match place[..] {
            [column, line, own] => Some((column + at, line, own)),
            _ => None,
        });
        // The dynamic import of QuickJS, from a place that is nobody's.
        let load: Value<'js> = ctx.eval("(name) => import(name)")?;
        let taker: Function<'js> = made.get("taker")?;
        let places = places.collect();
        Ok(Some(Self { before: found.get("before")?, rest: found.get("rest")?, places, take: taker.call((load,))? }))
    }
}
