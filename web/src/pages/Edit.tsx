/** A workflow's text beside its drawing, checked while one types; saved as a version when it is the latest that one has read. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from "react";
import { ask, askTagged, Refusal } from "../api/client";
import { installedPackages, queries } from "../api/queries";
import { announce } from "../app/announcer";
import { keep, readKept } from "../app/kept";
import { useMay, useMe } from "../app/session";
import { Drawing } from "../drawing/Drawing";
import { Outline } from "../drawing/Outline";
import { Chosen } from "../drawing/Rules";
import { versionsOf } from "../editor/help";
import { useCustomTypes } from "../execution/customTypes";
import { RunDialog } from "../execution/RunDialog";
import { catalogue } from "../execution/usePlan";
import type { Definition, Problem } from "../model/definition";
import { begin, type Draft, remaining, type Saved } from "../model/draft";
import { plan } from "../model/drawing";
import { raised, versionOf } from "../model/version";
import { Badge, Button, Segments } from "../ui/controls";
import { Diff } from "../ui/Diff";
import { Icon } from "../ui/icons";
import { Empty, Loading, layout, Notice, Page, Refused, Wrong } from "../ui/layout";
import { type CheckedText, check } from "../workers/check";
import { askFlow } from "../workers/flow";
import css from "./workflow.module.css";

const CodeEditor = lazy(() => import("../editor/CodeEditor"));

/** Wait after a letter before the text is checked, in milliseconds. */
const TYPED_MS = 150;

const TEMPLATE = `akao: 1
id: my-workflow
version: 1.0.0
name: My workflow
inputs:
  name: { type: string, default: world }
outputs:
  greeting: "\${greeting}"
root:
  type: Sequence
  children:
    - id: greet
      type: SetVariable
      props: { key: greeting, value: "Hello, \${input.name}!" }
    - type: LogMessage
      props: { message: "\${greeting}" }
`;

export function NewWorkflow() {
  const writes = useMay("workflows.write");
  if (!writes) return <NotAllowed />;
  return <Editor workflow={undefined} source={TEMPLATE} tag={undefined} latest={undefined} />;
}

