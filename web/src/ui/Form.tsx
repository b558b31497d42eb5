/** The fields of a form that was made from a schema. */
import type { FormField } from "../model/forms";
import { Check, Field, SelectField, TextArea } from "./controls";
import css from "./controls.module.css";

export function FormFields({
  fields,
  typed,
  wrong,
  onChange,
}: {
  fields: readonly FormField[];
  typed: Readonly<Record<string, string>>;
  wrong: Readonly<Record<string, string>>;
  onChange: (name: string, value: string) => void;
}) {
  return fields.map((field) => (
    <One
      key={field.name}
      field={field}
      value={typed[field.name] ?? field.initial}
      wrong={wrong[field.name]}
      onChange={(value) => onChange(field.name, value)}
    />
  ));
}

function One({
  field,
  value,
  wrong,
  onChange,
}: {
  field: FormField;
  value: string;
  wrong: string | undefined;
  onChange: (value: string) => void;
}) {
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
      const choices = field.choices.map((choice) => [choice, choice] as const);
      return <SelectField {...common} value={value} onChange={onChange} options={[["", "Choose"], ...choices]} />;
    }
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
              type={field.secret ? "password" : "text"}
              inputMode={field.kind === "text" ? "text" : "decimal"}
              autoComplete="off"
              value={value}
              onChange={(event) => onChange(event.target.value)}
            />
          )}
        </Field>
      );
  }
}
