//! The bounds of an evaluation and the meter that keeps them.
//!
//! There is no loop and no recursion in the language, so work grows only with the source and with the data that is
//! visited. Everything that visits data burns fuel, everything that creates data is charged *before* it is created.

use crate::error::EvalError;
use serde_json::Value;
use std::cell::Cell;

/// Longest source of one expression, in bytes.
pub const SOURCE_BYTES_MAX: usize = 8 * 1024;
/// Deepest nesting of brackets, conditionals and negations in one expression.
pub const NESTING_MAX: usize = 64;
/// Deepest nesting of a value that an expression may build, copy or compare, and of a template.
pub const VALUE_DEPTH_MAX: usize = 200;
/// Units of work of one rendering; a visited value costs one, visited text one per 64 bytes.
pub const FUEL_MAX: u64 = 200_000;
/// Bytes that one rendering may allocate in total, temporary values included.
pub const MEMORY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of the finished value of one rendering, counted as JSON text.
pub const OUTPUT_BYTES_MAX: usize = 1024 * 1024;
/// Most elements that `range` gives.
pub const RANGE_ITEMS_MAX: usize = 10_000;

/// Memory of one JSON value without its text; an entry of an object holds its key besides.
const VALUE_BYTES: usize = size_of::<Value>();
const ENTRY_BYTES: usize = 2 * size_of::<Value>();
const TEXT_BYTES_PER_FUEL: usize = 64;

/// What is left of the bounds of one rendering.
#[derive(Debug)]
pub(crate) struct Budget {
    fuel: Cell<u64>,
    memory: Cell<usize>,
    output: Cell<usize>,
}

/// The cost of a value: values visited, memory of a copy, bytes as JSON text (about).
#[derive(Default, Clone, Copy)]
struct Size {
    values: u64,
    memory: usize,
    output: usize,
}

impl Budget {
    pub(crate) fn new() -> Self {
        Self { fuel: Cell::new(FUEL_MAX), memory: Cell::new(MEMORY_BYTES_MAX), output: Cell::new(OUTPUT_BYTES_MAX) }
    }

    /// Burns fuel for `units` of work.
    pub(crate) fn burn(&self, units: usize) -> Result<(), EvalError> {
        match self.fuel.get().checked_sub(units as u64) {
            Some(left) => {
                self.fuel.set(left);
                Ok(())
            }
            None => {
                self.fuel.set(0);
                Err(EvalError::new(format!("expression does too much work (more than {FUEL_MAX} units)"))
                    .suggest("Move the work into a node that runs code, such as PythonInterpreter."))
            }
        }
    }

    /// Burns fuel for reading `bytes` of text.
    pub(crate) fn read_text(&self, bytes: usize) -> Result<(), EvalError> {
        self.burn(bytes / TEXT_BYTES_PER_FUEL + 1)
    }

    /// Charges `bytes` of memory that are about to be allocated.
    pub(crate) fn allocate(&self, bytes: usize) -> Result<(), EvalError> {
        let left = self.memory.get().checked_sub(bytes).ok_or_else(|| {
            EvalError::new(format!("expression needs too much memory (more than {MEMORY_BYTES_MAX} bytes)"))
                .suggest("Pass the large value whole to a node instead of transforming it in an expression.")
        })?;
        self.memory.set(left);
        Ok(())
    }

    /// Charges a text of `bytes` that is about to be written, and the work of writing it.
    pub(crate) fn write_text(&self, bytes: usize) -> Result<(), EvalError> {
        self.read_text(bytes)?;
        self.allocate(bytes.saturating_add(VALUE_BYTES))
    }

    /// Charges a list of `items` that is about to be created; the items themselves are charged by whoever copies them.
    pub(crate) fn list(&self, items: usize) -> Result<(), EvalError> {
        self.burn(items)?;
        self.allocate(items.saturating_mul(VALUE_BYTES))
    }

    /// Charges an object of `entries` that is about to be created, without keys and values.
    pub(crate) fn object(&self, entries: usize) -> Result<(), EvalError> {
        self.burn(entries)?;
        self.allocate(entries.saturating_mul(ENTRY_BYTES))
    }

    /// Copies a value after its copy was charged.
    pub(crate) fn copy(&self, value: &Value) -> Result<Value, EvalError> {
        self.allocate(self.measure(value)?.memory)?;
        Ok(value.clone())
    }

    /// Burns fuel for visiting every part of a value; refuses one that is nested too deeply.
    pub(crate) fn visit(&self, value: &Value) -> Result<(), EvalError> {
        self.measure(value).map(|_| ())
    }

    /// Charges the bytes that a finished value adds to the output.
    pub(crate) fn output(&self, value: &Value) -> Result<(), EvalError> {
        let size = self.measure(value)?;
        self.output_bytes(size.output)
    }

    /// Charges `bytes` of finished text.
    pub(crate) fn output_bytes(&self, bytes: usize) -> Result<(), EvalError> {
        let left = self.output.get().checked_sub(bytes).ok_or_else(|| {
            EvalError::new(format!("the result is larger than {OUTPUT_BYTES_MAX} bytes"))
                .suggest("Pass the large value whole to a node instead of building it in an expression.")
        })?;
        self.output.set(left);
        Ok(())
    }

    /// Charges the values that parsing a JSON text can create at most.
    pub(crate) fn parse_json(&self, text: &str) -> Result<(), EvalError> {
        self.read_text(text.len())?;
        let values = 1 + text.bytes().filter(|byte| matches!(byte, b',' | b':' | b'[' | b'{')).count();
        self.burn(values)?;
        self.allocate(values.saturating_mul(ENTRY_BYTES).saturating_add(text.len()))
    }

    fn measure(&self, value: &Value) -> Result<Size, EvalError> {
        let mut size = Size::default();
        self.add(value, 0, &mut size)?;
        self.burn(size.values as usize + size.output / TEXT_BYTES_PER_FUEL)?;
        Ok(size)
    }

    fn add(&self, value: &Value, depth: usize, size: &mut Size) -> Result<(), EvalError> {
        if depth > VALUE_DEPTH_MAX {
            return Err(EvalError::new(format!("value is nested deeper than {VALUE_DEPTH_MAX} levels")));
        }
        size.values += 1;
        size.memory = size.memory.saturating_add(VALUE_BYTES);
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => size.output = size.output.saturating_add(8),
            Value::String(text) => {
                size.memory = size.memory.saturating_add(text.len());
                size.output = size.output.saturating_add(text.len() + 2);
            }
            Value::Array(items) => {
                size.output = size.output.saturating_add(items.len() + 2);
                for item in items {
                    self.add(item, depth + 1, size)?;
                }
            }
            Value::Object(entries) => {
                size.output = size.output.saturating_add(4 * entries.len() + 2);
                size.memory = size.memory.saturating_add(entries.len().saturating_mul(ENTRY_BYTES - VALUE_BYTES));
                for (key, item) in entries {
                    size.memory = size.memory.saturating_add(key.len());
                    size.output = size.output.saturating_add(key.len());
                    self.add(item, depth + 1, size)?;
                }
            }
        }
        // A value that can fit no bound is not walked to its end.
        if size.values > self.fuel.get() { self.burn(size.values as usize) } else { Ok(()) }
    }
}
