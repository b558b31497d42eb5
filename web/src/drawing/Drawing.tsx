/** The drawing of a workflow, with the state of an execution where there is one. What stands where is decided in `model/`. */
import {
  Background,
  BaseEdge,
  type Edge,
  EdgeLabelRenderer,
  type EdgeProps,
  getBezierPath,
  Handle,
  type Node,
  type NodeProps,
  Position,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
} from "@xyflow/react";
import { createContext, memo, useContext, useEffect, useMemo, useRef, useState } from "react";
import "@xyflow/react/dist/base.css";
import { type Stops, stopWords } from "../model/breakpoints";
import { type Card, type Layout, layout, type Move, type Plan, SIZE, step } from "../model/drawing";
import type { PlaceState } from "../model/run";
import { Button, STATES } from "../ui/controls";
import controls from "../ui/controls.module.css";
import { Icon, type IconName } from "../ui/icons";
import { Loading } from "../ui/layout";
import { useAhead } from "../ui/useAhead";
import { arrange } from "../workers/arrange";
import css from "./drawing.module.css";

/** What changes while the drawing stays: states, the selection, breakpoints. */
export interface Overlay {
  places: ReadonlyMap<string, PlaceState> | undefined;
  selected: string | undefined;
  /** Where it stops; absent where nothing runs. */
  stops?: Stops;
  /** Sets or clears a breakpoint on the way from one node to another; absent where nobody may. */
  onWay?: ((from: string, to: string) => void) | undefined;
}

const NOTHING: Overlay = { places: undefined, selected: undefined };
const OverlayContext = createContext<Overlay & { plan?: Plan }>(NOTHING);

const KIND_ICONS: Record<Card["kind"], IconName> = {
  composite: "workflows",
  decorator: "roles",
  waiting: "clock",
  leaf: "nodes",
  package: "nodes",
};

/**
 * The keys that the drawing would listen for on the whole page. It keeps what it hears, Space and Backspace among it, and the
 * editor beside it is no element that it knows as one for texts.
 */
const NO_KEYS = {
  deleteKeyCode: null,
  selectionKeyCode: null,
  multiSelectionKeyCode: null,
  panActivationKeyCode: null,
  zoomActivationKeyCode: null,
};

const KEYS: Record<string, Move> = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right" };

const CardNode = memo(function CardNode({ data }: NodeProps<Node<{ card: Card }>>) {
  const { places, selected, stops, plan } = useContext(OverlayContext);
  const { card } = data;
  const state = places?.get(card.place);
  const look = state ? STATES[state.status] : undefined;
  const stop = stops?.get(card.place);
  return (
    <div className={css.card} data-kind={card.kind} data-tone={look?.tone} data-selected={selected === card.place}>
      <Handle type="target" position={Position.Left} className={css.handle} isConnectable={false} />
      {card.role && <span className={css.role}>{card.role}</span>}
      {card.badges.length > 0 && (
        <span className={css.badges}>
          {card.badges.map((badge) => (
            <span key={badge} className={css.badge}>
              {badge}
            </span>
          ))}
        </span>
      )}
      {stop && plan && (
        <span className={css.break} data-always={stop.every !== undefined} title={stopWords(plan, stop).join(", ")} />
      )}
      <span className={css.sign} data-tone={look?.tone}>
        <Icon
          name={look?.icon ?? KIND_ICONS[card.kind]}
          size={13}
          className={state?.status === "running" ? controls.spin : undefined}
        />
      </span>
      <span className={css.words}>
        <span className={css.title}>{card.title}</span>
        <span className={css.note}>
          {card.title === card.type ? card.note || card.kind : `${card.type}${card.note ? ` · ${card.note}` : ""}`}
        </span>
      </span>
      {state && state.runs > 1 && <span className={css.runs}>{state.runs}×</span>}
      <Handle type="source" position={Position.Right} className={css.handle} isConnectable={false} />
    </div>
  );
});

const FrameNode = memo(function FrameNode({ data }: NodeProps<Node<{ width: number; height: number }>>) {
  return (
    <div className={css.group} style={{ width: data.width, height: data.height }}>
      <Handle
        type="target"
        position={Position.Left}
        className={css.handle}
        isConnectable={false}
        style={{ top: SIZE.height / 2 }}
      />
    </div>
  );
});

