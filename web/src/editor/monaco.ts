/** The code editor with what YAML needs and no more. It is loaded when somebody edits, and never before. */
import "./styles";
import { editor, languages, MarkerSeverity, Range } from "monaco-editor/editor";
import EditorWorker from "monaco-editor/editor/editor.worker.js?worker";
import "monaco-editor/features/bracketMatching/register";
import "monaco-editor/features/caretOperations/register";
import "monaco-editor/features/clipboard/register";
import "monaco-editor/features/codeEditor/register";
import "monaco-editor/features/codicon/register";
import "monaco-editor/features/comment/register";
import "monaco-editor/features/find/register";
import "monaco-editor/features/folding/register";
import "monaco-editor/features/gotoError/register";
import "monaco-editor/features/hover/register";
import "monaco-editor/features/indentation/register";
import "monaco-editor/features/linesOperations/register";
import "monaco-editor/features/multicursor/register";
import "monaco-editor/features/snippet/register";
// The feature by that name brings only what proposes whole lines; this is the list that opens.
import "monaco-editor/editor/contrib/suggest/browser/suggestController.js";
import "monaco-editor/features/toggleTabFocusMode/register";
import "monaco-editor/features/wordHighlighter/register";
import "monaco-editor/features/wordOperations/register";
import "monaco-editor/languages/definitions/yaml/register";

declare global {
  interface Window {
    MonacoEnvironment?: { getWorker: () => Worker };
  }
}

window.MonacoEnvironment = { getWorker: () => new EditorWorker() };

/** A colour of the page, as the editor wants it: with all six digits, which whoever packs style sheets may have shortened. */
function colour(name: string): string {
  const found = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return found.replace(/^#(.)(.)(.)$/, "#$1$1$2$2$3$3");
}

/** Takes the page's colours, which a person may change while the editor stands. */
export function paint(): void {
  const dark = document.documentElement.dataset["theme"] === "dark";
  const bare = (name: string) => colour(name).replace("#", "");
  editor.defineTheme("akao", {
    base: dark ? "vs-dark" : "vs",
    inherit: true,
    rules: [
      { token: "type", foreground: bare("--code-key") },
      { token: "string", foreground: bare("--code-string") },
      { token: "number", foreground: bare("--code-number") },
      { token: "keyword", foreground: bare("--code-number") },
      { token: "comment", foreground: bare("--text-3"), fontStyle: "italic" },
    ],
    colors: {
      "editor.background": colour("--surface"),
      "editor.foreground": colour("--text"),
      "editorLineNumber.foreground": colour("--text-3"),
      "editorLineNumber.dimmedForeground": colour("--text-3"),
      "editorLineNumber.activeForeground": colour("--text"),
      "editor.lineHighlightBackground": colour("--surface-2"),
      "editorWidget.background": colour("--surface"),
      "editorWidget.border": colour("--border"),
      "editorSuggestWidget.selectedBackground": colour("--accent-soft"),
      "editorSuggestWidget.selectedForeground": colour("--text"),
      "editorSuggestWidget.highlightForeground": colour("--accent"),
      "editorSuggestWidget.focusHighlightForeground": colour("--accent"),
      focusBorder: colour("--accent"),
    },
  });
  editor.setTheme("akao");
}

export { editor, languages, MarkerSeverity, Range };
