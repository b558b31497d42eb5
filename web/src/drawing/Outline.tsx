/** The same as the drawing in words, for screen readers and for whoever reads faster than looks. A tree by the usual keys. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { type CSSProperties, useEffect, useMemo, useRef, useState } from "react";
import { stopWords } from "../model/breakpoints";
import { type Card, outline, type Plan } from "../model/drawing";
import { Badge, Status } from "../ui/controls";
import { Icon } from "../ui/icons";
import { useAhead } from "../ui/useAhead";
import type { Overlay } from "./Drawing";
import css from "./drawing.module.css";

const ROW_HEIGHT = 34;

/** Which nodes are folded, and the rest in their order. */
function useFolding(plan: Plan) {
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  const cards = useMemo(() => outline(plan, folded), [plan, folded]);
  const fold = (place: string, closed: boolean) =>
    setFolded((before) => {
      const next = new Set(before);
      if (closed) next.add(place);
      else next.delete(place);
      return next;
    });
  return { cards, folded, fold };
}

type Folding = ReturnType<typeof useFolding>;

/** What a key does in the tree: the index of the card to go to, or nothing more; undefined for a key that is not the tree's. */
function press({ cards, folded, fold }: Folding, found: number, key: string): number | "done" | undefined {
  const at = Math.max(0, found);
  const card = cards[at];
  if (!card) return undefined;
  const closed = folded.has(card.place);
  const hasChildren = card.children.length > 0;
  const parent = cards.findIndex((one) => one.place === card.parent);
  switch (key) {
    case "ArrowDown":
      return found < 0 ? 0 : at + 1;
    case "ArrowUp":
      return at - 1;
    case "Home":
      return 0;
    case "End":
      return cards.length - 1;
    case "ArrowRight":
      if (closed) fold(card.place, false);
      return !closed && hasChildren ? at + 1 : "done";
    case "ArrowLeft":
      if (closed || !hasChildren) return parent >= 0 ? parent : "done";
      fold(card.place, true);
      return "done";
    default:
      return undefined;
  }
}

export function Outline({
  plan,
  overlay,
  label,
  onSelect,
}: {
  plan: Plan;
  overlay: Overlay;
  label: string;
  onSelect: (place: string) => void;
}) {
  const folding = useFolding(plan);
  const { cards } = folding;
  const scroll = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: cards.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 12,
  });
  const found = cards.findIndex((card) => card.place === overlay.selected);
  const ahead = useAhead(overlay.selected);
  useEffect(() => {
    if (found >= 0) rows.scrollToIndex(found);
  }, [found, rows]);
  const go = (index: number) => {
    const card = cards[Math.max(0, Math.min(cards.length - 1, index))];
    if (!card) return;
    ahead.note(card.place);
    onSelect(card.place);
  };
  const active = cards[Math.max(0, found)];
  return (
    <div className={css.frame}>
      <div
        ref={scroll}
        className={css.outline}
        role="tree"
        tabIndex={0}
        aria-label={label}
        aria-activedescendant={active ? `outline${active.place}` : undefined}
        onKeyDown={(event) => {
          const at = cards.findIndex((card) => card.place === ahead.latest());
          const to = press(folding, at, event.key);
          if (to === undefined) return;
          event.preventDefault();
          if (to !== "done") go(to);
        }}
      >
        <div style={{ height: rows.getTotalSize(), position: "relative" }} role="presentation">
          {rows.getVirtualItems().map((row) => {
            const card = cards[row.index];
            if (!card) return null;
            const style = { transform: `translateY(${row.start}px)`, paddingLeft: 8 + card.depth * 20 };
            return (
              <Item
                key={card.place}
                plan={plan}
                card={card}
                siblings={card.parent === undefined ? 1 : (plan.cards.get(card.parent)?.children.length ?? 1)}
                folding={folding}
                overlay={overlay}
                style={style}
                onSelect={() => onSelect(card.place)}
              />
            );
          })}
        </div>
      </div>
    </div>
  );
}

function Item({
  plan,
  card,
  siblings,
  folding,
  overlay,
  style,
  onSelect,
}: {
  plan: Plan;
  card: Card;
  siblings: number;
  folding: Folding;
  overlay: Overlay;
  style: CSSProperties;
  onSelect: () => void;
}) {
  const state = overlay.places?.get(card.place);
  const stop = overlay.stops?.get(card.place);
  const open = card.children.length > 0 ? !folding.folded.has(card.place) : undefined;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the tree around it has the keys.
    <div
      id={`outline${card.place}`}
      className={css.item}
      role="treeitem"
      tabIndex={-1}
      aria-level={card.depth + 1}
      aria-posinset={card.index + 1}
      aria-setsize={siblings}
      aria-expanded={open}
      aria-selected={overlay.selected === card.place}
      style={{ position: "absolute", insetInline: 0, top: 0, ...style }}
      onClick={onSelect}
    >
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: arrows fold and unfold. */}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the same is done by keys of the tree. */}
      <span
        className={css.fold}
        data-open={open}
        onClick={(event) => {
          if (open === undefined) return;
          event.stopPropagation();
          folding.fold(card.place, open);
        }}
      >
        {open !== undefined && <Icon name="chevron" size={12} />}
      </span>
      {card.role && <span className={css.badge}>{card.role}</span>}
      <strong>{card.title}</strong>
      {card.title !== card.type && <span>{card.type}</span>}
      <span className={css.itemNote}>{card.note}</span>
      {card.badges.map((badge) => (
        <span key={badge} className={css.badge}>
          {badge}
        </span>
      ))}
      {stop &&
        stopWords(plan, stop).map((words) => (
          <Badge key={words} tone="failure">
            {words}
          </Badge>
        ))}
      <span style={{ marginLeft: "auto", display: "flex", gap: 6, alignItems: "center" }}>
        {state && state.runs > 1 && <span className={css.itemNote}>{state.runs} runs</span>}
        {overlay.places && <Status status={state?.status ?? "pending"} />}
      </span>
    </div>
  );
}
