/** The rest of a list: more when it is asked for. */
import { Button } from "./controls";
import { layout } from "./layout";

interface Paged {
  hasNextPage: boolean;
  isFetchingNextPage: boolean;
  fetchNextPage: () => unknown;
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
