import { type Clock, microTimestamp } from "../../../clock/clock.ts";
import type { KubernetesObject, ObjectMeta } from "../../objects.ts";
import { NotFoundError } from "../../port.ts";
import { readObject } from "../cache/stored-object.ts";
import type { Connection } from "../client/connection.ts";
import { Rest } from "../client/rest.ts";

/** coordination.k8s.io/v1; its times are metav1.MicroTime and want six digits. */
export interface Lease extends KubernetesObject {
  apiVersion: "coordination.k8s.io/v1";
  kind: "Lease";
  spec: LeaseSpec;
}

export interface LeaseSpec {
  /** Empty: released. */
  holderIdentity?: string;
  leaseDurationSeconds?: number;
  acquireTime?: string;
  renewTime?: string;
  leaseTransitions?: number;
}

/**
 * One Lease of an API server. Writes are bound to what was read: ConflictError where somebody wrote since.
 */
export interface LeaseStore {
  read(): Promise<Lease | undefined>;
  create(spec: LeaseSpec): Promise<Lease>;
  update(lease: Lease, spec: LeaseSpec): Promise<Lease>;
}

const leases = {
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  plural: "leases",
  status: false,
} as const;

export interface LeaseStoreOptions {
  connection: Connection;
  namespace: string;
  name: string;
  clock: Clock;
  /** After this long a request is given up, read or write; the caller tries again itself. */
  timeoutSeconds: number;
}

export function leaseStore(options: LeaseStoreOptions): LeaseStore {
  const { connection, namespace, name, clock, timeoutSeconds } = options;
  const rest = new Rest({
    connection,
    clock,
    random: () => 0,
    readTimeoutSeconds: timeoutSeconds,
    writeTimeoutSeconds: timeoutSeconds,
    mostTries: 1,
  });
  const place = { resource: leases, namespace };
  const body = (metadata: Partial<ObjectMeta>, spec: LeaseSpec) => ({
    apiVersion: leases.apiVersion,
    kind: leases.kind,
    metadata: { name, namespace, ...metadata },
    spec,
  });
  return {
    async read() {
      try {
        return readObject<Lease>(leases, await rest.json({ ...place, verb: "get", name }));
      } catch (error) {
        if (error instanceof NotFoundError) return undefined;
        throw error;
      }
    },
    async create(spec) {
      return readObject<Lease>(leases, await rest.json({ ...place, verb: "create", body: body({}, spec) }));
    },
    async update({ metadata: { uid, resourceVersion } }, spec) {
      const stated = body({ uid, resourceVersion }, spec);
      return readObject<Lease>(leases, await rest.json({ ...place, verb: "update", name, body: stated }));
    },
  };
}

/** What a holder writes. */
export function heldSpec(
  identity: string,
  leaseDurationSeconds: number,
  now: Date,
  before: LeaseSpec | undefined,
): LeaseSpec {
  const renewTime = microTimestamp(now);
  const renewal = before?.holderIdentity === identity;
  return {
    holderIdentity: identity,
    leaseDurationSeconds,
    acquireTime: (renewal ? before.acquireTime : undefined) ?? renewTime,
    renewTime,
    leaseTransitions: (before?.leaseTransitions ?? 0) + (renewal || before === undefined ? 0 : 1),
  };
}

/** What a holder leaves behind who goes of its own accord: anybody may take it at once. */
export function releasedSpec(now: Date, before: LeaseSpec): LeaseSpec {
  return { ...before, holderIdentity: "", leaseDurationSeconds: 1, renewTime: microTimestamp(now) };
}
