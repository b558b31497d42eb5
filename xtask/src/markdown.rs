//! The parts of Markdown documents that a machine can check: links to files, and workflows in code blocks.
//!
//! This reads the simple Markdown that the project writes: inline links and fenced blocks. It is not a Markdown parser.

use crate::{Chore, tidy::text_files, workspace::Workspace};
use std::fs;

/// Some workflows in documents are not valid; each has been reported.
#[derive(Debug, thiserror::Error)]
#[error("{invalid} of {all} workflows in documents are not valid")]
pub(crate) struct Invalid {
    invalid: usize,
    all: usize,
}

/// A fenced block of code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// The word after the fence, such as `yaml`.
    pub(crate) info: String,
    /// The line of the block's first line of text, from one.
    pub(crate) line: usize,
    /// The text between the fences.
    pub(crate) text: String,
}

/// The fenced blocks of a document; the indentation of the opening fence is taken off every line.
pub(crate) fn blocks(document: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, Block)> = None;
    for (index, line) in document.lines().enumerate() {
        let text = line.trim_start();
        match open.take() {
            None => {
                if let Some(info) = text.strip_prefix("```") {
                    let block = Block { info: info.trim().to_owned(), line: index + 2, text: String::new() };
                    open = Some((line.len() - text.len(), block));
                }
            }
            Some((_, block)) if text.trim_end() == "```" => blocks.push(block),
            Some((indent, mut block)) => {
                let spaces = line.len() - text.len();
                block.text.push_str(&line[spaces.min(indent)..]);
                block.text.push('\n');
                open = Some((indent, block));
            }
        }
    }
    blocks
}

/// Links to files of the project, each with its line: neither addresses on the web nor anchors, and nothing from blocks.
pub(crate) fn file_links(document: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    let mut in_block = false;
    for (index, line) in document.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            links.extend(line_targets(line).map(|target| (index + 1, target)));
        }
    }
    links
}

/// The targets of one line's inline links and images, without anchors.
fn line_targets(line: &str) -> impl Iterator<Item = String> {
    line.split("](").skip(1).filter_map(|rest| {
        let target = rest.split([')', ' ']).next()?.split('#').next()?;
        let is_file = !target.is_empty() && !target.contains(':');
        is_file.then(|| target.to_owned())
    })
}

/// Whether a block shows a whole workflow: YAML that opens with the format or with a bare tree's type.
fn is_workflow(block: &Block) -> bool {
    let is_yaml = block.info == "yaml" || file_name(block).is_some();
    is_yaml && block.text.lines().any(|line| line.starts_with("akao:") || line.starts_with("type:"))
}

/// The name of a block's file, where its fence says `yaml NAME.yaml`, because another block refers to it.
fn file_name(block: &Block) -> Option<&str> {
    block.info.strip_prefix("yaml ").filter(|name| name.ends_with(".yaml") && !name.contains('/'))
}

/// Gives every workflow of every document to `akao validate`, each document in a folder of its own. A fence that says
/// `yaml fragment` is left out.
pub(crate) fn check_workflows(workspace: &Workspace) -> Chore {
    let metadata = workspace.metadata()?;
    let program = metadata.program("akao");
    let documents = metadata.target_directory.join("document-workflows");
    if documents.exists() {
        fs::remove_dir_all(&documents)?;
    }
    let (mut all, mut invalid) = (0, 0);
    for path in text_files(&workspace.root)?.into_iter().filter(|path| path.ends_with(".md")) {
        let document = fs::read_to_string(workspace.root.join(&path))?;
        let workflows: Vec<Block> = blocks(&document).into_iter().filter(is_workflow).collect();
        let folder = documents.join(path.replace('/', "-"));
        fs::create_dir_all(&folder)?;
        let file_of = |block: &Block| {
            let by_line = || format!("line-{}.yaml", block.line);
            folder.join(file_name(block).map_or_else(by_line, str::to_owned))
        };
        for block in &workflows {
            fs::write(file_of(block), &block.text)?;
        }
        for block in &workflows {
            let file = file_of(block);
            let output = workspace.command(&program).args(["validate"]).args([&file]).output()?;
            all += 1;
            if !output.status.success() {
                invalid += 1;
                println!("{path}:{}: the workflow is not valid", block.line);
                print!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            }
        }
    }
    println!("{all} workflows in documents");
    if invalid == 0 { Ok(()) } else { Err(Invalid { invalid, all }.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "\
See [one](one.md#part), [the web](https://example.com) and ![picture](images/a.svg \"title\").
[below](#here)

1. A list:
   ```yaml
   type: Sequence
     # deeper
   ```
```sh
[not a link](in-a-block.md)
```
[last](../last.md)
";

    #[test]
    fn links_to_files_are_found_with_their_lines() {
        let expected = [(1, "one.md"), (1, "images/a.svg"), (12, "../last.md")];
        assert_eq!(file_links(DOCUMENT), expected.map(|(line, target)| (line, target.to_owned())));
    }

    #[test]
    fn blocks_lose_the_indentation_of_their_fence() {
        let blocks = blocks(DOCUMENT);
        let yaml = Block { info: "yaml".into(), line: 6, text: "type: Sequence\n  # deeper\n".into() };
        assert_eq!(blocks[0], yaml);
        assert_eq!((blocks[1].info.as_str(), blocks[1].line), ("sh", 10));
    }

    #[test]
    fn only_whole_workflows_are_validated() {
        let cases = [
            ("yaml", "akao: 1\nid: a\n", true),
            ("yaml", "# a comment\ntype: Sequence\n", true),
            ("yaml", "retry: { attempts: 3 }\n", false),
            ("yaml", "- type: Sequence\n", false),
            ("yaml fragment", "type: Sequence\n", false),
            ("yaml double.yaml", "type: Sequence\n", true),
            ("yaml ../double.yaml", "type: Sequence\n", false),
            ("json", "type: Sequence\n", false),
        ];
        for (info, text, expected) in cases {
            let block = Block { info: info.into(), line: 1, text: text.into() };
            assert_eq!(is_workflow(&block), expected, "{info}: {text}");
        }
    }
}
