/** The fields of a form that was made from a schema. */
import { type ReactNode, useId } from "react";
import { chosenOf, chosenWords, type FieldKind, type FormField, type Typed } from "../model/forms";
import { Check, classes, Field, SelectField, TextArea } from "./controls";
import css from "./controls.module.css";
import form from "./form.module.css";
import { Icon } from "./icons";

interface Filling {
  typed: Typed;
  /** What is wrong, by the path of the field. */
  wrong: Readonly<Record<string, string>>;
  onChange: (path: string, value: string) => void;
}

export function FormFields({ fields, ...filling }: Filling & { fields: readonly FormField[] }) {
  return fields.map((field) => <One key={field.path} field={field} filling={filling} />);
}

/** How a browser offers to fill in a text, by what it is. */
const INPUTS: Partial<Record<FieldKind, string>> = {
  date: "date",
  time: "datetime-local",
  email: "email",
  address: "url",
};

function One({ field, filling }: { field: FormField; filling: Filling }) {
  const value = filling.typed[field.path] ?? field.initial;
  const wrong = filling.wrong[field.path];
  const onChange = (words: string) => filling.onChange(field.path, words);
  const common = { label: field.label, hint: field.hint, wrong, optional: !field.required };
  switch (field.kind) {
    case "truth":
      return (
        <Check
          label={field.label}
          hint={field.hint}
          checked={value === "true"}
          onChange={(on) => onChange(String(on))}
        />
      );
    case "choice": {
      const choices = field.choices.map((choice, at) => [String(at), choice.label] as const);
      return <SelectField {...common} value={value} onChange={onChange} options={[["", "Choose"], ...choices]} />;
    }
    case "several":
      return (
        <Group field={field} wrong={wrong} look={form.checks}>
          <Several field={field} value={value} onChange={onChange} />
        </Group>
      );
    case "group":
      return (
        <Group field={field} wrong={wrong}>
          <FormFields fields={field.fields} {...filling} />
        </Group>
      );
    case "json":
      return <TextArea {...common} hint={field.hint ?? "As JSON."} rows={4} value={value} onChange={onChange} />;
    case "long":
      return <TextArea {...common} rows={5} value={value} onChange={onChange} />;
    default:
      return (
        <Field {...common}>
          {(ids) => (
            <input
              {...ids}
              className={css.input}
              type={field.secret ? "password" : (INPUTS[field.kind] ?? "text")}
              {...(field.kind === "time" ? { step: 1 } : {})}
              {...(field.kind === "number" || field.kind === "integer" ? { inputMode: "decimal" } : {})}
              autoComplete="off"
              value={value}
              onChange={(event) => onChange(event.target.value)}
            />
          )}
        </Field>
      );
  }
}

/** Fields that belong together, under one name. */
function Group({
  field,
  wrong,
  look,
  children,
}: {
  field: FormField;
  wrong: string | undefined;
  look?: string | undefined;
  children: ReactNode;
}) {
  const id = useId();
  const described = [field.hint ? `${id}-hint` : "", wrong ? `${id}-wrong` : ""].filter(Boolean).join(" ");
  return (
    <fieldset className={classes(form.group, look)} aria-describedby={described || undefined}>
      <legend>
        {field.label}
        {!field.required && <span className={css.required}> (optional)</span>}
      </legend>
      {field.hint && (
        <span className={css.hint} id={`${id}-hint`}>
          {field.hint}
        </span>
      )}
      {children}
      {wrong && (
        <span className={css.wrong} id={`${id}-wrong`} role="alert">
          <Icon name="warning" size={14} />
          {wrong}
        </span>
      )}
    </fieldset>
  );
}

/** Values of which any may be chosen. */
function Several({ field, value, onChange }: { field: FormField; value: string; onChange: (words: string) => void }) {
  const chosen = chosenOf(value);
  return field.choices.map((choice, at) => (
    <Check
      // biome-ignore lint/suspicious/noArrayIndexKey: a choice is its number; two may have the same words.
      key={at}
      label={choice.label}
      checked={chosen.includes(at)}
      onChange={(on) => onChange(chosenWords(on ? [...chosen, at] : chosen.filter((one) => one !== at)))}
    />
  ));
}
