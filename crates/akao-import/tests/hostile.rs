//! Sources from outside never panic, and what is imported can be read and imported again without a change.

use akao_import::{Dialect, Source, import};
use proptest::prelude::*;

const SAMPLES: [(&str, Dialect); 4] = [
    (include_str!("../../../examples/import/patrol.xml"), Dialect::BehaviorTreeCpp),
    (include_str!("../../../examples/import/greeting.btree.yaml"), Dialect::BtreeYaml),
    (include_str!("../../../examples/import/inventory.graph.yaml"), Dialect::AkaoGraph),
    (include_str!("../../../examples/import/audit.stages.yaml"), Dialect::AkaoStages),
];

/// One change of a text: a piece cut out, doubled, or something strange put in.
fn mutate(text: &str, at: usize, length: usize, insert: &str, double: bool) -> String {
    let characters: Vec<char> = text.chars().collect();
    let start = at % characters.len().max(1);
    let end = (start + length).min(characters.len());
    let mut result: String = characters[..start].iter().collect();
    result.push_str(insert);
    if double {
        result.extend(&characters[start..end]);
        result.extend(&characters[start..end]);
    }
    result.extend(&characters[end..]);
    result
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn mutated_samples_never_panic(
        sample in 0usize..4,
        at in 0usize..10_000,
        length in 0usize..40,
        insert in prop_oneof![Just("".to_owned()), Just("${".to_owned()), Just("}".to_owned()), Just("&lt;".to_owned()),
            Just("{=}".to_owned()), Just("-".to_owned()), Just("é\u{0}".to_owned()), "[ -~]{0,6}"],
        double in any::<bool>(),
    ) {
        let (text, dialect) = SAMPLES[sample];
        let changed = mutate(text, at, length, &insert, double);
        for dialect in [None, Some(dialect)] {
            if let Ok(imported) = import(&Source::new("s", &changed), dialect) {
                prop_assert!(akao_yaml::to_value(&imported.yaml).is_ok(), "{}", imported.yaml);
            }
        }
    }

    #[test]
    fn any_text_is_an_error_or_a_workflow(text in "\\PC{0,200}") {
        for dialect in Dialect::ALL {
            let _ = import(&Source::new("s", &text), Some(dialect));
        }
    }
}

#[test]
fn an_import_of_an_import_changes_nothing() {
    for (text, dialect) in SAMPLES {
        let first = import(&Source::new("sample.yaml", text), None).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(first.report.dialect, dialect);
        let second = import(&Source::new("sample.yaml", &first.yaml), None).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(second.yaml, first.yaml);
        assert_eq!(second.definition, first.definition);
        assert_eq!(import(&Source::new("sample.yaml", text), None).as_ref(), Ok(&first));
    }
}

#[test]
fn a_time_limit_beyond_what_durations_may_be_is_the_longest() {
    let cases = [
        "nodes:\n- {id: a, type: file-scanner, timeout: 18446744073709551615}\n",
        "type: HttpRequest\nprops: {url: 'https://example.com', timeout: 18446744073709551615}\n",
        "type: CodeExecution\nprops: {language: python, code: x, timeout: 18446744073709551615}\n",
    ];
    for text in cases {
        let imported = import(&Source::new("s", text), None).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(imported.yaml.contains("3703703d16h53m20s"), "{}", imported.yaml);
        assert!(akao_flow::read(&imported.yaml).is_ok(), "{}", imported.yaml);
    }
}
