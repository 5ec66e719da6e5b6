import { apiVersion } from "../../api/kinds.ts";
import { UnknownKindError, UnreachableError } from "../../cluster/kubernetes/client/errors.ts";
import { type Cluster, ClusterError, type Watch } from "../../cluster/port.ts";
import { Failure } from "../failure.ts";

/**
 * The cluster for a person who waits: what an operator would try again in a while, such as a server that does
 * not answer, ends the command with a sentence.
 */
export function withFormattedErrors(cluster: Cluster, server: string): Cluster {
  const formatted = <T>(answer: Promise<T>): Promise<T> =>
    answer.catch((error: unknown) => {
      throw formatError(error, server);
    });
  return {
    get: (...input) => formatted(cluster.get(...input)),
    list: (...input) => formatted(cluster.list(...input)),
    apply: (...input) => formatted(cluster.apply(...input)),
    create: (...input) => formatted(cluster.create(...input)),
    patchSpec: (...input) => formatted(cluster.patchSpec(...input)),
    updateStatus: (...input) => formatted(cluster.updateStatus(...input)),
    setFinalizer: (...input) => formatted(cluster.setFinalizer(...input)),
    delete: (...input) => formatted(cluster.delete(...input)),
    watch(...input): Watch {
      const watch = cluster.watch(...input);
      return { synced: formatted(watch.synced), close: () => watch.close() };
    },
    async *logs(...input) {
      try {
        yield* cluster.logs(...input);
      } catch (error) {
        throw formatError(error, server);
      }
    },
  };
}

/** Errors that say what to do stay as they are; the others are explained to a person. */
export function formatError(error: unknown, server: string): Error {
  if (error instanceof UnreachableError) {
    const why = error.cause instanceof Error ? error.cause.message : error.message;
    const mend = "see whether it runs, and whether this is the right --context";
    return new Failure("failed", `the API server ${server} cannot be reached (${why}); ${mend}`);
  }
  if (error instanceof UnknownKindError && error.message.includes(apiVersion)) {
    const mend = "install the chart, or the CRDs alone: kubectl apply --server-side -f crds";
    return new Failure("failed", `Tanren's CRDs are not installed in this cluster (${server}); ${mend}`);
  }
  if (error instanceof ClusterError || error instanceof Failure) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new Failure("failed", `a request to the API server ${server} failed: ${why}`);
}
