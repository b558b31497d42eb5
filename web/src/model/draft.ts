/** A text that somebody wrote and has not saved, with the version that it was written upon. */

/** The latest version with its text, and the tag by which it is known that nobody was quicker. */
export interface Saved {
  source: string;
  tag: string | undefined;
  latest: string | undefined;
}

/** What was written, and what it began from: without that, it would pass for an edit of whatever is the latest by then. */
export interface Draft {
  text: string;
  base: Saved;
}

export interface Beginning extends Draft {
  /** What somebody else saved since the draft was begun. */
  conflict: Saved | undefined;
  restored: boolean;
}

/** Where editing begins: at what is saved, or at a draft, in conflict when it was begun from something else. */
export function begin(saved: Saved, draft: Draft | undefined): Beginning {
  if (draft === undefined || draft.text === saved.source) {
    return { text: saved.source, base: saved, conflict: undefined, restored: false };
  }
  const same = draft.base.tag === saved.tag;
  return {
    text: draft.text,
    base: same ? saved : draft.base,
    conflict: same ? undefined : saved,
    restored: true,
  };
}

/** What is left of a draft once a text was published: nothing, or what was written after it was sent. */
export function remaining(draft: Draft | undefined, published: Saved): Draft | undefined {
  return draft === undefined || draft.text === published.source ? undefined : { text: draft.text, base: published };
}
