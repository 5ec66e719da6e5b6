import type { Clock } from "../../../clock/clock.ts";
import type { KubernetesObject } from "../../objects.ts";
import { UnknownKindError } from "../../port.ts";
import type { Resource } from "../../resource.ts";
import type { Connection } from "./connection.ts";
import { Rest } from "./rest.ts";

/**
 * Those of the kinds that the API server does not serve, by its own account; needs no rights but to be known
 * to it.
 */
export async function missingKinds(
  connection: Connection,
  clock: Clock,
  resources: readonly Resource<KubernetesObject>[],
): Promise<Resource<KubernetesObject>[]> {
  const rest = new Rest({ connection, clock, random: () => 0 });
  const groups = new Map<string, Set<string>>();
  for (const { apiVersion } of resources) {
    if (!groups.has(apiVersion)) groups.set(apiVersion, await servedPlurals(rest, apiVersion));
  }
  return resources.filter(({ apiVersion, plural }) => !groups.get(apiVersion)?.has(plural));
}

async function servedPlurals(rest: Rest, apiVersion: string): Promise<Set<string>> {
  const group = { apiVersion, kind: "APIResourceList", plural: "" };
  try {
    const { resources } = (await rest.json({ verb: "get", resource: group })) as {
      resources?: { name: string }[] | null;
    };
    if (resources === undefined)
      throw new TypeError(`the API server sent something that is no list of what ${apiVersion} has`);
    return new Set((resources ?? []).map(({ name }) => name));
  } catch (error) {
    if (error instanceof UnknownKindError) return new Set();
    throw error;
  }
}
