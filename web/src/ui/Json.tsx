/** A value as a tree, a table, an image or text: whichever of them it can be. Nothing of it is ever taken for HTML. */
import { createContext, type ReactNode, useContext, useMemo, useState } from "react";
import { columnsOf, imageOf, isReference, kindsOf, type Shape } from "../model/value";
import { CopyButton, Segments } from "./controls";
import { Icon } from "./icons";
import css from "./json.module.css";
import { Large } from "./Large";
import { Rest } from "./More";

const LABELS: Record<Shape, string> = { tree: "Tree", table: "Table", image: "Image", text: "Text" };

/** What is shown at once; more when asked for. */
const SHOWN = 100;
const TABLE_ROWS = 200;
const TABLE_COLUMNS = 30;

/** How deep values are opened by themselves: what a step gave, each under its name. */
const OPEN_DEEP = 2;

/** The execution whose values these are. It is asked for those that are kept apart. */
const Holder = createContext<string | undefined>(undefined);

export function ValuesOf({ execution, children }: { execution: string; children: ReactNode }) {
  return <Holder.Provider value={execution}>{children}</Holder.Provider>;
}

/** The shapes that a value has, and the one that was chosen of them. */
function useShape(value: unknown, first: (kinds: readonly Shape[]) => Shape | undefined) {
  const kinds = useMemo(() => kindsOf(value), [value]);
  const [chosen, setChosen] = useState<Shape>();
  const shape = chosen && kinds.includes(chosen) ? chosen : (first(kinds) ?? kinds[0] ?? "text");
  return { kinds, shape, setChosen };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value, undefined, 2) ?? "nothing");
}

export function Json({ value, label }: { value: unknown; label: string }) {
  const { kinds, shape, setChosen } = useShape(value, ([best]) => best);
  return (
    <div>
      <div className={css.tools}>
        {kinds.length > 1 ? (
          <Segments
            label={`How ${label} is shown`}
            value={shape}
            options={kinds.map((id) => ({ id, label: LABELS[id] }))}
            onChange={setChosen}
          />
        ) : (
          <span />
        )}
        <CopyButton text={textOf(value)} label={`Copy ${label}`} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys. */}
      <section className={`${css.view} ${css.box}`} aria-label={label} tabIndex={0}>
        {shape === "tree" ? <Node value={value} depth={0} /> : <Flat value={value} shape={shape} label={label} />}
      </section>
    </div>
  );
}

/** A value in a shape that does not branch. */
function Flat({ value, shape, label }: { value: unknown; shape: Shape; label: string }) {
  if (shape === "table") return <Rows value={value as ReadonlyArray<Record<string, unknown>>} />;
  if (shape === "image") return <img className={css.image} src={imageOf(value)} alt={label} />;
  return <span className={css.string}>{textOf(value)}</span>;
}

/** A choice of shapes beside a branch. */
function Shapes({
  name,
  kinds,
  shape,
  onChange,
}: {
  name: string | undefined;
  kinds: readonly Shape[];
  shape: Shape;
  onChange: (shape: Shape) => void;
}) {
  if (kinds.length < 2) return null;
  return (
    <select
      className={css.shapes}
      aria-label={`How ${name ?? "this"} is shown`}
      value={shape}
      onChange={(event) => onChange(event.target.value as Shape)}
    >
      {kinds.map((kind) => (
        <option key={kind} value={kind}>
          {LABELS[kind]}
        </option>
      ))}
    </select>
  );
}

function Node({ name, value, depth }: { name?: string; value: unknown; depth: number }) {
  const execution = useContext(Holder);
  if (isReference(value)) {
    return (
      <div className={css.row}>
        {name !== undefined && <span className={css.key}>{name}:</span>}
        <Large execution={execution} value={value} name={name}>
          {(loaded) => <Node value={loaded} depth={depth} />}
        </Large>
      </div>
    );
  }
  if (imageOf(value)) return <Picture name={name} value={value} />;
  if (value === null || typeof value !== "object") return <Leaf name={name} value={value} />;
  const entries = Object.entries(value);
  if (entries.length === 0) return <Leaf name={name} value={Array.isArray(value) ? "[ ]" : "{ }"} dim />;
  return <Branch name={name} value={value} entries={entries} depth={depth} />;
}

