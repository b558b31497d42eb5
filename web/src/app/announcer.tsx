/** Words for whoever cannot see that something happened, and a short note for whoever can. */
import { create } from "zustand";
import { Icon } from "../ui/icons";
import css from "./shell.module.css";

interface Announcement {
  id: number;
  text: string;
  bad: boolean;
}

const useAnnouncements = create<{ shown: Announcement[] }>(() => ({ shown: [] }));
let last = 0;

/** How long a note stays, in milliseconds. */
const STAYS_MS = 5_000;

export function announce(text: string, bad = false): void {
  last += 1;
  const id = last;
  useAnnouncements.setState(({ shown }) => ({ shown: [...shown.slice(-2), { id, text, bad }] }));
  setTimeout(
    () => useAnnouncements.setState(({ shown }) => ({ shown: shown.filter((one) => one.id !== id) })),
    STAYS_MS,
  );
}

export function Announcer() {
  const shown = useAnnouncements((state) => state.shown);
  return (
    <div className={css.announcer} role="status" aria-live="polite">
      {shown.map((one) => (
        <div key={one.id} className={css.announcement} data-bad={one.bad || undefined}>
          <Icon name={one.bad ? "warning" : "check"} />
          {one.text}
        </div>
      ))}
    </div>
  );
}
