/** Chooses a workflow of the tenant in a form. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { workflows } from "../api/queries";
import { SelectField } from "../ui/controls";
import { itemsOf } from "../ui/Listing";

export function WorkflowField({ value, onChange }: { value: string; onChange: (workflow: string) => void }) {
  const known = useInfiniteQuery(workflows);
  const ids = itemsOf(known).map((one) => one.workflow);
  return (
    <SelectField
      label="Workflow"
      value={value}
      onChange={onChange}
      options={[["", "Choose"], ...ids.map((id) => [id, id] as const)]}
    />
  );
}
