/** The rest of a list: more when it is asked for. */
import { Button } from "./controls";
import { layout } from "./layout";

interface Paged {
  hasNextPage: boolean;
  isFetchingNextPage: boolean;
  fetchNextPage: () => unknown;
}

/** How many of a list that is there are shown, and a way to see more; nothing where all of them are. */
export function Rest({ shown, of, what, onMore }: { shown: number; of: number; what: string; onMore: () => void }) {
  if (shown >= of) return null;
  return (
    <div className={layout.more}>
      <span className={layout.dim}>
        {shown.toLocaleString()} of {of.toLocaleString()} {what}
      </span>{" "}
      <Button small look="quiet" onClick={onMore}>
        Show more
      </Button>
    </div>
  );
}

export function More({ list }: { list: Paged }) {
  if (!list.hasNextPage) return null;
  return (
    <div className={layout.more}>
      <Button look="quiet" busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
        Show more
      </Button>
    </div>
  );
}
