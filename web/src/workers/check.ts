/**
 * Checks a text with what the server says of the names in it that are not of the catalogue: packages by a range, and custom
 * nodes. The server decides what they stand for, as it will when the text is saved; the rest is checked here.
 */
import { queryOptions } from "@tanstack/react-query";
import { ask } from "../api/client";
import { NAMED_TYPES, queries } from "../api/queries";
import type { NamedTypes } from "../api/schema";
import type { NodeType } from "../execution/usePlan";
import { askFlow, type Checked } from "./flow";

/** As many names, and as long ones, as the server looks up at once. */
const NAMES_MAX = 200;
const NAME_LENGTH_MAX = 130;

/** What an operator installs meanwhile is seen this much later, in milliseconds. */
const STALE_MS = 10_000;

const NONE: NamedTypes = { items: [], refused: [] };

const named = (types: readonly string[]) =>
  queryOptions({
    queryKey: [...NAMED_TYPES, types],
    queryFn: ({ signal }) => ask("POST /api/v1/catalogue/named", { body: { types: [...types] }, signal }),
    staleTime: STALE_MS,
    // Whoever types does not wait for a second try.
    retry: false,
  });

/** What was told last: most often the next text names the same. */
let last = NONE;

export interface CheckedText extends Checked {
  /** The node types that such names stand for, with these names as their aliases. */
  named: NodeType[];
}

export async function check(source: string): Promise<CheckedText> {
  const known = last;
  const first = await askFlow("check", { source, named: known });
  const found = await lookUp(first.foreign, known);
  last = found;
  const checked = found === known ? first : await askFlow("check", { source, named: found });
  return { ...checked, named: found.items as unknown as NodeType[] };
}

/** What names stand for. Whoever cannot reach the server is told what was known. */
async function lookUp(names: readonly string[], known: NamedTypes): Promise<NamedTypes> {
  const asked = names.filter((name) => name.length <= NAME_LENGTH_MAX).slice(0, NAMES_MAX);
  if (asked.length === 0) return NONE;
  try {
    return await queries.fetchQuery(named(asked));
  } catch {
    return known;
  }
}