export function Edit() {
  const { workflow } = useParams({ from: "/shell/workflows/$workflow/edit" });
  const writes = useMay("workflows.write");
  const found = useQuery({
    queryKey: ["workflow", workflow, "edit"],
    queryFn: () => read(workflow),
    // What is edited is what was read when the page was opened; a newer one is met when it is saved.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  if (!writes) return <NotAllowed />;
  if (found.isPending) return <Loading />;
  if (!found.data) return <Wrong error={found.error} again={() => void found.refetch()} />;
  return <Editor key={workflow} workflow={workflow} {...found.data} />;
}

function NotAllowed() {
  return (
    <Empty icon="lock" title="You may not change workflows">
      This needs the permission <code>workflows.write</code>. Ask an admin of the tenant for a role that has it.
    </Empty>
  );
}

/** What is saved now. */
async function read(workflow: string): Promise<Saved> {
  const { answer, tag } = await askTagged("GET /api/v1/workflows/{workflow}", { path: { workflow } });
  const version = await ask("GET /api/v1/workflows/{workflow}/versions/{version}", {
    path: { workflow, version: answer.latest.version },
  });
  return { source: version.source, tag: tag ?? undefined, latest: answer.latest.version };
}

/** Checks a text a moment after the last letter; what was sound last stays for the drawing. */
function useChecked(text: string, ready: boolean) {
  const [checked, setChecked] = useState<CheckedText>();
  const [sound, setSound] = useState<{ definition: Definition; lines: Record<string, number> }>();
  const [broken, setBroken] = useState<string>();
  useEffect(() => {
    if (!ready) return;
    let current = true;
    const timer = setTimeout(() => {
      check(text)
        .then((found) => {
          if (!current) return;
          setBroken(undefined);
          setChecked(found);
          if (found.definition) setSound({ definition: found.definition, lines: found.lines ?? {} });
        })
        .catch((error: Error) => current && setBroken(error.message));
    }, TYPED_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [text, ready]);
  return { checked, sound, broken };
}

/** The name under which a text that was not saved stays in this tab. */
function draftOf(workflow: string | undefined): string {
  return `workflow:${workflow ?? ""}`;
}

/** A text that was not saved stays in this tab, with what it began from, until it is. */
function useDraft(workflow: string | undefined, first: Saved) {
  const { tenant, user } = useMe();
  const owner = useMemo(() => ({ tenant, user }), [tenant, user]);
  const [began] = useState(() => begin(first, readKept<Draft>(owner, draftOf(workflow))));
  const [base, setBase] = useState(began.base);
  const [text, setText] = useState(began.text);
  // A new workflow has no name until it is saved.
  const [name, setName] = useState(draftOf(workflow));
  useEffect(() => {
    keep(owner, name, text === base.source ? undefined : ({ text, base } satisfies Draft));
  }, [text, base, name, owner]);
  /** What was sent is saved; what was written since goes on from it, also when this page is left by now. */
  const publish = (published: Saved, saved: string) => {
    const rest = remaining(readKept<Draft>(owner, name), published);
    keep(owner, name, undefined);
    keep(owner, draftOf(saved), rest);
    setName(draftOf(saved));
    setBase(published);
  };
  return { base, setBase, text, setText, publish, began };
}

/** What is sent to be saved: this text, on top of what has this tag. */
interface Sent {
  source: string;
  tag: string | undefined;
}

/** The id that a text gives itself: what was checked last may be an earlier text. */
async function idOf(source: string): Promise<string> {
  const { definition } = await check(source);
  if (!definition) throw new Error("the text has errors");
  return definition.id;
}

/** What is edited, what of it is saved, and what somebody else saved meanwhile. */
function useEditing(workflow: string | undefined, first: Saved) {
  const navigate = useNavigate();
  const { base, setBase, text, setText, publish, began } = useDraft(workflow, first);
  const types = useQuery(catalogue);
  const packages = useQuery(installedPackages);
  const { checked, sound, broken } = useChecked(text, types.data !== undefined);
  const [conflict, setConflict] = useState(began.conflict);
  const id = workflow ?? sound?.definition.id;
  const save = useMutation({
    mutationFn: async ({ source, tag }: Sent) =>
      askTagged("POST /api/v1/workflows/{workflow}/versions", {
        path: { workflow: workflow ?? (await idOf(source)) },
        headers: tag === undefined ? { "if-none-match": "*" } : { "if-match": tag },
        body: { source },
      }),
    onSuccess: ({ answer, tag }, { source }) => {
      setConflict(undefined);
      publish({ source, tag: tag ?? undefined, latest: answer.latest.version }, answer.workflow);
      queries.removeQueries({ queryKey: ["workflow", answer.workflow] });
      void queries.invalidateQueries({ queryKey: ["workflows"] });
      announce(
        answer.added
          ? `Version ${answer.latest.version} was saved.`
          : "Nothing changed: the latest version means the same.",
      );
      if (workflow === undefined) {
        void navigate({ to: "/workflows/$workflow/edit", params: { workflow: answer.workflow }, replace: true });
      }
    },
    onError: async (error, { source }) => {
      if (isTaken(error)) setConflict(await read(workflow ?? (await idOf(source))));
    },
  });
  const problems = useMemo<readonly Problem[]>(() => checked?.problems ?? [], [checked]);
  const errors = problems.filter((problem) => problem.severity === "error").length;
  const changed = text !== base.source;
  const canSave = id !== undefined && errors === 0 && changed && !save.isPending;
  const settle = (theirs: Saved) => {
    setBase(theirs);
    setConflict(undefined);
    save.reset();
  };
  const { restored } = began;
  const editing = { base, setBase, text, setText, restored, conflict, settle, id, save, canSave, changed };
  const custom = useCustomTypes();
  const known = useMemo(
    () => [...(types.data ?? []), ...custom.map(({ type }) => type), ...(checked?.named ?? [])],
    [types.data, custom, checked],
  );
  const versions = useMemo(() => versionsOf(packages.data?.items ?? []), [packages.data]);
  return { ...editing, known, versions, sound, broken: broken ?? types.error?.message, problems, errors };
}

type Editing = ReturnType<typeof useEditing>;

/** Whether somebody else was quicker. */
function isTaken(error: unknown): boolean {
  return error instanceof Refusal && error.status === 412;
}

function Editor({ workflow, ...first }: Saved & { workflow: string | undefined }) {
  const editing = useEditing(workflow, first);
  const { base, text, setText, save, canSave, changed, problems, sound, id } = editing;
  const [goTo, setGoTo] = useState<{ line: number }>();
  // The editor keeps the function that it was given first.
  const publish = useRef(() => {});
  publish.current = () => canSave && save.mutate({ source: text, tag: base.tag });
  useUnsaved(changed);
  return (
    <Page
      full
      title={workflow ? `Edit ${workflow}` : "New workflow"}
      crumbs={[
        { label: "Workflows", to: "/workflows" },
        ...(workflow ? [{ label: workflow, to: `/workflows/${workflow}` }] : []),
      ]}
      status={<State latest={base.latest} changed={changed} />}
      actions={<EditActions workflow={workflow} editing={editing} onPublish={() => publish.current()} />}
    >
      {editing.restored && changed && !editing.conflict && (
        <Notice icon="edit">
          This is what you wrote before and did not save.{" "}
          <Button small onClick={() => setText(base.source)}>
            Take the saved text instead
          </Button>
        </Notice>
      )}
      <Refused error={isTaken(save.error) ? undefined : save.error} />
      <Conflict editing={editing} />
      <div className={css.editor}>
        <div className={css.pane}>
          <Suspense fallback={<Loading label="Loading the editor" />}>
            <CodeEditor
              value={text}
              problems={problems}
              nodeTypes={editing.known}
              versions={editing.versions}
              label={workflow ? `Text of ${workflow}` : "Text of the new workflow"}
              goTo={goTo}
              onChange={setText}
              onSave={() => publish.current()}
            />
          </Suspense>
          <Problems problems={problems} broken={editing.broken} onGo={(line) => setGoTo({ line })} />
        </div>
        <Preview
          definition={sound?.definition}
          stale={editing.errors > 0}
          label={id ?? "the workflow"}
          onLine={(place, source) => {
            const line = sound?.lines[source] ?? sound?.lines[place];
            if (line !== undefined) setGoTo({ line });
          }}
        />
      </div>
    </Page>
  );
}

function State({ latest, changed }: { latest: string | undefined; changed: boolean }) {
  if (changed) {
    return (
      <Badge tone="waiting" icon="edit">
        Not saved
      </Badge>
    );
  }
  return (
    latest && (
      <Badge tone="success" icon="check">
        {latest}
      </Badge>
    )
  );
}

function EditActions({
  workflow,
  editing: { base, text, setText, errors, changed, canSave, save },
  onPublish,
}: {
  workflow: string | undefined;
  editing: Editing;
  onPublish: () => void;
}) {
  const [running, setRunning] = useState<string>();
  const taken = base.latest !== undefined && changed && versionOf(text) === base.latest;
  return (
    <>
      <Button onClick={() => void format(text, setText)} disabled={errors > 0}>
        Lay out
      </Button>
      {taken && (
        <Button icon="plus" onClick={() => setText(raised(text))}>
          Raise the version
        </Button>
      )}
      {workflow && !changed && base.latest && (
        <Button icon="play" onClick={() => setRunning(base.latest)}>
          Run
        </Button>
      )}
      <Button look="primary" icon="check" busy={save.isPending} disabled={!canSave} onClick={onPublish}>
        Publish
      </Button>
      {running && workflow && <RunDialog workflow={workflow} version={running} onClose={() => setRunning(undefined)} />}
    </>
  );
}

/** Asks before the tab is closed with something that was not saved. */
function useUnsaved(changed: boolean) {
  useEffect(() => {
    if (!changed) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [changed]);
}

async function format(text: string, setText: (text: string) => void): Promise<void> {
  try {
    const laid = await askFlow("format", { source: text });
    if (laid.text !== undefined) setText(laid.text);
  } catch (error) {
    announce(String(error), true);
  }
}

function Problems({
  problems,
  broken,
  onGo,
}: {
  problems: readonly Problem[];
  broken: string | undefined;
  onGo: (line: number) => void;
}) {
  const errors = problems.filter((problem) => problem.severity === "error").length;
  return (
    <section className={css.problems} aria-label="Problems">
      <div className={css.problemsHead} role="status">
        {broken ? (
          <>
            <Icon name="warning" size={14} /> The text cannot be checked here: {broken}. It is checked when it is saved.
          </>
        ) : problems.length === 0 ? (
          <>
            <Icon name="check" size={14} style={{ color: "var(--success)" }} /> No problems
          </>
        ) : (
          `${errors} ${errors === 1 ? "error" : "errors"}, ${problems.length - errors} warnings`
        )}
      </div>
      {problems.map((problem) => (
        <button
          key={`${problem.position.line}:${problem.position.column}:${problem.code}:${problem.message}`}
          type="button"
          className={css.problem}
          onClick={() => onGo(problem.position.line)}
        >
          <Icon
            name={problem.severity === "error" ? "cross" : "warning"}
            size={13}
            style={{ color: problem.severity === "error" ? "var(--failure)" : "var(--waiting)" }}
          />
          <span className={layout.dim}>
            <span className="visually-hidden">{problem.severity} at line </span>
            {problem.position.line}:{problem.position.column}
          </span>
          <span>
            {problem.message}
            {problem.suggestion && <span className={layout.dim}> {problem.suggestion}</span>}
          </span>
        </button>
      ))}
    </section>
  );
}

function Preview({
  definition,
  stale,
  label,
  onLine,
}: {
  definition: Definition | undefined;
  stale: boolean;
  label: string;
  onLine: (place: string, source: string) => void;
}) {
  const drawn = useMemo(() => (definition ? plan(definition) : undefined), [definition]);
  const [selected, setSelected] = useState<string>();
  const [view, setView] = useState<"drawing" | "outline">("drawing");
  if (!drawn) {
    return (
      <div className={css.pane}>
        <Empty icon="tree" title="The drawing">
          It stands here as soon as the text has no errors.
        </Empty>
      </div>
    );
  }
  const overlay = { places: undefined, selected };
  const select = (place: string) => {
    setSelected(place);
    if (view === "outline") return;
    const card = drawn.cards.get(place);
    if (card) onLine(place, card.source);
  };
  return (
    <div className={css.drawing}>
      <div className={layout.row}>
        <Segments
          label="View"
          value={view}
          onChange={setView}
          options={[
            { id: "drawing", label: "Drawing", icon: "tree" },
            { id: "outline", label: "Outline", icon: "list" },
          ]}
        />
        {stale && <Badge tone="waiting">Of the last text without errors</Badge>}
      </div>
      {view === "outline" ? (
        <Outline plan={drawn} overlay={overlay} label={`Outline of ${label}`} onSelect={select} />
      ) : (
        <Drawing plan={drawn} overlay={overlay} label={`Drawing of ${label}`} onSelect={select} />
      )}
      {selected !== undefined && <Chosen card={drawn.cards.get(selected)} />}
    </div>
  );
}

/** Both texts, when somebody else published meanwhile. */
function Conflict({ editing: { conflict, text, setText, setBase, settle, save } }: { editing: Editing }) {
  if (!conflict) return null;
  return (
    <div className={layout.stack} style={{ gap: 8 }}>
      <Notice tone="waiting" icon="warning">
        <strong>Somebody published version {conflict.latest} meanwhile.</strong> Nothing was overwritten. Below is what
        separates their text from yours.
      </Notice>
      <Diff before={conflict.source} after={text} label="From their text to yours" />
      <div className={layout.row}>
        <Button onClick={() => settle(conflict)}>Go on editing on top of theirs</Button>
        <Button
          onClick={() => {
            setText(conflict.source);
            settle(conflict);
          }}
        >
          Take theirs, drop mine
        </Button>
        <Button
          look="danger"
          busy={save.isPending}
          onClick={() => {
            setBase(conflict);
            save.mutate({ source: text, tag: conflict.tag });
          }}
        >
          Publish mine over theirs
        </Button>
      </div>
    </div>
  );
}
