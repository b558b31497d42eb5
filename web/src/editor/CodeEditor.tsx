/** A text with problems as one types, completion and explanations. */
import { useEffect, useRef } from "react";
import type { NodeType } from "../execution/usePlan";
import type { Problem } from "../model/definition";
import css from "../pages/workflow.module.css";
import { explanation, suggestions, type Versions } from "./help";
import { editor, languages, MarkerSeverity, paint, Range } from "./monaco";

/** What the help of all editors knows; there is one language for all. */
let types: readonly NodeType[] = [];
let versions: Versions = new Map();
let isRegistered = false;

const KINDS = {
  type: languages.CompletionItemKind.Class,
  key: languages.CompletionItemKind.Property,
  value: languages.CompletionItemKind.EnumMember,
};

function register(): void {
  if (isRegistered) return;
  isRegistered = true;
  languages.registerCompletionItemProvider("yaml", {
    triggerCharacters: [" ", ":", ".", "@"],
    provideCompletionItems: (model, position) => {
      const found = suggestions(types, model.getValue(), position.lineNumber - 1, position.column - 1, versions);
      // A name of a package has dots in it, and a range more that is no letter.
      const before = model.getLineContent(position.lineNumber).slice(0, position.column - 1);
      const named = found[0]?.kind === "type" ? before.match(/[^\s{},"']*$/)?.[0].length : undefined;
      const start = named === undefined ? model.getWordUntilPosition(position).startColumn : position.column - named;
      const range = new Range(position.lineNumber, start, position.lineNumber, position.column);
      return {
        suggestions: found.map((one) => ({
          label: { label: one.label, description: one.detail },
          kind: KINDS[one.kind],
          insertText: one.insert,
          documentation: { value: one.documentation },
          range,
        })),
      };
    },
  });
  languages.registerHoverProvider("yaml", {
    provideHover: (model, position) => {
      const told = explanation(types, model.getValue(), position.lineNumber - 1, position.column - 1);
      return told ? { contents: [{ value: told }] } : null;
    },
  });
}

export interface CodeEditorProps {
  value: string;
  problems: readonly Problem[];
  nodeTypes: readonly NodeType[];
  versions: Versions;
  label: string;
  /** A line to go to; another object goes there again. */
  goTo: { line: number } | undefined;
  onChange: (text: string) => void;
  onSave: () => void;
}

export default function CodeEditor(props: CodeEditorProps) {
  const { value, problems, nodeTypes, label, goTo, onChange, onSave } = props;
  const place = useRef<HTMLDivElement>(null);
  const made = useRef<editor.IStandaloneCodeEditor>(undefined);
  /** Texts that were typed and have not come back yet. */
  const typed = useRef<string[]>([]);
  const calls = useRef({ onChange, onSave });
  calls.current = { onChange, onSave };
  types = nodeTypes;
  versions = props.versions;

  // biome-ignore lint/correctness/useExhaustiveDependencies: the editor is made once and told of changes afterwards.
  useEffect(() => {
    if (!place.current) return;
    register();
    paint();
    const code = editor.create(place.current, {
      value,
      language: "yaml",
      ariaLabel: `${label}. Press Control and M to let Tab leave the editor.`,
      automaticLayout: true,
      minimap: { enabled: false },
      fontSize: 13,
      lineHeight: 20,
      fontFamily: getComputedStyle(document.documentElement).getPropertyValue("--mono"),
      tabSize: 2,
      insertSpaces: true,
      scrollBeyondLastLine: false,
      renderLineHighlight: "line",
      quickSuggestions: { other: true, comments: false, strings: true },
      wordBasedSuggestions: "off",
      // Whoever has written the whole name wants the next line.
      acceptSuggestionOnEnter: "smart",
      fixedOverflowWidgets: true,
      padding: { top: 10, bottom: 10 },
      // Whatever is written is shown as it is.
      links: false,
      unicodeHighlight: { ambiguousCharacters: true, invisibleCharacters: true },
    });
    made.current = code;
    const listening = [
      code.onDidChangeModelContent(() => {
        typed.current.push(code.getValue());
        calls.current.onChange(code.getValue());
      }),
      code.onKeyDown((event) => {
        if ((event.ctrlKey || event.metaKey) && event.code === "KeyS") {
          event.preventDefault();
          calls.current.onSave();
        }
      }),
    ];
    const theme = new MutationObserver(paint);
    theme.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => {
      theme.disconnect();
      for (const one of listening) one.dispose();
      code.getModel()?.dispose();
      code.dispose();
    };
  }, []);

  useEffect(() => {
    const code = made.current;
    // Whoever types quickly is ahead of the page: what comes back late would undo the last letters.
    const own = typed.current.indexOf(value);
    typed.current.splice(0, own + 1);
    if (code && own < 0 && code.getValue() !== value) code.setValue(value);
  }, [value]);

  useEffect(() => {
    const model = made.current?.getModel();
    if (!model) return;
    const markers = problems.map((problem) => {
      const line = Math.min(Math.max(1, problem.position.line), model.getLineCount());
      const word = model.getWordAtPosition({ lineNumber: line, column: problem.position.column });
      return {
        severity: problem.severity === "error" ? MarkerSeverity.Error : MarkerSeverity.Warning,
        message: [problem.message, problem.suggestion].filter(Boolean).join("\n"),
        code: problem.code,
        startLineNumber: line,
        startColumn: word?.startColumn ?? problem.position.column,
        endLineNumber: line,
        endColumn: word?.endColumn ?? model.getLineMaxColumn(line),
      };
    });
    editor.setModelMarkers(model, "akao", markers);
  }, [problems]);

  useEffect(() => {
    if (!goTo || !made.current) return;
    made.current.revealLineInCenter(goTo.line);
    made.current.setPosition({ lineNumber: goTo.line, column: 1 });
    made.current.focus();
  }, [goTo]);

  return <div ref={place} className={css.code} />;
}
