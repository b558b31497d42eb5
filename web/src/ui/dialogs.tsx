/** Dialogs that pages share: a form, a question before something is taken away, and what is shown once. */
import { type ReactNode, useId } from "react";
import { Button, Check, CopyButton, Dialog } from "./controls";
import type { IconName } from "./icons";
import { layout, Notice, Refused } from "./layout";

/** What is being done to the server, as far as a dialog shows it. */
interface Doing {
  isPending: boolean;
  error: unknown;
}

export function FormDialog({
  title,
  act,
  look = "primary",
  doing,
  onSubmit,
  onClose,
  disabled,
  wide,
  icon,
  noValidate,
  children,
}: {
  title: string;
  /** The word of the button that sends it. */
  act: string;
  look?: "primary" | "danger";
  icon?: IconName;
  /** Whether what is wrong is said beside each field by whoever asks, instead of by the browser. */
  noValidate?: boolean;
  doing: Doing;
  onSubmit: () => void;
  onClose: () => void;
  disabled?: boolean;
  wide?: boolean;
  children: ReactNode;
}) {
  const id = useId();
  return (
    <Dialog
      title={title}
      open
      wide={wide ?? false}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" form={id} look={look} icon={icon} busy={doing.isPending} disabled={disabled}>
            {act}
          </Button>
        </>
      }
    >
      <form
        id={id}
        className={layout.stack}
        autoComplete="off"
        noValidate={noValidate}
        onSubmit={(event) => {
          event.preventDefault();
          onSubmit();
        }}
      >
        <Refused error={doing.error} />
        {children}
      </form>
    </Dialog>
  );
}

/** Asks before something is taken away. */
export function Confirm({
  title,
  act,
  doing,
  onAct,
  onClose,
  children,
}: {
  title: string;
  act: string;
  doing: Doing;
  onAct: () => void;
  onClose: () => void;
  /** What follows from it. */
  children: ReactNode;
}) {
  return (
    <Dialog
      title={title}
      open
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Keep</Button>
          <Button look="danger" busy={doing.isPending} onClick={onAct}>
            {act}
          </Button>
        </>
      }
    >
      <Refused error={doing.error} />
      <p>{children}</p>
    </Dialog>
  );
}

/** A secret or a link that is shown now and never again. */
export function ShownOnce({
  title,
  text,
  copy,
  more,
  onClose,
  children,
}: {
  title: string;
  text: string;
  /** What the button for copying says. */
  copy: string;
  more?: ReactNode;
  onClose: () => void;
  children: ReactNode;
}) {
  return (
    <Dialog title={title} open firm onClose={onClose} actions={<Button onClick={onClose}>Done</Button>}>
      <Notice tone="waiting" icon="warning">
        {children}
      </Notice>
      <Copied text={text} copy={copy} />
      {more}
    </Dialog>
  );
}

/** A text with a button that copies it. */
export function Copied({ text, copy }: { text: string; copy: string }) {
  return (
    <div className={layout.row} style={{ flexWrap: "nowrap" }}>
      <code className={layout.pre} style={{ flex: 1 }}>
        {text}
      </code>
      <CopyButton text={text} label={copy} />
    </div>
  );
}

/** Some of several names. */
export function Choices<T extends string>({
  legend,
  all,
  chosen,
  onChange,
  hint,
}: {
  legend: string;
  all: readonly T[];
  chosen: ReadonlySet<T>;
  onChange: (chosen: ReadonlySet<T>) => void;
  hint?: (name: string) => string | undefined;
}) {
  return (
    <fieldset className={layout.stack} style={{ border: 0, margin: 0, padding: 0, gap: 6 }}>
      <legend>{legend}</legend>
      {all.map((name) => (
        <Check
          key={name}
          label={<code>{name}</code>}
          hint={hint?.(name)}
          checked={chosen.has(name)}
          onChange={(on) => onChange(new Set(on ? [...chosen, name] : [...chosen].filter((one) => one !== name)))}
        />
      ))}
    </fieldset>
  );
}
