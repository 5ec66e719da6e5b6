import { z } from "zod";
import { keyOf, kindKeyOf } from "../cluster/object-key.ts";
import { ForbiddenError } from "../cluster/port.ts";
import { claims } from "../cluster/resource.ts";
import { controllerUid, ownClaimName } from "../engine/names.ts";
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
  const ours = manifests.filter(({ kind }) => kind !== undefined).map(({ object }) => object);
  const made = new Set([...ours, ...present].flatMap((object) => ownClaim(object) ?? []).map(claimKey));
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
  await Promise.all(
    ours.flatMap((object) => needsOf(object).map((need) => look(need, object.metadata.namespace))),
  );
  const taken = await takenClaims(target, ours, present, given);
  return {
    mayCome: target.claimDirectory === undefined,
    machine: target.machine,
    takenClaim: (object) => taken.get(kindKeyOf(object)),
    data: (need, namespace) => data.get(placeOf(need, namespace)),
    presence: (need, namespace) =>
      presences.get(nameOf(need.kind, { namespace, name: need.name })) ?? "present",
  };
}

/** Names of claims that would be made for runs and are there without being theirs, by run. */
async function takenClaims(
  target: Target,
  runs: readonly Maker[],
  present: readonly AnyObject[],
  given: ReadonlyMap<string, unknown>,
): Promise<Map<string, string>> {
  const connection = await target.peek();
  const isTaken = async (run: Maker, { namespace, name }: Named): Promise<boolean> => {
    if (given.has(claimKey({ namespace, name }))) return true;
    const claim = await connection?.cluster.get(claims, namespace, name).catch((error: unknown) => {
      if (error instanceof ForbiddenError) return undefined;
      throw error;
    });
    const itself = present.find((one) => one.kind === run.kind && isSame(one.metadata, run.metadata));
    return claim !== undefined && controllerUid(claim) !== itself?.metadata.uid;
  };
  try {
    const all = await Promise.all(
      runs.map(async (run): Promise<[string, string][]> => {
        const claim = ownClaim(run);
        if (claim === undefined || !(await isTaken(run, claim))) return [];
        return [[kindKeyOf({ kind: run.kind, ...run.metadata }), claim.name]];
      }),
    );
    return new Map(all.flat());
  } finally {
    connection?.close();
  }
}

interface Named {
  namespace: string;
  name: string;
}

interface Maker {
  kind: string;
  metadata: Named;
  spec?: unknown;
}

const isSame = (one: Named, other: Named) => one.name === other.name && one.namespace === other.namespace;

const nameOf = (kind: string, metadata: { namespace: string; name: string }) => `${kind} ${keyOf(metadata)}`;

const placeOf = ({ name, data }: Need, namespace: string) => JSON.stringify([namespace, name, data]);

const NamesClaim = z.object({ storage: z.object({ claimName: z.string() }) });

const claimKey = (claim: Named) => nameOf(claims.kind, claim);

/** The claim that the operator makes for a run; undefined for what writes nowhere, or to a claim it names. */
function ownClaim({ kind, metadata: { namespace, name }, spec }: Maker): Named | undefined {
  const isRun = batchKinds.some(({ definition }) => definition.resource.kind === kind);
  if (!isRun || NamesClaim.safeParse(spec).success) return undefined;
  return { namespace, name: ownClaimName(kind, name) };
}