/** The way from what a node needs to the node. What stops on it is seen, and can be set when one of both is chosen. */
const WayEdge = memo(function WayEdge({ source, target, style, ...ends }: EdgeProps) {
  const { selected, stops, plan, onWay } = useContext(OverlayContext);
  const [path, x, y] = getBezierPath(ends);
  const isSet = stops?.get(target)?.from.has(source) ?? false;
  const isNear = selected === source || selected === target;
  const title = (place: string) => plan?.cards.get(place)?.title ?? place;
  const label = `Break on the way from ${title(source)} to ${title(target)}`;
  return (
    <>
      <BaseEdge path={path} style={{ ...style, ...(isSet ? { stroke: "var(--danger)" } : {}) }} interactionWidth={16} />
      {(isSet || (isNear && onWay)) && (
        <EdgeLabelRenderer>
          <button
            type="button"
            className={`nodrag nopan ${css.way}`}
            style={{ transform: `translate(-50%, -50%) translate(${x}px, ${y}px)` }}
            aria-label={label}
            aria-pressed={isSet}
            title={label}
            disabled={!onWay}
            onClick={() => onWay?.(source, target)}
          />
        </EdgeLabelRenderer>
      )}
    </>
  );
});

const TYPES = { card: CardNode, frame: FrameNode };
const EDGE_TYPES = { way: WayEdge };

function nodesOf(plan: Plan, laid: Layout): Node[] {
  const frames = laid.frames.map((frame) => ({
    id: `${frame.place} frame`,
    type: "frame",
    position: { x: frame.x, y: frame.y },
    width: frame.width,
    height: frame.height,
    data: { width: frame.width, height: frame.height },
    selectable: false,
    zIndex: -1,
  }));
  const cards = laid.boxes.flatMap((box) => {
    const card = plan.cards.get(box.place);
    if (!card) return [];
    const { x, y } = box;
    return [
      { id: box.place, type: "card", position: { x, y }, width: SIZE.width, height: SIZE.height, data: { card } },
    ];
  });
  return [...frames, ...cards];
}

function edgesOf(laid: Layout): Edge[] {
  return laid.lines.map((line) => ({
    id: `${line.from} ${line.to}`,
    source: line.from,
    target: line.to,
    type: line.kind === "child" ? "smoothstep" : "way",
    style: {
      stroke: line.kind === "child" ? "var(--border-strong)" : "var(--accent)",
      strokeWidth: line.kind === "child" ? 1 : 1.5,
    },
    focusable: false,
  }));
}

export interface DrawingProps {
  plan: Plan;
  overlay?: Overlay;
  label: string;
  onSelect: (place: string) => void;
}

export function Drawing(props: DrawingProps) {
  return (
    <ReactFlowProvider>
      <Canvas {...props} />
    </ReactFlowProvider>
  );
}

