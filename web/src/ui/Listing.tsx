/** A list of things as a table, with the states in which there is nothing to show, and the small buttons of its rows. */
import { type ReactNode, useState } from "react";
import { Button } from "./controls";
import type { IconName } from "./icons";
import { Empty, Loading, layout, Page, Panel, Table, Wrong } from "./layout";
import { More } from "./More";

/** What a question to the server knows about its answer; `next` where it comes by pages. */
interface Asked {
  isPending: boolean;
  error: unknown;
  data: unknown;
  refetch: () => unknown;
  hasNextPage?: boolean;
  isFetchingNextPage?: boolean;
  fetchNextPage?: () => unknown;
}

/** A column: its words, or its words for numbers, or nothing for what can be done with a row. */
export type Column = string | { numeric: string } | undefined;

export function Heads({ columns }: { columns: readonly Column[] }) {
  return columns.map((column, index) =>
    column === undefined ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: columns stay where they are.
      <th key={index} scope="col">
        <span className="visually-hidden">What can be done</span>
      </th>
    ) : typeof column === "string" ? (
      <th key={column} scope="col">
        {column}
      </th>
    ) : (
      <th key={column.numeric} scope="col" className={layout.numeric}>
        {column.numeric}
      </th>
    ),
  );
}

export function Listing<T>({
  label,
  list,
  items,
  columns,
  empty,
  children,
}: {
  label: string;
  list: Asked;
  items: readonly T[];
  columns: readonly Column[];
  empty: { icon: IconName; title: string; words?: ReactNode; action?: ReactNode };
  /** A row. */
  children: (item: T) => ReactNode;
}) {
  if (list.isPending) return <Loading />;
  if (list.error && !list.data) return <Wrong error={list.error} again={() => void list.refetch()} />;
  const { hasNextPage = false, isFetchingNextPage = false, fetchNextPage = () => {} } = list;
  return (
    <>
      {items.length === 0 ? (
        <Empty icon={empty.icon} title={empty.title} action={empty.action}>
          {empty.words}
        </Empty>
      ) : (
        <Table label={label} head={<Heads columns={columns} />}>
          {items.map(children)}
        </Table>
      )}
      <More list={{ hasNextPage, isFetchingNextPage, fetchNextPage }} />
    </>
  );
}

/** A page that is one list, perhaps with a button that makes another one of its things by a dialog. */
export function ListPage<T>({
  title,
  about,
  make,
  above,
  children,
  more,
  ...listing
}: {
  title: string;
  about: string;
  /** What the button says, and the dialog that it opens; nothing for whoever may not. */
  make?: { words: string; dialog: (close: () => void) => ReactNode } | undefined;
  /** What stands above the list, such as a search. */
  above?: ReactNode;
  /** What stands below it: further panels, and dialogs. */
  more?: ReactNode;
  children: (item: T) => ReactNode;
} & Omit<Parameters<typeof Listing<T>>[0], "children">) {
  const [making, setMaking] = useState(false);
  return (
    <Page
      title={title}
      about={about}
      actions={
        make && (
          <Button look="primary" icon="plus" onClick={() => setMaking(true)}>
            {make.words}
          </Button>
        )
      }
    >
      {above && <div className={layout.filters}>{above}</div>}
      <Panel flush>
        <Listing {...listing}>{children}</Listing>
      </Panel>
      {more}
      {making && make?.dialog(() => setMaking(false))}
    </Page>
  );
}

/** Everything that came of a list so far. */
export function itemsOf<T>(list: { data: { pages: ReadonlyArray<{ items: readonly T[] }> } | undefined }): T[] {
  return list.data?.pages.flatMap((page) => page.items) ?? [];
}

/** A small button of a row: what it does, and in full for whoever does not see the row. */
export function Act({ word, whole, onAct }: { word: string; whole: string; onAct: () => void }) {
  return (
    <Button small look="quiet" aria-label={whole} onClick={onAct}>
      {word}
    </Button>
  );
}