function Picture({ name, value }: { name: string | undefined; value: unknown }) {
  const { kinds, shape, setChosen } = useShape(value, ([best]) => best);
  return (
    <div>
      <div className={css.row}>
        {name !== undefined && <span className={css.key}>{name}:</span>}
        <Shapes name={name} kinds={kinds} shape={shape} onChange={setChosen} />
      </div>
      <Flat value={value} shape={shape} label={name ?? "Image"} />
    </div>
  );
}

function Branch({
  name,
  value,
  entries,
  depth,
}: {
  name: string | undefined;
  value: object;
  entries: Array<[string, unknown]>;
  depth: number;
}) {
  const [open, setOpen] = useState(depth < OPEN_DEEP && (depth === 1 || entries.length <= SHOWN));
  // The whole has its choice above it. What it is made of is shown at its best, what is deeper as a tree at first.
  const { kinds, shape, setChosen } = useShape(value, ([best]) => (depth === 1 ? best : "tree"));
  const isList = Array.isArray(value);
  return (
    <div>
      <button type="button" className={css.toggle} aria-expanded={open} onClick={() => setOpen(!open)}>
        <Icon name="chevron" size={10} />
        {name !== undefined && <span className={css.key}>{name}</span>}
        <span className={css.dim}>
          {isList ? `[${entries.length}]` : `{${entries.length}}`}
          {!open &&
            !isList &&
            ` ${entries
              .slice(0, 4)
              .map(([key]) => key)
              .join(", ")}${entries.length > 4 ? " …" : ""}`}
        </span>
      </button>
      {open && depth > 0 && <Shapes name={name} kinds={kinds} shape={shape} onChange={setChosen} />}
      {open &&
        (depth === 0 || shape === "tree" ? (
          <Children entries={entries} depth={depth} />
        ) : (
          <div className={css.children}>
            <Flat value={value} shape={shape} label={name ?? ""} />
          </div>
        ))}
    </div>
  );
}

function Children({ entries, depth }: { entries: Array<[string, unknown]>; depth: number }) {
  const [shown, setShown] = useState(SHOWN);
  return (
    <div className={css.children}>
      {entries.slice(0, shown).map(([key, child]) => (
        <Node key={key} name={key} value={child} depth={depth + 1} />
      ))}
      {shown < entries.length && (
        <button type="button" className={css.toggle} onClick={() => setShown(shown + 5 * SHOWN)}>
          {entries.length - shown} more
        </button>
      )}
    </div>
  );
}

function Leaf({ name, value, dim }: { name: string | undefined; value: unknown; dim?: boolean }) {
  const look = dim
    ? css.dim
    : typeof value === "string"
      ? css.string
      : typeof value === "number"
        ? css.number
        : css.dim;
  return (
    <div className={css.row}>
      {name !== undefined && <span className={css.key}>{name}:</span>}
      <span className={look}>{typeof value === "string" && !dim ? value || '""' : String(value)}</span>
    </div>
  );
}

function Rows({ value }: { value: ReadonlyArray<Record<string, unknown>> }) {
  const columns = useMemo(() => columnsOf(value), [value]);
  const [rows, setRows] = useState(TABLE_ROWS);
  const [wide, setWide] = useState(TABLE_COLUMNS);
  const seen = columns.slice(0, wide);
  return (
    <>
      <Rest shown={wide} of={columns.length} what="columns" onMore={() => setWide(wide + TABLE_COLUMNS)} />
      <table className={css.table}>
        <thead>
          <tr>
            {seen.map((column) => (
              <th key={column} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {value.slice(0, rows).map((row, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: rows of a value have nothing else that tells them apart.
            <tr key={index}>
              {seen.map((column) => (
                <td key={column}>
                  <Cell value={row[column]} label={column} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <Rest shown={rows} of={value.length} what="rows" onMore={() => setRows(rows + 5 * TABLE_ROWS)} />
    </>
  );
}

function Cell({ value, label }: { value: unknown; label: string }) {
  if (value === undefined || value === null) return null;
  if (imageOf(value) || isReference(value)) return <Node value={value} name={label} depth={OPEN_DEEP} />;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
