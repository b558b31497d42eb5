/** Something that is changed at the server from a list or a dialog: said when it is done, said when it is refused, read again. */
import { type QueryKey, useMutation } from "@tanstack/react-query";
import { queries } from "../api/queries";
import { messageOf } from "../ui/layout";
import { announce } from "./announcer";

interface Change<In, Out> {
  /** What is asked. */
  ask: (given: In) => Promise<Out>;
  /** What is told when it is done. */
  said?: (given: In, answer: Out) => string;
  /** What was read before and is not true any more. */
  stale: readonly QueryKey[];
  done?: (answer: Out, given: In) => void;
  /** Whether a refusal is told here; a dialog shows it itself. */
  quiet?: boolean;
}

export function useChange<In = void, Out = unknown>({ ask, said, stale, done, quiet }: Change<In, Out>) {
  return useMutation<Out, Error, In>({
    mutationFn: ask,
    onSuccess: (answer, given) => {
      if (said) announce(said(given, answer));
      done?.(answer, given);
    },
    onError: (error) => {
      if (!quiet) announce(messageOf(error), true);
    },
    onSettled: () => {
      for (const queryKey of stale) void queries.invalidateQueries({ queryKey });
    },
  });
}
