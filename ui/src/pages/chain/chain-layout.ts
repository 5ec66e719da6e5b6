import type { Chain, ChainEdge, ChainNode } from "../../objects/chains.ts";

/**
 * Where the boxes and lines of a chain stand within a width. Boxes get narrower as far as they can be read; what
 * still does not fit beside each other goes on in a next band below, as text goes on in a next line.
 */
export interface ChainLayout {
  width: number;
  height: number;
  box: { width: number; height: number };
  boxes: { node: ChainNode; left: number; top: number }[];
  lines: { edge: ChainEdge; path: string }[];
}

const widest = 236;
const narrowest = 164;
const columnGap = 30;
const rowGap = 20;
const bandGap = 44;
const height = 148;
const radius = 8;
/** Between a box and a line that goes around it: the chain's own margin has room for it. */
const detour = 11;

/** Undefined where not even two boxes fit beside each other: then a chain is a list. */
export function layoutOf(chain: Chain, width: number): ChainLayout | undefined {
  const fit = Math.floor((width + columnGap) / (narrowest + columnGap));
  if (fit < 2 && chain.columns > 1) return undefined;
  const bands = Math.ceil(chain.columns / fit);
  const perBand = Math.ceil(chain.columns / bands);
  const boxWidth = Math.min(widest, Math.floor((width + columnGap) / perBand) - columnGap);
  const bandTops = topsOf(chain, perBand);
  const at = ({ column, row }: ChainNode) => ({
    left: (column % perBand) * (boxWidth + columnGap),
    top: (bandTops[Math.floor(column / perBand)] ?? 0) + row * (height + rowGap),
  });
  const places = new Map(chain.nodes.map((node) => [node.key, at(node)]));
  const boxes = chain.nodes.map((node) => ({ node, ...at(node) }));
  return {
    width: perBand * (boxWidth + columnGap) - columnGap,
    height: Math.max(...boxes.map(({ top }) => top)) + height,
    box: { width: boxWidth, height },
    boxes,
    lines: chain.edges.flatMap((edge) => {
      const [from, to] = [places.get(edge.from), places.get(edge.to)];
      return from && to ? [{ edge, path: pathBetween(from, to, boxWidth, isTaken(boxes, from, to)) }] : [];
    }),
  };
}

/** A band is as high as the lowest box in it; rows begin anew in each. */
function topsOf({ nodes, columns }: Chain, perBand: number): number[] {
  const rows = new Array<number>(Math.ceil(columns / perBand)).fill(1);
  for (const { column, row } of nodes) {
    const band = Math.floor(column / perBand);
    rows[band] = Math.max(rows[band] ?? 1, row + 1);
  }
  let top = 0;
  return rows.map((count) => {
    const here = top;
    top += count * (height + rowGap) - rowGap + bandGap;
    return here;
  });
}

interface Place {
  left: number;
  top: number;
}

/** Whether a box stands in the straight way from one to another in its row. */
const isTaken = (boxes: readonly Place[], from: Place, to: Place) =>
  from.top === to.top &&
  boxes.some(({ left, top }) => top === from.top && left > from.left && left < to.left);

function pathBetween(from: Place, to: Place, boxWidth: number, taken: boolean): string {
  const [x1, y1] = [from.left + boxWidth, from.top + height / 2];
  const [x2, y2] = [to.left, to.top + height / 2];
  if (x2 > x1 && !taken) {
    const bend = (x2 - x1) / 2;
    return `M ${x1} ${y1} C ${x1 + bend} ${y1}, ${x2 - bend} ${y2}, ${x2} ${y2}`;
  }
  // To another band, back, or past other boxes: through the space above the box that it leads to.
  const channel = to.top - (taken ? rowGap : bandGap) / 2;
  const [right, left] = [x1 + detour, x2 - detour];
  const down = channel > y1 ? radius : -radius;
  const along = left > right ? radius : -radius;
  return [
    `M ${x1} ${y1} H ${right - radius} Q ${right} ${y1}, ${right} ${y1 + down}`,
    `V ${channel - down} Q ${right} ${channel}, ${right + along} ${channel}`,
    `H ${left - along} Q ${left} ${channel}, ${left} ${channel + radius}`,
    `V ${y2 - radius} Q ${left} ${y2}, ${left + radius} ${y2} H ${x2}`,
  ].join(" ");
}
