import { age } from "../../../../operator/cli/terminal/units.ts";
import { now } from "../../context.ts";
import { t } from "../../language/language.ts";
import type { Chain, ChainEdge, ChainNode } from "../../objects/chains.ts";
import { type AnyObject, addressOf, identityOf, rootCondition } from "../../objects/objects.ts";
import { menderOf, percentOf, phaseOf } from "../../objects/phase.ts";
import { StateBadge } from "../../parts/badge.tsx";
import { Digest } from "../../parts/facts.tsx";
import { ProgressBar } from "../../parts/progress-bar.tsx";
import { layoutOf } from "./chain-layout.ts";

/**
 * One chain as a graph within a width; boxes are a list in the order of the chain for whoever cannot see the lines,
 * and for whoever has no room for them.
 */
export function ChainGraph({ chain, width }: { chain: Chain; width: number }) {
  const layout = layoutOf(chain, width - 2 * padding);
  const label = t("chain.of", { name: chain.nodes[0]?.key.split("/").slice(1).join("/") ?? "" });
  return (
    <section class={`chain ${layout ? "drawn" : "stacked"}`} aria-label={label}>
      <h2 class="visually-hidden">{label}</h2>
      {layout ? (
        <div class="chain-space" style={{ width: `${layout.width}px`, height: `${layout.height}px` }}>
          <svg width={layout.width} height={layout.height} aria-hidden="true">
            {layout.lines.map(({ edge, path }) => (
              <path key={`${edge.from} ${edge.to} ${edge.role}`} class={classOf(edge)} d={path} />
            ))}
          </svg>
          <ol>
            {layout.boxes.map(({ node, left, top }) => (
              <li
                key={node.key}
                style={{
                  left: `${left}px`,
                  top: `${top}px`,
                  width: `${layout.box.width}px`,
                  height: `${layout.box.height}px`,
                }}
              >
                <Node node={node} edges={chain.edges} />
              </li>
            ))}
          </ol>
        </div>
      ) : (
        <ol>
          {chain.nodes.map((node) => (
            <li key={node.key}>
              <Node node={node} edges={chain.edges} />
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

/** As the style has it, with the border. */
const padding = 19;

const classOf = ({ outdated, role }: ChainEdge) =>
  ["edge", outdated && "outdated", role === "gate" && "gate"].filter(Boolean).join(" ");

function Node({ node, edges }: { node: ChainNode; edges: readonly ChainEdge[] }) {
  return node.object ? <Box object={node.object} edges={edges} node={node} /> : <Missing node={node} />;
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
      <span class="kind">{object.kind}</span>
      <span class="box-head">
        <span class="box-name">{object.metadata.name}</span>
        <span class="age">{age(object.metadata.creationTimestamp, now.value)}</span>
      </span>
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
      <span class="kind">{kind}</span>
      <span class="box-name">{name}</span>
      <span class="box-about">{t("missing")}</span>
    </span>
  );
}
