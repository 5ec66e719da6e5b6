import { ClusterError, InvalidError } from "../../cluster/port.ts";
import { Failure } from "../failure.ts";
import type { Place } from "../target/target.ts";
import { type Manifest, pathOf, problemAt } from "./manifest.ts";
import { InvalidManifests, type Problem } from "./problem.ts";

/** Has the API server say what it would do with each manifest, where there is one. Throws InvalidManifests. */
export async function checkOnServer(place: Place, manifests: readonly Manifest[]): Promise<void> {
  const connection = await place.peek();
  const tryApply = connection?.tryApply;
  if (tryApply === undefined) return;
  const problems = await Promise.all(
    manifests.map(async ({ resource, object, document }): Promise<Problem[]> => {
      const name = `${object.kind}/${object.metadata.name}`;
      try {
        await tryApply(resource, object);
        return [];
      } catch (error) {
        if (error instanceof InvalidError)
          return error.causes.map(({ field, message }) => problemAt(document, name, pathOf(field), message));
        if (error instanceof Failure || !(error instanceof ClusterError)) throw error;
        return [problemAt(document, name, [], error.message)];
      }
    }),
  );
  if (problems.flat().length > 0) throw new InvalidManifests(problems.flat());
}
