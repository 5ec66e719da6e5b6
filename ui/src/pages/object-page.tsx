import type { ComponentChildren } from "preact";
import { age } from "../../../operator/cli/terminal/units.ts";
import { now, usePage } from "../context.ts";
import { aboutReason, t } from "../language/language.ts";
import { type AnyObject, addressOf, type Identity, keyOf, kinds, rootCondition } from "../objects/objects.ts";
import { menderOf, percentOf, phaseOf, reasonOf } from "../objects/phase.ts";
import { StateBadge } from "../parts/badge.tsx";
import { ProgressBar } from "../parts/progress-bar.tsx";
import { Empty, Loading } from "../parts/states.tsx";
import { CorpusPage } from "./corpus/corpus-page.tsx";
import { ChatPage } from "./endpoint/chat-page.tsx";
import { EndpointPage } from "./endpoint/endpoint-page.tsx";
import { EvaluationPage } from "./evaluation/evaluation-page.tsx";
import { ItemsPage } from "./evaluation/items-page.tsx";
import { LineagePage } from "./lineage-page.tsx";
import { CurvesPage } from "./run/curves-page.tsx";
import { LogsPage } from "./run/logs-page.tsx";
import { PositionsPage } from "./run/positions-page.tsx";
import { RunPage } from "./run/run-page.tsx";
import { SpecPage } from "./spec-page.tsx";

/** One object: what it is, how it stands and who moves it, and below that its kind's own parts. */

const parts = ["", "curves", "positions", "items", "chat", "logs", "lineage", "spec"] as const;
type Part = (typeof parts)[number];

function partsOf(identity: Identity): readonly Part[] {
  switch (kinds[identity.kind].page) {
    case "corpus":
      return ["", "logs", "lineage", "spec"];
    case "run":
      return identity.kind === "ContextExtension"
        ? ["", "curves", "positions", "logs", "lineage", "spec"]
        : ["", "curves", "logs", "lineage", "spec"];
    case "evaluation":
      return ["", "items", "logs", "lineage", "spec"];
    case "endpoint":
      return ["", "chat", "lineage", "spec"];
  }
}

export function ObjectPage({ identity, part }: { identity: Identity; part: string }) {
  const { store } = usePage();
  const object = store.objects.value.get(keyOf(identity));
  if (object === undefined) {
    if (!store.synced.value) return <Loading />;
    return (
      <>
        <h1>
          {identity.kind} {identity.name}
        </h1>
        <Empty>{t("object.none", { namespace: identity.namespace })}</Empty>
      </>
    );
  }
  const own = partsOf(identity);
  const shown = own.find((one) => one === part);
  return (
    <article>
      <ObjectHead object={object} identity={identity} />
      <nav class="tabs" aria-label={t("parts")}>
        {own.map((one) => (
          <a key={one} href={addressOf(identity, one)} aria-current={one === shown ? "page" : undefined}>
            {one === "" ? t("part.overview") : t(`part.${one}`)}
          </a>
        ))}
      </nav>
      {shown === undefined ? <Empty>{t("unknownAddress")}</Empty> : contents(shown, object, identity)}
    </article>
  );
}

function contents(part: Part, object: AnyObject, identity: Identity): ComponentChildren {
  const shown = { object, identity };
  switch (part) {
    case "":
      return overview(object, identity);
    case "curves":
      return <CurvesPage key={keyOf(identity)} {...shown} />;
    case "positions":
      return <PositionsPage {...shown} />;
    case "items":
      return <ItemsPage key={keyOf(identity)} {...shown} />;
    case "chat":
      return <ChatPage key={keyOf(identity)} {...shown} />;
    case "logs":
      return <LogsPage key={keyOf(identity)} {...shown} />;
    case "lineage":
      return <LineagePage {...shown} />;
    case "spec":
      return <SpecPage {...shown} />;
  }
}

function overview(object: AnyObject, identity: Identity): ComponentChildren {
  const shown = { object, identity };
  switch (kinds[identity.kind].page) {
    case "corpus":
      return <CorpusPage {...shown} />;
    case "run":
      return <RunPage {...shown} />;
    case "evaluation":
      return <EvaluationPage {...shown} />;
    case "endpoint":
      return <EndpointPage {...shown} />;
  }
}

function ObjectHead({ object, identity }: { object: AnyObject; identity: Identity }) {
  const percent = percentOf(object);
  const { progress } = object.status ?? {};
  const mender = menderOf(object);
  const phase = phaseOf(object);
  const reason = aboutReason(reasonOf(object));
  return (
    <div class="object-head">
      <p class="crumbs">
        <a href={`#/?namespace=${encodeURIComponent(identity.namespace)}`}>{identity.namespace}</a> /{" "}
        {identity.kind}
      </p>
      <div class="page-head">
        <h1>{identity.name}</h1>
        <StateBadge object={object} />
        {object.metadata.deletionTimestamp && <span class="badge waiting">{t("deleting")}</span>}
        <span class="age">{t("created", { age: age(object.metadata.creationTimestamp, now.value) })}</span>
      </div>
      <p class="sentence">{rootCondition(object)?.message ?? t("unseen")}</p>
      {phase !== "done" && phase !== "running" && reason && <p class="about">{reason}</p>}
      {mender && (
        <p class="mender">
          <strong>{t("mender")}</strong>{" "}
          {t(`mender.${mender}.long`, { kind: identity.kind.toLowerCase(), name: identity.name })}
        </p>
      )}
      {phase === "running" && progress && percent !== undefined && (
        <div class="head-progress">
          <ProgressBar percent={percent} />
          <span>
            {progress.percent} · {progress.stage}
            {progress.total > 0 && ` · ${progress.unit} ${progress.step} / ${progress.total}`}
            {progress.eta && ` · ${t("left", { time: progress.eta })}`}
          </span>
        </div>
      )}
    </div>
  );
}
