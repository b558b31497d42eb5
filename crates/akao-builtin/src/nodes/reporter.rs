//! `Reporter`: writes data as a report for people, and into a file if wanted.

use crate::{
    BuiltIn, Run,
    declare::Leaf,
    limits::{RESULT_BYTES_MAX, check_result, too_large},
    props::{Props, bad_input},
    report::{Document, html, markdown, text},
};
use akao_contract::{Category, Effects, ErrorKind, Invocation, Outcome, StepError};
use akao_step::{Ports, VolumeError};
use serde_json::{Value, json};

/// The title of a report that has none.
const TITLE: &str = "Report";

const FORMATS: [&str; 5] = ["markdown", "html", "json", "yaml", "text"];

pub(super) fn built_in() -> BuiltIn {
    Leaf::new("Reporter", Category::File, "Writes data as a report for people.")
        .alias("reporter")
        .effects(Effects::Write)
        .description(
            "Lays out `data` as a document: plain values of an object become a table of facts, nested ones sections, \
            lists of objects tables, lists of plain values points. `html` is one complete page without scripts, light \
            and dark, fit for print; values never become markup. `json` and `yaml` hold `{title, data}`.\n\nWith \
            `file` the report is also written there; writing the same report again changes nothing, so the node is \
            idempotent.",
        )
        .required("data", json!({"description": "What is reported: anything."}))
        .prop("format", json!({"enum": FORMATS, "description": "How it is written.", "default": "markdown"}))
        .prop("title", json!({"type": "string", "description": "The document's title.", "default": TITLE}))
        .prop(
            "file",
            json!({
                "type": "string",
                "description": "Where it is written, such as `reports/orders.html` or `volume://…`. Absent: nowhere.",
            }),
        )
        .main_output("report", json!({"type": "string", "description": "The report."}))
        .output("format", json!({"type": "string", "description": "The format."}))
        .output(
            "file",
            json!({"type": "string", "description": "Where it was written; absent when no file was wanted."}),
        )
        .output("bytes", json!({"type": "integer", "description": "Length of the report in bytes."}))
        .error(ErrorKind::Input, "the format is unknown, or the path leaves its volume")
        .error(ErrorKind::Permission, "the volume may not be written")
        .error(ErrorKind::NotFound, "there is no such volume")
        .error(ErrorKind::Resource, "the report is larger than 16 MiB, or the data is nested deeper than 64 levels")
        .example(
            include_str!("examples/reporter.yaml"),
            json!({
                "report": "# Stock\n\n| Field | Value |\n| --- | --- |\n| warehouse | Hue |\n\n## items\n\n| name | \
                          count |\n| --- | ---: |\n| tea | 12 |\n| rice | 3 |\n",
            }),
        )
        .run(Run::Blocking(|invocation, _, ports| report(invocation, ports).unwrap_or_else(Outcome::failure)))
}

fn report(invocation: &Invocation, ports: &Ports) -> Result<Outcome, StepError> {
    let props = Props::of(invocation);
    let data = props.value_or_null("data").ok_or_else(|| bad_input("the prop `data` is missing"))?;
    let title = props.text_or("title", TITLE)?;
    let format = props.choice("format", &FORMATS)?;
    check_result(data)?;
    let report = written(title, data, format);
    if report.len() > RESULT_BYTES_MAX {
        return Err(too_large("the report"));
    }
    let mut outcome = Outcome::success().output("format", format).output("bytes", report.len());
    if let Some(file) = props.text_maybe("file")? {
        let written = ports.volumes.write(&invocation.context, file, report.as_bytes());
        written.map_err(|error| not_written(&error))?;
        outcome = outcome.output("file", file);
    }
    Ok(outcome.output("report", report))
}

fn written(title: &str, data: &Value, format: &str) -> String {
    let whole = || json!({"title": title, "data": data});
    match format {
        "html" => html(&Document::of(title, data)),
        "text" => text(&Document::of(title, data)),
        "json" => format!("{:#}\n", whole()),
        "yaml" => akao_yaml::to_string(&whole()),
        _ => markdown(&Document::of(title, data)),
    }
}

