import type { Cluster } from "../cluster/port.ts";
import { claims } from "../cluster/resource.ts";
import type { Need } from "../kinds/needs.ts";

/**
 * What is named and not there, as far as the operator may look: at claims. It may not read Secrets, nor
 * ServiceAccounts and classes; of those the cluster itself says at the Job or the pod that they are missing.
 */
export async function absentNeeds(
  cluster: Pick<Cluster, "get">,
  namespace: string,
  needs: readonly Need[],
): Promise<Need[]> {
  const seen = new Map<string, Promise<boolean>>();
  const isAbsent = ({ name }: Need): Promise<boolean> => {
    const known = seen.get(name) ?? cluster.get(claims, namespace, name).then((claim) => claim === undefined);
    seen.set(name, known);
    return known;
  };
  const asked = needs.filter(({ kind }) => kind === claims.kind);
  const absent = await Promise.all(asked.map(isAbsent));
  return asked.filter((_, index) => absent[index]);
}