function Canvas({ plan, overlay = NOTHING, label, onSelect }: DrawingProps) {
  const laid = useLaid(plan);
  const flow = useReactFlow();
  const canvas = useRef<HTMLDivElement>(null);
  const nodes = useMemo(() => (laid ? nodesOf(laid.plan, laid.layout) : []), [laid]);
  const edges = useMemo(() => (laid ? edgesOf(laid.layout) : []), [laid]);
  const context = useMemo(() => ({ ...overlay, plan }), [overlay, plan]);
  const selected = overlay.selected;
  const reduced = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const ahead = useAhead(selected);
  useEffect(() => {
    // Whoever goes on by keys sees where it is.
    const node = selected ? flow.getNode(selected) : undefined;
    const view = canvas.current?.getBoundingClientRect();
    if (!node || !view) return;
    const at = flow.flowToScreenPosition(node.position);
    const { zoom } = flow.getViewport();
    const inside =
      at.x >= view.left &&
      at.y >= view.top &&
      at.x + SIZE.width * zoom <= view.right &&
      at.y + SIZE.height * zoom <= view.bottom;
    if (!inside) {
      void flow.setCenter(node.position.x + SIZE.width / 2, node.position.y + SIZE.height / 2, {
        zoom: Math.max(zoom, 0.6),
        duration: reduced ? 0 : 200,
      });
    }
  }, [selected, flow, reduced]);
  if (!laid) return <Loading label="Arranging the drawing" />;
  const card = selected ? plan.cards.get(selected) : undefined;
  const state = selected ? overlay.places?.get(selected) : undefined;
  const stop = selected ? overlay.stops?.get(selected) : undefined;
  return (
    <div className={css.frame}>
      {/* biome-ignore lint/a11y/useSemanticElements: a drawing with keys of its own has no element of HTML. */}
      <div
        ref={canvas}
        className={css.canvas}
        role="group"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: arrows lead through the drawing; the same is in the outline.
        tabIndex={0}
        aria-roledescription="drawing"
        aria-label={`${label}. ${plan.cards.size} nodes. Arrows lead from node to node; the outline says the same in words.`}
        onKeyDown={(event) => {
          const move = KEYS[event.key];
          if (!move) return;
          event.preventDefault();
          const from = ahead.latest();
          const to = from ? step(plan, from, move) : plan.root;
          ahead.note(to);
          onSelect(to);
        }}
      >
        <OverlayContext.Provider value={context}>
          <ReactFlow
            className={css.flow}
            nodes={nodes}
            edges={edges}
            nodeTypes={TYPES}
            edgeTypes={EDGE_TYPES}
            onNodeClick={(_, node) => node.type === "card" && onSelect(node.id)}
            onEdgeClick={(_, edge) => edge.type === "way" && onSelect(edge.target)}
            nodesDraggable={false}
            nodesConnectable={false}
            nodesFocusable={false}
            edgesFocusable={false}
            elementsSelectable={false}
            disableKeyboardA11y
            {...NO_KEYS}
            onlyRenderVisibleElements
            onInit={(made) => void made.setViewport(firstView(laid.layout, canvas.current, selected))}
            minZoom={0.05}
            maxZoom={2}
            proOptions={{ hideAttribution: true }}
          >
            <Background gap={20} size={1} color="var(--border)" />
          </ReactFlow>
        </OverlayContext.Provider>
      </div>
      <div className={css.tools}>
        <Button look="quiet" small icon="plus" aria-label="Larger" onClick={() => void flow.zoomIn()} />
        <Button look="quiet" small icon="skip" aria-label="Smaller" onClick={() => void flow.zoomOut()} />
        <Button look="quiet" small onClick={() => void flow.fitView({ padding: 0.08, maxZoom: 1 })}>
          Fit
        </Button>
      </div>
      <div className="visually-hidden" aria-live="polite">
        {card &&
          [
            card.title,
            card.type,
            ...(state ? [STATES[state.status]?.word ?? state.status] : []),
            ...(stop ? stopWords(plan, stop) : []),
          ].join(", ")}
      </div>
    </div>
  );
}

/** Smallest size at which texts are read without effort, and the room around the drawing. */
const READABLE = 0.72;
const ROOM = 24;

/** All of the drawing where it can be read so; otherwise the node that is chosen, or the beginning. */
function firstView(
  laid: Layout,
  canvas: HTMLElement | null,
  selected: string | undefined,
): { x: number; y: number; zoom: number } {
  const width = canvas?.clientWidth ?? 800;
  const height = canvas?.clientHeight ?? 500;
  const fits = Math.min((width - 2 * ROOM) / laid.width, (height - 2 * ROOM) / laid.height);
  const zoom = Math.min(1, Math.max(READABLE, fits));
  const middle = (room: number, size: number) => Math.max(ROOM, (room - size * zoom) / 2);
  const chosen = fits < zoom ? laid.boxes.find((box) => box.place === selected) : undefined;
  if (chosen) {
    const centre = (room: number, at: number, size: number) => Math.min(ROOM, room / 2 - (at + size / 2) * zoom);
    return { x: centre(width, chosen.x, SIZE.width), y: centre(height, chosen.y, SIZE.height), zoom };
  }
  return { x: middle(width, laid.width), y: Math.min(middle(height, laid.height), height / 4), zoom };
}

/** The plan with its layout; the one before stays until the new one is there. */
function useLaid(plan: Plan): { plan: Plan; layout: Layout } | undefined {
  const [laid, setLaid] = useState<{ plan: Plan; layout: Layout }>();
  useEffect(() => {
    let current = true;
    void layout(plan, arrange).then((layout) => current && setLaid({ plan, layout }));
    return () => {
      current = false;
    };
  }, [plan]);
  return laid;
}
