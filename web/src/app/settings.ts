/** What a person chose for this browser: colours and how things are shown. Kept in the browser alone. */
import { create } from "zustand";
import { persist } from "zustand/middleware";
import { nameOf, type Owner } from "./kept";

export type Theme = "system" | "light" | "dark";

interface Settings {
  theme: Theme;
  setTheme: (theme: Theme) => void;
  /** Inputs of earlier runs by owner and workflow, as `nameOf` names them, newest first. */
  inputs: Record<string, Array<{ at: string; input: Record<string, unknown> }>>;
  keepInput: (owner: Owner, workflow: string, input: Record<string, unknown>) => void;
  /** Lets the inputs go that somebody's runs had. */
  dropInputs: (owner: Owner) => void;
}

/** Inputs that are kept for one workflow, and workflows of which they are kept. */
const INPUTS_MAX = 5;
const WORKFLOWS_MAX = 50;

export const useSettings = create<Settings>()(
  persist(
    (set) => ({
      theme: "system",
      setTheme: (theme) => set({ theme }),
      inputs: {},
      keepInput: (owner, workflow, input) =>
        set(({ inputs }) => {
          const name = nameOf(owner, workflow);
          const text = JSON.stringify(input);
          const others = (inputs[name] ?? []).filter((known) => JSON.stringify(known.input) !== text);
          const kept = [{ at: new Date().toISOString(), input }, ...others].slice(0, INPUTS_MAX);
          const rest = Object.entries(inputs).filter(([other]) => other !== name);
          return { inputs: Object.fromEntries([[name, kept] as const, ...rest].slice(0, WORKFLOWS_MAX)) };
        }),
      dropInputs: (owner) =>
        set(({ inputs }) => ({
          inputs: Object.fromEntries(Object.entries(inputs).filter(([name]) => !name.startsWith(nameOf(owner, "")))),
        })),
    }),
    {
      name: "akao-console",
      partialize: ({ theme, inputs }) => ({ theme, inputs }),
      version: 1,
      // Earlier inputs did not say whose they are, and go.
      migrate: (before) => ({ theme: (before as Settings).theme, inputs: {} }),
    },
  ),
);

const DARK = "(prefers-color-scheme: dark)";

/** Whether the screen is dark now. */
export function isDark(theme: Theme): boolean {
  return theme === "dark" || (theme === "system" && globalThis.matchMedia?.(DARK).matches === true);
}

/** Holds the page's colours to the choice, and to the system's where that is the choice. */
export function applyTheme(): void {
  const apply = () => {
    document.documentElement.dataset["theme"] = isDark(useSettings.getState().theme) ? "dark" : "light";
  };
  apply();
  useSettings.subscribe(apply);
  matchMedia(DARK).addEventListener("change", apply);
}
