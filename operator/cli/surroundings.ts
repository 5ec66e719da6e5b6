import { z } from "zod";
import { keyOf } from "../cluster/object-key.ts";
import { claims } from "../cluster/resource.ts";
import { ownClaimName } from "../engine/names.ts";
import { batchKinds } from "../kinds/index.ts";
import type { Need } from "../kinds/needs.ts";
import { needsOf } from "../planning/manifests.ts";
import type { DataFound, Presence, Surroundings } from "../planning/surroundings.ts";
import type { AnyObject } from "./kinds.ts";
import { lookAtData } from "./manifests/data-files.ts";
import type { Manifest } from "./manifests/manifest.ts";
import type { Target } from "./target/target.ts";

/** What there is beside the manifests, as far as the target tells and this machine's files show. */
export async function lookAround(
  target: Target,
  manifests: readonly Manifest[],
  present: readonly AnyObject[],
): Promise<Surroundings> {
  const given = new Map(manifests.map(({ object }) => [nameOf(object.kind, object.metadata), object]));
  const made = ownClaims([...manifests.map(({ object }) => object), ...present]);
  const asked = new Map<string, Promise<Presence>>();
  const presences = new Map<string, Presence>();
  const data = new Map<string, DataFound>();
  const look = async (need: Need, namespace: string): Promise<void> => {
    const named = nameOf(need.kind, { namespace, name: need.name });
    if (!asked.has(named))
      asked.set(named, given.has(named) ? Promise.resolve("present") : target.presence(need, namespace));
    const presence = (await asked.get(named)) ?? "present";
    presences.set(named, presence === "absent" && made.has(named) ? "expected" : presence);
    if (need.data === undefined || target.claimDirectory === undefined || presence !== "present") return;
    const directory = await target.claimDirectory(namespace, need.name, given.get(named)?.metadata);
    data.set(placeOf(need, namespace), await lookAtData(directory, need.data));
  };
  const needs = manifests.flatMap(({ kind, object }) =>
    kind ? needsOf(object).map((need) => look(need, object.metadata.namespace)) : [],
  );
  await Promise.all(needs);
  return {
    mayCome: target.claimDirectory === undefined,
    data: (need, namespace) => data.get(placeOf(need, namespace)),
    presence: (need, namespace) =>
      presences.get(nameOf(need.kind, { namespace, name: need.name })) ?? "present",
  };
}

const nameOf = (kind: string, metadata: { namespace: string; name: string }) => `${kind} ${keyOf(metadata)}`;

const placeOf = ({ name, data }: Need, namespace: string) => JSON.stringify([namespace, name, data]);

interface Maker {
  kind: string;
  metadata: { namespace: string; name: string };
  spec?: unknown;
}

const NamesClaim = z.object({ storage: z.object({ claimName: z.string() }) });

/** Claims that the operator makes for runs. */
function ownClaims(objects: readonly Maker[]): Set<string> {
  const makers = objects.filter(
    ({ kind, spec }) =>
      batchKinds.some(({ definition }) => definition.resource.kind === kind) &&
      !NamesClaim.safeParse(spec).success,
  );
  return new Set(
    makers.map(({ kind, metadata: { namespace, name } }) =>
      nameOf(claims.kind, { namespace, name: ownClaimName(kind, name) }),
    ),
  );
}
