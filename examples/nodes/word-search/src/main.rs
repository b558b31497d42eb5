//! Finds words in a text and counts them, in one pass.

use akao_node::{inputs, json, serve, Context, Failure, Node, Package, Value};
use std::{cmp::Reverse, collections::HashMap};

/// Lines between two looks at the call.
const LINES_BETWEEN_LOOKS: usize = 10_000;

inputs! {
    /// What it takes.
    struct Search {
        text: String,
        words: Vec<String> = json!([]),
        top: u32 = 5,
    }
}

/// What is known of a word.
#[derive(Default)]
struct Seen {
    count: u64,
    lines: Vec<usize>,
}

fn search(context: &Context, inputs: Search) -> Result<Value, Failure> {
    let wanted: Vec<String> = inputs.words.iter().map(|word| word.to_lowercase()).collect();
    let mut seen: HashMap<String, Seen> = HashMap::new();
    for (index, line) in inputs.text.lines().enumerate() {
        if index % LINES_BETWEEN_LOOKS == 0 {
            context.check_cancelled()?;
        }
        for word in line.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()) {
            let word = word.to_lowercase();
            let is_wanted = wanted.contains(&word);
            let known = seen.entry(word).or_default();
            known.count += 1;
            if is_wanted && known.lines.last() != Some(&(index + 1)) {
                known.lines.push(index + 1);
            }
        }
    }
    let none = Seen::default();
    let found = wanted.iter().map(|word| {
        let known = seen.get(word).unwrap_or(&none);
        (word.clone(), json!({"count": known.count, "lines": known.lines}))
    });
    let found: Value = found.collect();
    let mut frequent: Vec<(&String, u64)> = seen.iter().map(|(word, known)| (word, known.count)).collect();
    // Equal counts in the order of the alphabet, so that the same text gives the same answer.
    frequent.sort_by_key(|(word, count)| (Reverse(*count), *word));
    let top: Vec<Value> =
        frequent.iter().take(inputs.top as usize).map(|(word, count)| json!({"word": word, "count": count})).collect();
    Ok(json!({"found": found, "top": top, "distinct": seen.len()}))
}

fn main() {
    let node = Node::new("com.example.word-search", search);
    serve(Package::new("com.example.word-search", "1.0.0"), vec![node]);
}
