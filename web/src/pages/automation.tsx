/** What schedules, hooks and webhooks have in common: they go on or rest, are taken away, and two of them have secrets. */
import { useState } from "react";
import { ask, Refusal } from "../api/client";
import { useChange } from "../app/useChange";
import { Badge, type Tone } from "../ui/controls";
import { Confirm, ShownOnce } from "../ui/dialogs";
import { Act } from "../ui/Listing";
import { sentence } from "../ui/layout";

/** A kind by its name in addresses, which is the key of what was read of it too. */
export type Kind = "schedules" | "hooks" | "webhooks";

export interface One {
  kind: Kind;
  id: string;
  name: string;
}

const TONES: Record<string, Tone> = { active: "success", paused: "paused" };

export function State({ state, reason }: { state: string; reason: string | null }) {
  return (
    <span title={reason ?? undefined}>
      <Badge tone={TONES[state] ?? "failure"} icon={state === "active" ? "check" : "pause"}>
        {state}
      </Badge>
      {reason && <span className="visually-hidden"> {reason}</span>}
    </span>
  );
}

/** What can be done with each kind, and by which name its id stands in the address. */
const DOES = {
  schedules: {
    param: "schedule",
    pause: "POST /api/v1/schedules/{schedule}/pause",
    resume: "POST /api/v1/schedules/{schedule}/resume",
    remove: "DELETE /api/v1/schedules/{schedule}",
  },
  hooks: {
    param: "hook",
    pause: "POST /api/v1/hooks/{hook}/pause",
    resume: "POST /api/v1/hooks/{hook}/resume",
    remove: "DELETE /api/v1/hooks/{hook}",
  },
  webhooks: {
    param: "webhook",
    pause: "POST /api/v1/webhooks/{webhook}/pause",
    resume: "POST /api/v1/webhooks/{webhook}/resume",
    remove: "DELETE /api/v1/webhooks/{webhook}",
  },
} as const;

/** Where one of them is. */
function pathOf({ kind, id }: One): Record<string, string> {
  return { [DOES[kind].param]: id };
}

const ROTATE = {
  hooks: "POST /api/v1/hooks/{hook}/rotate",
  webhooks: "POST /api/v1/webhooks/{webhook}/rotate",
} as const;

/** Pauses what is active, and resumes what is not. */
export function Turn({ one, state }: { one: One; state: string }) {
  const word = state === "active" ? "Pause" : "Resume";
  const turn = useChange({
    ask: () => ask(DOES[one.kind][state === "active" ? "pause" : "resume"], { path: pathOf(one) }),
    said: () => `${one.name}: done.`,
    stale: [[one.kind]],
  });
  return <Act word={word} whole={`${word} ${one.name}`} onAct={() => turn.mutate()} />;
}

/** Takes one away, when that is confirmed. */
export function Remove({ one, what }: { one: One; what: string }) {
  const [asked, setAsked] = useState(false);
  const remove = useChange({
    ask: () => ask(DOES[one.kind].remove, { path: pathOf(one) }),
    said: () => `${one.name} is gone.`,
    stale: [[one.kind]],
    done: () => setAsked(false),
    quiet: true,
  });
  return (
    <>
      <Act word="Remove" whole={`Remove ${one.name}`} onAct={() => setAsked(true)} />
      {asked && (
        <Confirm
          title={`Remove ${one.name}?`}
          act="Remove"
          doing={remove}
          onAct={() => remove.mutate()}
          onClose={() => setAsked(false)}
        >
          {what}
        </Confirm>
      )}
    </>
  );
}

/** Gives one a new secret; where the one before still counts, only when it is said that it ends. */
export function Rotate({ one }: { one: One & { kind: keyof typeof ROTATE } }) {
  const rotate = useChange({
    ask: (ends: boolean) => ask(ROTATE[one.kind], { path: pathOf(one), body: ends ? { replace_old: true } : {} }),
    stale: [[one.kind]],
    quiet: true,
  });
  const { error } = rotate;
  const stillCounts = error instanceof Refusal && error.code === "conflict";
  return (
    <>
      <Act word="New secret" whole={`New secret of ${one.name}`} onAct={() => rotate.mutate(false)} />
      {error && (
        <Confirm
          title={`New secret of ${one.name}`}
          act={stillCounts ? "End it now" : "Try again"}
          doing={stillCounts ? { isPending: rotate.isPending, error: null } : rotate}
          onAct={() => rotate.mutate(stillCounts)}
          onClose={() => rotate.reset()}
        >
          {stillCounts &&
            `${sentence(error.message)} With another new secret it ends now; the present one counts for a day.`}
        </Confirm>
      )}
      {rotate.data && (
        <ShownOnce title={one.name} text={rotate.data.secret} copy="Copy the secret" onClose={() => rotate.reset()}>
          The new secret. It is shown once; the one before counts for a day.
        </ShownOnce>
      )}
    </>
  );
}
