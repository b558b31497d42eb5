//! Schemas of whole nodes, from their files.

use super::*;
use akao_node::{Map, json};

fn of_files(given: &Value) -> Typed {
    let given = given.as_object().cloned().unwrap_or_default();
    schemas(&Files::new(&given, std::iter::empty(), true), "src/node.ts")
}

fn of(text: &str) -> BTreeMap<String, Value> {
    of_files(&json!({"src/node.ts": text})).schemas
}

/// What a type says of a member.
fn member(written: &str) -> Value {
    let text = format!(
        "interface Own {{ a: string; b?: number }}\ntype Level = 'low' | 'high';\ntype Loop = {{ next?: Loop }};\n\
         enum Level2 {{ A, B = 5, C, D = 'x' }}\nenum Sum {{ A = 1 + 1 }}\nenum Flags {{ A = 1, B, C = 4 }}\n\
         export default defineNode<{{ it: {written} }}>(() => 1);\n"
    );
    of(&text)["default"]["properties"]["it"].clone()
}

#[test]
fn types_say_what_is_plain_to_see_and_nothing_else() {
    let own =
        json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "number"}}, "required": ["a"]});
    for (written, schema) in [
        ("string", json!({"type": "string"})),
        ("number | null", json!({"anyOf": [{"type": "number"}, {"type": "null"}]})),
        ("Level", json!({"enum": ["low", "high"]})),
        ("-1 | true", json!({"enum": [-1, true]})),
        ("string | undefined", json!({"type": "string"})),
        ("readonly Own[]", json!({"type": "array", "items": own})),
        ("Array<string>", json!({"type": "array", "items": {"type": "string"}})),
        ("[string, number]", json!({"type": "array"})),
        (
            "Record<string, boolean>",
            json!({"type": "object", "properties": {}, "additionalProperties": {"type": "boolean"}}),
        ),
        (
            "Own & { c: 1 }",
            json!({"type": "object", "required": ["a", "c"],
            "properties": {"a": {"type": "string"}, "b": {"type": "number"}, "c": {"const": 1}}}),
        ),
        ("Level2", json!({"enum": [0, 5, 6, "x"]})),
        ("Flags", json!({"type": "number"})),
        ("Partial<Own>", json!({"type": "object", "properties": own["properties"]})),
    ] {
        assert_eq!(member(written), schema, "{written}");
    }
    for written in [
        "any",
        "unknown",
        "Date",
        "Imported",
        "string | Imported",
        "keyof Own",
        "`a${string}`",
        "() => void",
        "bigint",
        "Sum",
    ] {
        assert_eq!(member(written), json!({}), "{written}");
    }
    assert_eq!(member("Loop")["type"], "object", "a type that names itself ends");
}

#[test]
fn nodes_of_each_kind_have_the_schema_of_what_they_are_given() {
    let all = of("import type { NodeConfiguration } from '@wayfarer-ai/btree';\n\
        interface Props extends NodeConfiguration { name: string; url: string; deep?: { a: 1 } }\n\
        export class Sends extends ActionNode { constructor(private readonly props: Props) { super(props); } }\n\
        class Looks extends ActionNode { constructor(config: Props) { super(config); } tick() { return this.config.other; } }\n\
        export { Looks as Renamed };\n\
        export class Any extends ActionNode { constructor(config: NodeConfiguration) { super(config); } }\n\
        const add = defineNode<{ a: number; b: number | undefined }>({ run: () => 1 });\nexport default add;\n\
        export const Open = defineNode<Record<string, unknown>>(() => 1);\n");
    assert_eq!((&all["Sends"]["required"], &all["Sends"]["additionalProperties"]), (&json!(["url"]), &json!(false)));
    assert_eq!(all["Renamed"]["additionalProperties"], true, "it looks for more than its type lists");
    assert_eq!(all["default"]["required"], json!(["a"]));
    assert!(!all.contains_key("Any") && !all.contains_key("Open"), "{all:?}");
}

