/** Asks the checks of workflows, which work in a worker. */
import type { Definition, Problem } from "../model/definition";

export interface Checked {
  problems: Problem[];
  definition: Definition | null;
  lines: Record<string, number> | null;
  /** Names of node types that are not of the catalogue: packages by a range, custom nodes, and what is none. */
  foreign: string[];
}

export interface Compared {
  same?: boolean;
  text?: string;
  problems?: Problem[];
}

interface Answers {
  catalogue: { taken: number; refused: string[] };
  check: Checked;
  read: { definition?: Definition; problems?: Problem[] };
  compare: Compared;
  format: { text?: string; problems?: Problem[] };
}

let worker: Worker | undefined;
let last = 0;
const waiting = new Map<number, { resolve: (answer: never) => void; reject: (error: Error) => void }>();

function begin(): Worker {
  const made = new Worker(new URL("./flow.worker.ts", import.meta.url), { type: "module" });
  made.addEventListener("message", (event: MessageEvent<{ id: number; answer: { error?: string } }>) => {
    const { id, answer } = event.data;
    const who = waiting.get(id);
    waiting.delete(id);
    if (answer.error !== undefined) who?.reject(new Error(answer.error));
    else who?.resolve(answer as never);
  });
  made.addEventListener("error", () => {
    for (const who of waiting.values()) who.reject(new Error("the checks of workflows cannot be loaded"));
    waiting.clear();
    worker = undefined;
  });
  return made;
}

export function askFlow<A extends keyof Answers>(ask: A, question: Record<string, unknown>): Promise<Answers[A]> {
  worker ??= begin();
  last += 1;
  const id = last;
  const answer = new Promise<Answers[A]>((resolve, reject) => waiting.set(id, { resolve, reject }));
  worker.postMessage({ id, question: { ask, ...question } });
  return answer;
}
