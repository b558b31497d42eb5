/** A value as a tree, a table, an image or text: whichever of them it can be. Nothing of it is ever taken for HTML. */
import { useState } from "react";
import { columnsOf, imageOf, isReference, kindsOf, type Shape } from "../model/value";
import { CopyButton, Segments } from "./controls";
import { Icon } from "./icons";
import css from "./json.module.css";

const LABELS: Record<Shape, string> = { tree: "Tree", table: "Table", image: "Image", text: "Text" };

/** Children that are shown at once; more when asked for. */
const SHOWN = 100;
const TABLE_ROWS = 200;

export function Json({ value, label }: { value: unknown; label: string }) {
  const kinds = kindsOf(value);
  const [chosen, setChosen] = useState<Shape>();
  const shape = chosen && kinds.includes(chosen) ? chosen : (kinds[0] ?? "text");
  const text = typeof value === "string" ? value : JSON.stringify(value, undefined, 2);
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
        <CopyButton text={text ?? ""} label={`Copy ${label}`} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys. */}
      <section className={`${css.view} ${css.box}`} aria-label={label} tabIndex={0}>
        {shape === "tree" && <Node value={value} depth={0} />}
        {shape === "table" && <Rows value={value as ReadonlyArray<Record<string, unknown>>} />}
        {shape === "image" && <img className={css.image} src={imageOf(value)} alt={label} />}
        {shape === "text" && <span className={css.string}>{text ?? "nothing"}</span>}
      </section>
    </div>
  );
}

function Node({ name, value, depth }: { name?: string; value: unknown; depth: number }) {
  if (isReference(value))
    return <Leaf name={name} value={`${value.bytes} bytes kept apart, ${value.media_type}`} dim />;
  if (value === null || typeof value !== "object") return <Leaf name={name} value={value} />;
  const entries = Object.entries(value);
  if (entries.length === 0) return <Leaf name={name} value={Array.isArray(value) ? "[ ]" : "{ }"} dim />;
  return <Branch name={name} entries={entries} isList={Array.isArray(value)} depth={depth} />;
}

function Branch({
  name,
  entries,
  isList,
  depth,
}: {
  name: string | undefined;
  entries: Array<[string, unknown]>;
  isList: boolean;
  depth: number;
}) {
  const [open, setOpen] = useState(depth < 2 && entries.length <= SHOWN);
  const [shown, setShown] = useState(SHOWN);
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
      {open && (
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
  const columns = columnsOf(value);
  return (
    <table className={css.table}>
      <thead>
        <tr>
          {columns.map((column) => (
            <th key={column} scope="col">
              {column}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {value.slice(0, TABLE_ROWS).map((row, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: rows of a value have nothing else that tells them apart.
          <tr key={index}>
            {columns.map((column) => (
              <td key={column}>{cell(row[column])}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function cell(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
