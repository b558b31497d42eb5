/** How packages are, in colour and words. */
import type { Package } from "../api/schema";
import type { Tone } from "../ui/controls";

export const HEALTH: Record<Package["health"], { tone: Tone; words: string }> = {
  ready: { tone: "success", words: "Its processes answer." },
  idle: { tone: "idle", words: "Nothing of it runs now; it is started when a step needs it." },
  unwell: { tone: "waiting", words: "A process of it does not answer as it should; another one is started." },
  failing: { tone: "failure", words: "Its last processes or starts failed; the next step tries again." },
  stopped: { tone: "failure", words: "It ended too often and is not started any more." },
};