#[test]
fn types_in_other_files_of_the_node_are_followed() {
    let typed = of_files(&json!({
        "src/node.ts": "import type { Props as Own, Level } from './types.js';\nimport Base, { Gone } from './types';\n\
            import type { Far } from 'far';\nimport { NodeConfiguration } from './types';\n\
            interface Props extends Base, NodeConfiguration { own: Own; level?: Level; far: Far; gone: Gone; kind: Kind }\n\
            type Kind = 'a';\nexport class Sends { constructor(props: Props) {} }\n",
        "src/types/index.ts": "export interface Unused {}",
        "src/types.ts": "export * from './more';\nimport { Deep } from './more';\ntype Kind = 'other';\n\
            export { Deep as Level };\ninterface Hidden { kind: Kind; deep: Deep[] }\n\
            export { type Hidden as Props, Private as default };\nexport type { NodeConfiguration } from '@wayfarer-ai/btree';\n\
            interface Private { base: string }\n",
        "src/more/index.d.ts": "export declare enum Deep { Low = 'low', High = 'high' }\nimport type { Round } from '../types';\n\
            export type { Round };\n",
    }));
    let deep = json!({"enum": ["low", "high"]});
    let own = json!({"type": "object", "required": ["deep", "kind"], "properties": {
        "kind": {"const": "other"}, "deep": {"type": "array", "items": deep}}});
    let schema = &typed.schemas["Sends"];
    assert_eq!(
        schema["properties"],
        json!({
        "base": {"type": "string"}, "own": own, "level": deep, "far": {}, "gone": {}, "kind": {"const": "a"}})
    );
    assert_eq!(schema["required"], json!(["base", "kind", "own"]));
    assert_eq!(typed.files, BTreeSet::from(["src/more/index.d.ts".to_owned(), "src/types.ts".to_owned()]));
}

#[test]
fn a_file_gives_others_what_it_exports_and_nothing_else() {
    let typed = of_files(&json!({
        "src/node.ts": "import type { Kind, Level, Made, Sort } from './types';\nimport Gone from './types';\n\
            import { Told, Hidden } from './told';\nexport default defineNode<{ kind: Kind; level: Level; made: Made; sort: Sort;\n\
            gone: Gone; told: Told; hidden: Hidden }>(() => 1);\n",
        // A type of its own, one that it imports, and a class that is called as what it passes on.
        "src/types.ts": "type Kind = 'own';\nimport type { Level } from './other';\nexport * from './more';\n\
            export class Made { own = 1 }\nexport type Sort = 'own';\n",
        "src/other.ts": "export type Level = 'other';",
        "src/more.ts": "export type Kind = 'more';\nexport type Level = 'more';\nexport type Made = 'more';\n\
            export type Sort = 'more';\nexport default interface Gone { a: string }\n",
        "src/told.d.ts": "type Told = 'told';\ndeclare class Hidden {}\n",
    }));
    assert_eq!(
        typed.schemas["default"]["properties"],
        json!({"kind": {"const": "more"}, "level": {"const": "more"}, "made": {}, "sort": {"const": "own"},
        "gone": {}, "told": {"const": "told"}, "hidden": {}})
    );
}

#[test]
fn what_an_alias_leaves_open_need_not_be_there() {
    let all = of(
        "type Maybe = string | undefined;\ntype Again = null | Maybe;\ntype Given<T> = T;\ntype List<T> = { all: T[] };\ntype Loop = Loop | 'a';\n\
        interface Own { a?: string }\n\
        export default defineNode<{ a: Maybe; b: Again; c: Given<string | undefined>; d: Own['a']; e: Own; f: string; g: Loop; h: List<string> }>(() => 1);\n",
    );
    assert_eq!(all["default"]["required"], json!(["e", "f", "h"]));
}

