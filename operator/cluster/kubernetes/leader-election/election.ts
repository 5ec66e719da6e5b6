import type { Cancel, Clock } from "../../../clock/clock.ts";
import { sleep } from "../../../clock/sleep.ts";
import { ClusterError, ConflictError, NotFoundError } from "../../port.ts";
import { heldSpec, type Lease, type LeaseStore, releasedSpec } from "./lease.ts";

export interface ElectionOptions {
  store: LeaseStore;
  /** Who this process is, unlike any other that ever was. */
  identity: string;
  leaseDurationSeconds: number;
  /** Shorter than the lease's duration: a leader that cannot renew for so long stops acting. */
  renewDeadlineSeconds: number;
  retryPeriodSeconds: number;
  clock: Clock;
  /** Milliseconds on a clock that nobody sets. */
  monotonic: () => number;
  /** From 0 to 1, for jitter. */
  random: () => number;
  /** Called with tries that failed; they are repeated. */
  report: (error: unknown) => void;
}

/** The lease as it was seen, or that it is gone, and since when nothing of that has changed. */
interface Observation {
  lease: Lease | undefined;
  at: number;
}

/** This process may no longer write. */
export class NotLeaderError extends ClusterError {}

/**
 * One leader among several processes, by a Lease, after client-go's leader election. Guarantee: at most one
 * `isLeader` at any time, as long as clocks run at the same speed; what hour they show is of no account. A
 * leader counts from before it sent the renewal, the others from when they have seen it, and they wait longer
 * than it does. Who has lost never leads again. Caveat: a Lease deleted by hand protects only from those who
 * had seen it.
 */
export class LeaderElection {
  readonly #options: ElectionOptions;
  readonly #elected = Promise.withResolvers<void>();
  readonly #lost = Promise.withResolvers<NotLeaderError>();
  readonly #stopping = new AbortController();
  #ended: Promise<void> | undefined;
  /** The lease as we hold it; undefined where we do not. */
  #held: { lease: Lease; renewedAt: number } | undefined;
  /** What others hold; undefined until there was something to see. */
  #observed: Observation | undefined;
  #cancelDeadline: Cancel | undefined;
  #hasLost = false;

  constructor(options: ElectionOptions) {
    this.#options = options;
  }

  /** Resolves when this process leads. */
  get elected(): Promise<void> {
    return this.#elected.promise;
  }

  /** Resolves with the reason when this process has lost the leadership. */
  get lost(): Promise<NotLeaderError> {
    return this.#lost.promise;
  }

  start(): void {
    this.#ended ??= this.#run();
  }

  isLeader(): boolean {
    const { monotonic, renewDeadlineSeconds } = this.#options;
    if (this.#held === undefined || this.#stopping.signal.aborted) return false;
    return monotonic() < this.#held.renewedAt + renewDeadlineSeconds * 1000;
  }

  /** Throws NotLeaderError unless this process leads at this moment. */
  requireLeadership(): void {
    if (!this.isLeader()) {
      throw new NotLeaderError(
        "this process does not hold the leader's lease and writes nothing; the process that holds it continues",
      );
    }
  }

  /**
   * Stops trying; a leader stops leading at once and gives the lease back, so that another need not wait
   * it out.
   */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#cancelDeadline?.();
    await this.#ended;
    const held = this.#held;
    this.#held = undefined;
    if (held === undefined) return;
    const { store, clock, report } = this.#options;
    try {
      await store.update(held.lease, releasedSpec(clock.now(), held.lease.spec));
    } catch (error) {
      report(error);
    }
  }

  async #run(): Promise<void> {
    const { clock, random, retryPeriodSeconds, report } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        if (this.#held === undefined) await this.#acquire();
        else await this.#renew(this.#held.lease);
      } catch (error) {
        if (error instanceof NotLeaderError) return this.#lose(error);
        report(error);
      }
      const jitter = this.#held === undefined ? random() / 5 : 0;
      await sleep(clock, retryPeriodSeconds * 1000 * (1 + jitter), signal);
    }
  }

  async #acquire(): Promise<void> {
    const { store, monotonic } = this.#options;
    const lease = await store.read();
    const version = lease?.metadata.resourceVersion;
    const firstLook = this.#observed === undefined;
    if (firstLook ? lease !== undefined : version !== this.#observed?.lease?.metadata.resourceVersion) {
      this.#observed = { lease, at: monotonic() };
    }
    if (this.#observed !== undefined && this.#isHeld(this.#observed)) return;
    await this.#write(lease);
  }

  #isHeld({ lease, at }: Observation): boolean {
    const { monotonic, leaseDurationSeconds, identity } = this.#options;
    // One that was there and is gone still counts as held: its holder creates it again.
    const holder = lease === undefined ? "somebody" : lease.spec.holderIdentity;
    if (!holder || holder === identity) return false;
    return monotonic() < at + (lease?.spec.leaseDurationSeconds ?? leaseDurationSeconds) * 1000;
  }

  async #renew(lease: Lease): Promise<void> {
    try {
      await this.#write(lease);
    } catch (error) {
      if (error instanceof NotFoundError) return this.#write(undefined);
      throw error;
    }
  }

  /** Takes or renews the lease as it was read, or makes it where there is none. */
  async #write(lease: Lease | undefined): Promise<void> {
    const { store, identity, leaseDurationSeconds, clock, monotonic } = this.#options;
    const renewedAt = monotonic();
    const spec = heldSpec(identity, leaseDurationSeconds, clock.now(), lease?.spec);
    let written: Lease;
    try {
      written = lease === undefined ? await store.create(spec) : await store.update(lease, spec);
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      return this.#settleConflict();
    }
    if (this.#hasLost) return;
    const first = this.#held === undefined;
    this.#held = { lease: written, renewedAt };
    if (this.#stopping.signal.aborted) return;
    this.#planDeadline();
    if (first) this.#elected.resolve();
  }

  /** Somebody wrote the lease since: another took it, or a renewal of ours arrived whose answer did not. */
  async #settleConflict(): Promise<void> {
    const { store, identity } = this.#options;
    if (this.#held === undefined) return;
    const lease = await store.read();
    const holder = lease?.spec.holderIdentity;
    if (lease === undefined || holder === identity) {
      // What the next try is to be bound to; it proves nothing about now.
      if (lease !== undefined) this.#held = { ...this.#held, lease };
      return;
    }
    throw new NotLeaderError(
      `the leader's lease is now held by ${holder || "nobody"}, no longer by ${identity}`,
    );
  }

  #planDeadline(): void {
    const { clock, renewDeadlineSeconds } = this.#options;
    this.#cancelDeadline?.();
    this.#cancelDeadline = clock.after(renewDeadlineSeconds * 1000, () => {
      if (this.isLeader()) return this.#planDeadline();
      this.#lose(new NotLeaderError(`the leader's lease could not be renewed for ${renewDeadlineSeconds} s`));
    });
  }

  #lose(error: NotLeaderError): void {
    this.#hasLost = true;
    this.#stopping.abort();
    this.#cancelDeadline?.();
    this.#held = undefined;
    this.#lost.resolve(error);
  }
}
