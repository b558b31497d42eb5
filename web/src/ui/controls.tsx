/** Buttons, fields, badges, tabs and dialogs: the small parts that every screen is put together from. */
import {
  type ButtonHTMLAttributes,
  type ChangeEvent,
  type InputHTMLAttributes,
  type ReactNode,
  useEffect,
  useId,
  useRef,
  useState,
} from "react";
import { Dialog as AriaDialog, Heading, Modal, ModalOverlay } from "react-aria-components";
import css from "./controls.module.css";
import { Icon, type IconName } from "./icons";

export function classes(...names: Array<string | false | undefined | null>): string {
  return names.filter(Boolean).join(" ");
}

export type Look = "usual" | "primary" | "danger" | "quiet";

interface Shape {
  look?: Look | undefined;
  small?: boolean | undefined;
  icon?: IconName | undefined;
}

/** The class of something that looks like a button. */
export function buttonClass({ look = "usual", small, icon }: Shape, bare = false): string {
  return classes(
    css.button,
    look === "primary" && css.primary,
    look === "danger" && css.danger,
    look === "quiet" && css.quiet,
    small && css.small,
    icon && bare && css.iconOnly,
  );
}

export function Button({
  look,
  small,
  icon,
  busy,
  children,
  ...rest
}: Shape & { busy?: boolean } & ButtonHTMLAttributes<HTMLButtonElement>) {
  return (
    <button
      type="button"
      {...rest}
      disabled={rest.disabled || busy}
      aria-busy={busy || undefined}
      className={classes(buttonClass({ look, small, icon }, children === undefined), rest.className)}
    >
      {busy ? <Icon name="refresh" className={css.spin} /> : icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

interface FieldShape {
  label: string;
  hint?: ReactNode;
  wrong?: string | undefined;
  optional?: boolean;
}

export function Field({
  label,
  hint,
  wrong,
  optional,
  children,
}: FieldShape & {
  children: (ids: { id: string; "aria-describedby"?: string; "aria-invalid"?: boolean }) => ReactNode;
}) {
  const id = useId();
  const described = [hint ? `${id}-hint` : "", wrong ? `${id}-wrong` : ""].filter(Boolean).join(" ");
  return (
    <div className={css.field}>
      <label className={css.label} htmlFor={id}>
        {label}
        {optional && <span className={css.required}> (optional)</span>}
      </label>
      {children({
        id,
        ...(described ? { "aria-describedby": described } : {}),
        ...(wrong ? { "aria-invalid": true } : {}),
      })}
      {hint && (
        <span className={css.hint} id={`${id}-hint`}>
          {hint}
        </span>
      )}
      {wrong && (
        <span className={css.wrong} id={`${id}-wrong`} role="alert">
          <Icon name="warning" size={14} />
          {wrong}
        </span>
      )}
    </div>
  );
}

export function TextField({
  label,
  hint,
  wrong,
  optional,
  onText,
  ...rest
}: FieldShape & { onText?: (text: string) => void } & InputHTMLAttributes<HTMLInputElement>) {
  const typed = onText && { onChange: (event: ChangeEvent<HTMLInputElement>) => onText(event.target.value) };
  return (
    <Field label={label} hint={hint} wrong={wrong} optional={optional ?? false}>
      {(ids) => <input {...rest} {...typed} {...ids} className={css.input} />}
    </Field>
  );
}

export function EmailField({
  label = "Email address",
  value,
  onText,
}: {
  label?: string;
  value: string;
  onText: (text: string) => void;
}) {
  return <TextField label={label} type="email" required value={value} onText={onText} />;
}

export function SelectField<T extends string>({
  label,
  hint,
  wrong,
  optional,
  value,
  onChange,
  options,
}: FieldShape & {
  value: T;
  onChange: (value: T) => void;
  options: ReadonlyArray<readonly [T, string]>;
}) {
  return (
    <Field label={label} hint={hint} wrong={wrong} optional={optional ?? false}>
      {(ids) => (
        <select {...ids} className={css.input} value={value} onChange={(event) => onChange(event.target.value as T)}>
          {options.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** A choice among others in a line, without a label that is seen. */
export function Choose({
  label,
  value,
  onChange,
  options,
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  options: ReadonlyArray<readonly [string, string]>;
}) {
  return (
    <select
      className={css.input}
      style={{ width: "auto" }}
      aria-label={label}
      value={value}
      onChange={(event) => onChange(event.target.value)}
    >
      {options.map(([value, words]) => (
        <option key={value} value={value}>
          {words}
        </option>
      ))}
    </select>
  );
}

export function TextArea({
  label,
  hint,
  wrong,
  optional,
  rows = 4,
  ...rest
}: FieldShape & { rows?: number; value: string; onChange: (value: string) => void }) {
  return (
    <Field label={label} hint={hint} wrong={wrong} optional={optional ?? false}>
      {(ids) => (
        <textarea
          {...ids}
          className={css.input}
          rows={rows}
          spellCheck={false}
          value={rest.value}
          onChange={(event) => rest.onChange(event.target.value)}
        />
      )}
    </Field>
  );
}

export function Check({
  label,
  hint,
  checked,
  onChange,
  disabled,
}: {
  label: ReactNode;
  hint?: string | undefined;
  checked: boolean;
  onChange: (checked: boolean) => void;
  disabled?: boolean;
}) {
  const id = useId();
  return (
    <div className={css.check}>
      <input
        id={id}
        type="checkbox"
        checked={checked}
        disabled={disabled}
        aria-describedby={hint ? `${id}-hint` : undefined}
        onChange={(event) => onChange(event.target.checked)}
      />
      <label htmlFor={id}>
        {label}
        {hint && (
          <span className={css.hint} id={`${id}-hint`} style={{ display: "block" }}>
            {hint}
          </span>
        )}
      </label>
    </div>
  );
}

export function Search({
  label,
  value,
  onChange,
  ...rest
}: { label: string; value: string; onChange: (text: string) => void } & Omit<
  InputHTMLAttributes<HTMLInputElement>,
  "onChange" | "value"
>) {
  return (
    <div className={css.search}>
      <Icon name="search" />
      <input
        {...rest}
        type="search"
        className={css.input}
        aria-label={label}
        placeholder={label}
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
    </div>
  );
}

export type Tone = "running" | "success" | "failure" | "waiting" | "paused" | "queued" | "idle";

export function Badge({ tone, icon, children }: { tone: Tone; icon?: IconName; children: ReactNode }) {
  return (
    <span className={classes(css.badge, css[tone])}>
      {icon && <Icon name={icon} size={13} className={tone === "running" ? css.spin : undefined} />}
      {children}
    </span>
  );
}

/** States of executions and steps with their sign, colour and word. */
export const STATES: Record<string, { tone: Tone; icon: IconName; word: string }> = {
  queued: { tone: "queued", icon: "queue", word: "Queued" },
  running: { tone: "running", icon: "refresh", word: "Running" },
  waiting: { tone: "waiting", icon: "clock", word: "Waiting" },
  paused: { tone: "paused", icon: "pause", word: "Paused" },
  held: { tone: "paused", icon: "pause", word: "Held" },
  success: { tone: "success", icon: "check", word: "Succeeded" },
  failure: { tone: "failure", icon: "cross", word: "Failed" },
  cancelled: { tone: "idle", icon: "stop", word: "Cancelled" },
  skipped: { tone: "idle", icon: "skip", word: "Skipped" },
  quarantined: { tone: "failure", icon: "warning", word: "Quarantined" },
  pending: { tone: "idle", icon: "skip", word: "Not started" },
  added: { tone: "success", icon: "plus", word: "Added" },
  removed: { tone: "failure", icon: "cross", word: "Removed" },
  changed: { tone: "waiting", icon: "edit", word: "Changed" },
  open: { tone: "waiting", icon: "clock", word: "Open" },
  completed: { tone: "success", icon: "check", word: "Completed" },
  expired: { tone: "idle", icon: "clock", word: "Expired" },
};

export function Status({ status }: { status: string }) {
  const state = STATES[status] ?? { tone: "idle" as const, icon: "info" as const, word: status };
  return (
    <Badge tone={state.tone} icon={state.icon}>
      {state.word}
    </Badge>
  );
}

/** What had the focus last, outside of dialogs. */
let lastOutside: HTMLElement | undefined;

document.addEventListener("focusin", ({ target }) => {
  if (target instanceof HTMLElement && !target.closest('[role="dialog"]')) lastOutside = target;
});

/** Gives the focus back to what had it before a dialog, when that is still there and nothing else took it. */
function useFocusBack(): void {
  useEffect(
    () => () => {
      const before = lastOutside;
      setTimeout(() => {
        const lost = document.activeElement === null || document.activeElement === document.body;
        if (lost && before?.isConnected) before.focus();
      });
    },
    [],
  );
}

/** Whether this is where one writes; what is searched for or ticked is not worth a question. */
function isWritten(target: EventTarget): target is HTMLElement {
  if (target instanceof HTMLTextAreaElement) return true;
  return target instanceof HTMLInputElement && !["search", "checkbox", "radio"].includes(target.type);
}

export function Dialog({
  title,
  open,
  onClose,
  wide,
  firm,
  children,
  actions,
}: {
  title: string;
  open: boolean;
  onClose: () => void;
  wide?: boolean;
  /** Whether a click beside it leaves it open. */
  firm?: boolean;
  children: ReactNode;
  actions?: ReactNode;
}) {
  useFocusBack();
  /** Where something was written last. */
  const [written, setWritten] = useState<HTMLElement | null>(null);
  const [asking, setAsking] = useState(false);
  const goOn = () => {
    // Before its button is gone: a key that is pressed at once would reach nothing.
    written?.focus();
    setAsking(false);
  };
  // A click beside it or a key too many takes nothing away that somebody wrote.
  const dismiss = () => {
    if (!written) onClose();
    else if (asking) goOn();
    else setAsking(true);
  };
  return (
    <ModalOverlay
      className={css.overlay}
      isOpen={open}
      onOpenChange={(open) => !open && dismiss()}
      isDismissable={!firm}
    >
      <Modal className={classes(css.modal, wide && css.modalWide)}>
        <AriaDialog className={css.dialog}>
          <div className={css.dialogHead}>
            <Heading slot="title" level={2}>
              {title}
            </Heading>
            <Button look="quiet" icon="close" aria-label="Close" onClick={onClose} />
          </div>
          <div className={css.dialogBody} onInput={({ target }) => isWritten(target) && setWritten(target)}>
            {children}
          </div>
          {asking ? (
            <Dropping onDrop={onClose} onGoOn={goOn} />
          ) : (
            actions && <div className={css.dialogFoot}>{actions}</div>
          )}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}

/** Asks before what was written into a dialog is lost. */
function Dropping({ onDrop, onGoOn }: { onDrop: () => void; onGoOn: () => void }) {
  const stay = useRef<HTMLDivElement>(null);
  useEffect(() => stay.current?.querySelector("button")?.focus(), []);
  return (
    <div ref={stay} className={css.dialogFoot}>
      <span role="alert" style={{ marginRight: "auto" }}>
        What you wrote here is not sent yet.
      </span>
      <Button onClick={onGoOn}>Go on</Button>
      <Button look="danger" onClick={onDrop}>
        Drop it
      </Button>
    </div>
  );
}

export interface TabItem {
  id: string;
  label: string;
  icon?: IconName;
  content: ReactNode;
}

/** Tabs by the usual keys: arrows move, Home and End jump. */
export function Tabs({
  label,
  items,
  selected,
  onSelect,
  fill,
}: {
  label: string;
  items: readonly TabItem[];
  selected: string;
  onSelect: (id: string) => void;
  fill?: boolean;
}) {
  const base = useId();
  const list = useRef<HTMLDivElement>(null);
  const at = Math.max(
    0,
    items.findIndex((item) => item.id === selected),
  );
  const move = (to: number) => {
    const item = items[(to + items.length) % items.length];
    if (!item) return;
    onSelect(item.id);
    list.current?.querySelector<HTMLElement>(`#${CSS.escape(`${base}-${item.id}`)}`)?.focus();
  };
  const steps: Record<string, number> = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: items.length - 1 };
  return (
    <>
      <div
        ref={list}
        className={css.tabs}
        role="tablist"
        aria-label={label}
        onKeyDown={(event) => {
          const to = steps[event.key];
          if (to === undefined) return;
          event.preventDefault();
          move(to);
        }}
      >
        {items.map((item, index) => (
          <button
            key={item.id}
            type="button"
            role="tab"
            id={`${base}-${item.id}`}
            className={css.tab}
            aria-selected={index === at}
            aria-controls={`${base}-panel`}
            tabIndex={index === at ? 0 : -1}
            onClick={() => onSelect(item.id)}
          >
            {item.icon && <Icon name={item.icon} size={14} />}
            {item.label}
          </button>
        ))}
      </div>
      <div
        id={`${base}-panel`}
        role="tabpanel"
        aria-labelledby={`${base}-${items[at]?.id}`}
        style={fill ? { flex: 1, minHeight: 0, display: "flex", flexDirection: "column" } : undefined}
      >
        {items[at]?.content}
      </div>
    </>
  );
}

export function Segments<T extends string>({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: T;
  options: ReadonlyArray<{ id: T; label: string; icon?: IconName }>;
  onChange: (value: T) => void;
}) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset would draw its own frame around a row of buttons.
    <div className={css.segments} role="group" aria-label={label}>
      {options.map((option) => (
        <button
          key={option.id}
          type="button"
          className={css.segment}
          aria-pressed={option.id === value}
          onClick={() => onChange(option.id)}
        >
          {option.icon && <Icon name={option.icon} size={14} />}
          {option.label}
        </button>
      ))}
    </div>
  );
}

export function CopyButton({ text, label = "Copy" }: { text: string; label?: string }) {
  const [copied, setCopied] = useState(false);
  return (
    <Button
      look="quiet"
      small
      icon={copied ? "check" : "copy"}
      aria-label={copied ? "Copied" : label}
      title={label}
      onClick={() => {
        void navigator.clipboard?.writeText(text).then(() => {
          setCopied(true);
          setTimeout(() => setCopied(false), 1_500);
        });
      }}
    />
  );
}