fn not_written(error: &VolumeError) -> StepError {
    let kind = match error {
        VolumeError::NoVolume(_) | VolumeError::NotFound(_) => ErrorKind::NotFound,
        VolumeError::BadPath { .. } => ErrorKind::Input,
        VolumeError::Denied { .. } => ErrorKind::Permission,
        VolumeError::TooLarge { .. } => ErrorKind::Resource,
        VolumeError::Storage { .. } => ErrorKind::Internal,
    };
    StepError::new(kind, format!("the report was not written: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, Files, check, failure, invocation};
    use std::sync::Arc;

    fn data() -> Value {
        json!({
            "name": "a|b *c* <d>",
            "count": 3,
            "none": null,
            "tags": ["x", "- y"],
            "rows": [{"id": 1, "note": "two\nlines"}, {"id": 22, "extra": {"deep": [1]}}],
            "nested": {"inner": {"ok": true}},
            "mixed": [{"a": 1}, 2],
        })
    }

    fn text_of(format: &str) -> String {
        let props = json!({"data": data(), "format": format, "title": "T & U"});
        let outcome = testing::run(&built_in(), &props, &json!({}));
        outcome.outputs["report"].as_str().unwrap().to_owned()
    }

    #[test]
    fn markdown_holds_tables_and_escapes_data() {
        assert_eq!(text_of("markdown"), include_str!("../report/expected.md"));
    }

    #[test]
    fn plain_text_is_aligned() {
        assert_eq!(text_of("text"), include_str!("../report/expected.txt"));
    }

    #[test]
    fn html_is_one_whole_page_and_data_never_becomes_markup() {
        let page = text_of("html");
        for part in [
            "<!doctype html>",
            "<title>T &amp; U</title>",
            "prefers-color-scheme: dark",
            "<td>a|b *c* &lt;d&gt;</td>",
            "<th scope=\"col\" class=\"number\">id</th>",
            "<code>{&quot;deep&quot;:[1]}</code>",
            "</html>\n",
        ] {
            assert!(page.contains(part), "{part} is not in the page");
        }
        let hostile = json!({"<script>alert(1)</script>": ["\"><img src=x onerror=alert(1)>", "\u{0}"]});
        let props = json!({"data": hostile, "format": "html", "title": "</title><script>"});
        let outcome = testing::run(&built_in(), &props, &json!({}));
        let page = outcome.outputs["report"].as_str().unwrap();
        assert!(!page.contains("<script") && !page.contains("<img") && !page.contains('\u{0}'));
    }

    #[test]
    fn json_and_yaml_hold_title_and_data() {
        let whole = json!({"title": "T & U", "data": data()});
        assert_eq!(serde_json::from_str::<Value>(&text_of("json")).unwrap(), whole);
        assert_eq!(akao_yaml::to_value(&text_of("yaml")).unwrap(), whole);
    }

    #[test]
    fn small_and_odd_data_is_reported() {
        let wide: Value = (0..40).map(|index| json!({ format!("k{index}"): index })).collect();
        let cases = [
            (json!(null), "# Report\n\n–\n"),
            (json!("# no heading"), "# Report\n\n\\# no heading\n"),
            (json!("1. no list"), "# Report\n\n1\\. no list\n"),
            (json!(-5), "# Report\n\n-5\n"),
            (json!([]), "# Report\n\n–\n"),
            (json!([[1], [2]]), "# Report\n\n## 1\n\n- 1\n\n## 2\n\n- 2\n"),
            (json!([{}]), "# Report\n\n- –\n"),
            (
                json!({"Hue": {"n": 2}, "Hanoi": {"n": 1, "m": "x"}}),
                "# Report\n\n|  | n | m |\n| --- | ---: | --- |\n| Hue | 2 | – |\n| Hanoi | 1 | x |\n",
            ),
        ];
        for (data, expected) in cases {
            let outcome = testing::run(&built_in(), &json!({"data": data}), &json!({}));
            assert_eq!(outcome.outputs["report"], expected, "{data}");
        }
        let outcome = testing::run(&built_in(), &json!({"data": wide}), &json!({}));
        assert!(outcome.outputs["report"].as_str().unwrap().contains("## 40\n"));
    }

    #[test]
    fn reports_are_written_into_volumes() {
        let files = Arc::new(Files::default());
        let step = invocation(&built_in(), &json!({"data": 1, "file": "reports/a.md"}), &json!({}));
        let outcome = report(&step, &testing::ports(&files)).unwrap();
        assert_eq!(outcome.outputs["file"], "reports/a.md");
        assert_eq!(files.0.lock().unwrap()["reports/a.md"], b"# Report\n\n1\n");
    }

    #[test]
    fn mistakes_are_named() {
        let cases = [
            (json!({}), json!({}), failure("input", "the prop `data` is missing")),
            (
                json!({"data": 1, "format": "pdf"}),
                json!({}),
                failure("input", "the prop `format` is `pdf`; it must be one of markdown, html, json, yaml, text"),
            ),
            (
                json!({"data": 1, "file": "../a"}),
                json!({}),
                failure("input", "the report was not written: `../a` leaves its volume"),
            ),
        ];
        check(&built_in(), &cases);
    }
}
