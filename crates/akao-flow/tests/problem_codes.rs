//! Every code of a problem has its chapter, in the order of the code, and no chapter is left over.

use akao_flow::{ProblemCode, Severity};

#[test]
fn every_code_is_documented() {
    let page = include_str!("../../../docs/problems.md");
    let chapters: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## `")?.strip_suffix('`')).collect();
    let codes: Vec<&str> = ProblemCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(chapters, codes);
    for code in ProblemCode::ALL {
        let chapter = page.split("\n## ").find(|part| part.starts_with(&format!("`{}`", code.as_str()))).unwrap();
        assert!(chapter.contains("\nCure: "), "{} has no cure", code.as_str());
        assert_eq!(chapter.contains("Warning. "), code.severity() == Severity::Warning, "{}", code.as_str());
    }
}
