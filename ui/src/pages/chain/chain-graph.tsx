import { age } from "../../../../operator/cli/terminal/units.ts";
import { now } from "../../context.ts";
import { t } from "../../language/language.ts";
import type { Chain, ChainEdge, ChainNode } from "../../objects/chains.ts";
import { type AnyObject, addressOf, identityOf, rootCondition } from "../../objects/objects.ts";
import { menderOf, percentOf, phaseOf } from "../../objects/phase.ts";
import { StateBadge } from "../../parts/badge.tsx";
import { Digest } from "../../parts/facts.tsx";
import { ProgressBar } from "../../parts/progress-bar.tsx";

/** One chain as a graph; boxes are a list in the order of the chain for whoever cannot see the lines. */

const box = { width: 236, height: 132, columnGap: 56, rowGap: 20 };

const left = (column: number) => column * (box.width + box.columnGap);
const top = (row: number) => row * (box.height + box.rowGap);

export function ChainGraph({ chain }: { chain: Chain }) {
  const width = left(chain.columns) - box.columnGap;
  const height = top(chain.rows) - box.rowGap;
  const places = new Map(chain.nodes.map((node) => [node.key, node]));
  const label = t("chain.of", { name: chain.nodes[0]?.key.split("/").slice(1).join("/") ?? "" });
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="chain" tabIndex={0} aria-label={label}>
      <h2 class="visually-hidden">{label}</h2>
      <div class="chain-space" style={{ width: `${width}px`, height: `${height}px` }}>
        <svg width={width} height={height} aria-hidden="true">
          {chain.edges.map((edge) => (
            <Edge key={`${edge.from} ${edge.to} ${edge.role}`} edge={edge} places={places} />
          ))}
        </svg>
        <ol>
          {chain.nodes.map((node) => (
            <li
              key={node.key}
              style={{
                left: `${left(node.column)}px`,
                top: `${top(node.row)}px`,
                width: `${box.width}px`,
                height: `${box.height}px`,
              }}
            >
              {node.object ? (
                <Box object={node.object} edges={chain.edges} node={node} />
              ) : (
                <Missing node={node} />
              )}
            </li>
          ))}
        </ol>
      </div>
    </section>
  );
}

function Edge({ edge, places }: { edge: ChainEdge; places: ReadonlyMap<string, ChainNode> }) {
  const [from, to] = [places.get(edge.from), places.get(edge.to)];
  if (from === undefined || to === undefined) return null;
  const x1 = left(from.column) + box.width;
  const y1 = top(from.row) + box.height / 2;
  const x2 = left(to.column);
  const y2 = top(to.row) + box.height / 2;
  const bend = box.columnGap * 0.8;
  const path =
    x2 > x1
      ? `M ${x1} ${y1} C ${x1 + bend} ${y1}, ${x2 - bend} ${y2}, ${x2} ${y2}`
      : `M ${x1} ${y1} C ${x1 + 3 * bend} ${y1 + 60}, ${x2 - 3 * bend} ${y2 + 60}, ${x2} ${y2}`;
  const classes = ["edge", edge.outdated && "outdated", edge.role === "gate" && "gate"].filter(Boolean);
  return <path class={classes.join(" ")} d={path} />;
}

function Box({ object, node, edges }: { object: AnyObject; node: ChainNode; edges: readonly ChainEdge[] }) {
  const identity = identityOf(object);
  const phase = phaseOf(object);
  const percent = percentOf(object);
  const mender = menderOf(object);
  const { progress, artifact, served, url, readyReplicas } = object.status ?? {};
  const message = rootCondition(object)?.message;
  const outdated = edges.some((edge) => edge.to === node.key && edge.outdated);
  const digest = artifact?.digest ?? served?.digest;
  return (
    <a class={`box ${phase}`} href={identity && addressOf(identity)}>
      <span class="box-head">
        <span class="kind">{object.kind}</span>
        <span class="age">{age(object.metadata.creationTimestamp, now.value)}</span>
      </span>
      <span class="box-name">{object.metadata.name}</span>
      <StateBadge object={object} />
      {phase === "running" && progress && (
        <span class="box-progress">
          {percent !== undefined && <ProgressBar percent={percent} />}
          <span>
            {progress.percent}
            {progress.eta && ` · ${t("left", { time: progress.eta })}`}
          </span>
        </span>
      )}
      {phase === "done" ? (
        <span class="box-about">
          {url ? t("replicas.ready", { ready: readyReplicas ?? 0 }) : digest && <Digest digest={digest} />}
          {outdated && <em class="warn">{t("outdated")}</em>}
        </span>
      ) : (
        <span class="box-about" title={message}>
          {mender ? t(`mender.${mender}`) : ""} {phase === "running" ? "" : message}
        </span>
      )}
    </a>
  );
}

function Missing({ node }: { node: ChainNode }) {
  const [kind, , name] = node.key.split("/");
  return (
    <span class="box missing">
      <span class="box-head">
        <span class="kind">{kind}</span>
      </span>
      <span class="box-name">{name}</span>
      <span class="box-about">{t("missing")}</span>
    </span>
  );
}
