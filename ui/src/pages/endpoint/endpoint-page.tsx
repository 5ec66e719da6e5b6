import { useEffect, useState } from "preact/hooks";
import { bytes, figure } from "../../../../operator/cli/terminal/units.ts";
import type { EndpointMetrics } from "../../../../operator/ui-server/contract.ts";
import { usePage } from "../../context.ts";
import { t } from "../../language/language.ts";
import { type AnyObject, identityOf, type Shown } from "../../objects/objects.ts";
import { referencesOf } from "../../objects/references.ts";
import { StateBadge } from "../../parts/badge.tsx";
import { Digest, Facts, Panel } from "../../parts/facts.tsx";
import { ObjectLink } from "../../parts/object-link.tsx";
import { Answered, Empty } from "../../parts/states.tsx";
import { useAnswer } from "../../use-answer.ts";
import { answered, generated, quantile, type Reading, rate, total } from "./endpoint-metrics.ts";

/** How an endpoint stands: replicas, what is rolled out, what had to pass first, how fast it answers. */
export function EndpointPage({ object, identity }: Shown) {
  const { status = {}, spec } = object;
  return (
    <div class="panels">
      <Panel title={t("rollout")}>
        <Facts
          rows={[
            [t("fact.url"), status.url && <code class="whole">{status.url}</code>],
            [t("fact.replicas"), `${status.readyReplicas ?? 0} / ${String(spec.replicas ?? 1)}`],
            [t("served"), status.served && <Digest digest={status.served.digest} />],
            [t("rollingOut"), status.rollingOut && <Digest digest={status.rollingOut.digest} />],
            [t("fact.context"), String(spec.contextLength ?? status.served?.contextLength ?? "")],
            [t("fact.memory"), status.plan?.memoryPerRankBytes && bytes(status.plan.memoryPerRankBytes)],
          ]}
        />
        <Replicas ready={status.readyReplicas ?? 0} wanted={Number(spec.replicas ?? 1)} />
      </Panel>
      <Gates object={object} />
      <Speed namespace={identity.namespace} name={identity.name} ready={(status.readyReplicas ?? 0) > 0} />
    </div>
  );
}

function Replicas({ ready, wanted }: { ready: number; wanted: number }) {
  if (wanted === 0) return null;
  return (
    <div class="replicas" role="img" aria-label={t("replicas.of", { ready, wanted })}>
      {Array.from({ length: Math.min(64, Math.max(ready, wanted)) }, (_, index) => (
        <span key={index} class={index < ready ? "ready" : ""} />
      ))}
    </div>
  );
}

function Gates({ object }: { object: AnyObject }) {
  const { store } = usePage();
  const gates = referencesOf(object).filter(({ role }) => role === "gate");
  const objects = store.objects.value;
  return (
    <Panel title={t("gates")}>
      {gates.length === 0 ? (
        <Empty>{t("gates.none")}</Empty>
      ) : (
        <ul class="plain">
          {gates.map((gate) => {
            const evaluation = objects.get(`${gate.kind}/${gate.namespace}/${gate.name}`);
            const passed = evaluation?.status?.passed;
            return (
              <li key={gate.name}>
                <ObjectLink identity={gate} /> {evaluation && <StateBadge object={evaluation} />}{" "}
                {evaluation === undefined
                  ? t("missing")
                  : passed === undefined
                    ? t("passed.none")
                    : t(passed ? "passed.yes" : "passed.no")}
              </li>
            );
          })}
        </ul>
      )}
    </Panel>
  );
}

/** Asked again every 5 s while somebody looks. */
function Speed({ namespace, name, ready }: { namespace: string; name: string; ready: boolean }) {
  const [version, setVersion] = useState(0);
  useEffect(() => {
    if (!ready) return;
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") setVersion((before) => before + 1);
    }, 5000);
    return () => clearInterval(timer);
  }, [ready]);
  const path = ready
    ? `/api/endpoints/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}/metrics`
    : undefined;
  const answer = useAnswer<EndpointMetrics>(path, { version });
  const values = answer.state === "ready" ? answer.value.values : undefined;
  const [[before, last], setReadings] = useState<readonly [Reading?, Reading?]>([]);
  useEffect(() => {
    if (values) setReadings(([, previous]) => [previous, { at: Date.now(), values }]);
  }, [values]);
  return (
    <Panel title={t("speed")}>
      {ready ? (
        <Answered answer={answer} none={t("speed.none")}>
          {({ values }) => (
            <SpeedFacts
              values={values}
              tokensPerSecond={rate(generated, before, last)}
              requestsPerSecond={rate(answered, before, last)}
            />
          )}
        </Answered>
      ) : (
        <Empty>{t("speed.notReady")}</Empty>
      )}
    </Panel>
  );
}

const seconds = (value: number | undefined) =>
  value === undefined ? "–" : value < 1 ? `${Math.round(1000 * value)} ms` : `${value.toFixed(2)} s`;

function SpeedFacts({
  values,
  tokensPerSecond,
  requestsPerSecond,
}: {
  values: EndpointMetrics["values"];
  tokensPerSecond: number | undefined;
  requestsPerSecond: number | undefined;
}) {
  const first = "tanren_serve_time_to_first_token_seconds";
  const between = "tanren_serve_inter_token_latency_seconds";
  const cache = total(values, "tanren_serve_kv_cache_usage_ratio");
  const plain = (value: number | undefined) => (value === undefined ? undefined : figure(value));
  const perSecond = (value: number | undefined) => (value === undefined ? "–" : value.toFixed(1));
  return (
    <>
      <table class="quantiles">
        <caption class="visually-hidden">{t("speed")}</caption>
        <thead>
          <tr>
            <td />
            <th scope="col">p50</th>
            <th scope="col">p90</th>
            <th scope="col">p99</th>
          </tr>
        </thead>
        <tbody>
          {[
            [t("speed.first"), first],
            [t("speed.between"), between],
          ].map(([label = "", name = ""]) => (
            <tr key={name}>
              <th scope="row">{label}</th>
              {[0.5, 0.9, 0.99].map((share) => (
                <td key={share} class="numeric">
                  {seconds(quantile(values, name, share))}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <Facts
        rows={[
          [t("speed.tokenRate"), perSecond(tokensPerSecond)],
          [t("speed.requestRate"), perSecond(requestsPerSecond)],
          [t("speed.running"), plain(total(values, "tanren_serve_requests_running"))],
          [t("speed.waiting"), plain(total(values, "tanren_serve_requests_waiting"))],
          [t("speed.requests"), plain(answered(values))],
          [t("speed.tokens"), plain(generated(values))],
          [t("speed.cache"), cache === undefined ? undefined : `${(100 * cache).toFixed(1)} %`],
        ]}
      />
    </>
  );
}

/** Endpoints that a conversation can be laid beside. */
export const endpointsOf = (objects: Iterable<AnyObject>) =>
  [...objects].flatMap((object) => {
    const identity = identityOf(object);
    return identity?.kind === "InferenceDeployment" ? [identity] : [];
  });