#[test]
fn what_is_of_an_unknown_type_may_be_left_out_and_what_is_known_to_be_there_may_not() {
    let required = |written: &str| {
        let text = format!(
            "import Far, {{ type Farther, Array as List }} from 'far';\nimport * as far from 'far';\n\
             import {{ Gone }} from './gone';\nimport {{ Passed, Made, Own }} from './own';\n\
             enum Level {{ Low, High }}\nclass Here {{}}\ninterface Parts {{ a: 1 }}\ninterface Parts {{ b: 1 }}\n\
             type Maybe = Far | string;\n\
             export default defineNode<{{ other: string; it: {written} }}>(() => 1);\n"
        );
        let own = "export type { Passed } from 'far';\nexport class Made {}\nexport interface Own { a: string }\n";
        let all = of_files(&json!({"src/node.ts": text, "src/own.ts": own}));
        all.schemas["default"]["required"].as_array().is_some_and(|required| required.contains(&json!("it")))
    };
    for written in [
        "Far",
        "Farther<string>",
        "List<string>",
        "far.Type",
        "far.deep.Type<1>",
        "import('far').Type",
        "Gone",
        "Passed",
        "Maybe",
        "string | Far",
        "Far & Farther",
        "(Far)",
        "Readonly<Far>",
        "Exclude<Far, null>",
        "ReturnType<typeof Far>",
    ] {
        assert!(!required(written), "{written}");
    }
    for written in [
        "Own",
        "Made",
        "Here",
        "Parts",
        "Level",
        "Level.Low",
        "Date",
        "Far[]",
        "Array<Far>",
        "Record<string, Far>",
        "{ a: Far }",
        "Far & { a: 1 }",
        "NonNullable<Far>",
        "Exclude<string | undefined, undefined>",
        "Readonly<Own>",
        "keyof Far",
    ] {
        assert!(required(written), "{written}");
    }
}

#[test]
fn a_name_of_the_language_that_comes_from_a_package_is_not_the_languages() {
    let all = of(
        "import type { Record, Partial as Readonly } from 'far';\nimport Array from 'far';\nclass Partial {}\n\
        interface Own { a: string }\n\
        export default defineNode<{ it: { record: Record<string, number>; list: Array<string>; own: Readonly<Own>; part: Partial } }>(\n\
        () => 1);\n",
    );
    let told = &all["default"]["properties"]["it"]["properties"];
    assert_eq!(told, &json!({"record": {}, "list": {}, "own": {}, "part": {}}));
}

#[test]
fn files_of_types_that_import_each_other_end() {
    let typed = of_files(&json!({
        "src/node.ts": "import { A } from './a';\nexport default defineNode<{ it: A; other: string }>(() => 1);",
        "src/a.ts": "export { A } from './b';\nexport * from './b';", "src/b.ts": "export { A } from './a';\nexport * from './a';",
    }));
    assert_eq!(typed.schemas["default"]["properties"], json!({"it": {}, "other": {"type": "string"}}));
    let all: String = (0..60).map(|n| format!("export * from './a{n}';\n")).collect();
    let mut given: Map<String, Value> = (0..60).map(|n| (format!("src/a{n}.ts"), json!(all))).collect();
    let entry = "import { A } from './a0';\nexport default defineNode<{ other: string; it: A }>(() => 1);";
    given.insert("src/node.ts".to_owned(), json!(entry));
    assert_eq!(of_files(&json!(given)).schemas["default"]["properties"]["other"], json!({"type": "string"}));
}

#[test]
fn types_that_name_each_other_again_and_again_end_soon() {
    let doubling: String = (0..60).map(|n| format!("type T{n} = {{ a: T{}; b: T{} }};\n", n + 1, n + 1)).collect();
    let all = of(&format!("{doubling}type T60 = string;\nexport default defineNode<T0>(() => 1);\n"));
    assert_eq!(all["default"]["type"], "object");
}
