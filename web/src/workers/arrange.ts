/** Arranges the children of a graph by ELK, in a worker of its own; without it by ranks, so that a drawing is always there. */
import ELK, { type ELK as Elk, type ElkNode } from "elkjs/lib/elk-api.js";
import workerUrl from "elkjs/lib/elk-worker.min.js?url";
import { type Arrange, arrangeByRank, SIZE } from "../model/drawing";

/** Items beyond which an arrangement would take too long to wait for. */
const ITEMS_MAX = 400;

let elk: Elk | undefined;

export const arrange: Arrange = async (items, edges) => {
  if (edges.length === 0 || items.length > ITEMS_MAX) return arrangeByRank(items, edges);
  try {
    elk ??= new ELK({ workerUrl, workerFactory: (url?: string) => new Worker(url ?? workerUrl) });
    const found: ElkNode = await elk.layout({
      id: "graph",
      layoutOptions: {
        "elk.algorithm": "layered",
        "elk.direction": "RIGHT",
        "elk.spacing.nodeNode": "20",
        "elk.layered.spacing.nodeNodeBetweenLayers": String(SIZE.gapX),
        "elk.padding": "[top=0,left=0,bottom=0,right=0]",
        "elk.separateConnectedComponents": "false",
      },
      children: items.map((item) => ({ ...item })),
      edges: edges.map(([from, to]) => ({ id: `${from} ${to}`, sources: [from], targets: [to] })),
    });
    const places = new Map((found.children ?? []).map((child) => [child.id, { x: child.x ?? 0, y: child.y ?? 0 }]));
    return { places, width: found.width ?? 0, height: found.height ?? 0 };
  } catch {
    return arrangeByRank(items, edges);
  }
};
