/**
 * Spans of the operator. Without a tracer they cost nothing, and nothing of OpenTelemetry is loaded: export.ts
 * is, by the one process that sends them.
 */

export type Attributes = Record<string, string | number | undefined>;

export interface Span {
  /** Of the whole trace; absent where nothing is recorded. */
  traceId?: string;
  set(name: string, value: string): void;
  failed(error: unknown): void;
}

export interface Tracer {
  /** A span of its own, part of the one under way; an error that leaves the work marks it. */
  inSpan<Result>(
    name: string,
    attributes: Attributes,
    work: (span: Span) => Promise<Result>,
  ): Promise<Result>;
  /** Whether a span that is recorded is under way here. */
  isUnderWay(): boolean;
}

const unrecorded: Span = { set() {}, failed() {} };
let tracer: Tracer | undefined;

/** From here on spans are recorded by this one. */
export function recordSpans(by: Tracer | undefined): void {
  tracer = by;
}

/** Runs the work in a span of its own; what is done within is a part of it. */
export function inSpan<Result>(
  name: string,
  attributes: Attributes,
  work: (span: Span) => Promise<Result>,
): Promise<Result> {
  return tracer === undefined ? work(unrecorded) : tracer.inSpan(name, attributes, work);
}

/**
 * The same where a span is under way, which alone has it described: leases and watches, which go on for ever,
 * are parts of nothing.
 */
export function inPart<Result>(
  describe: () => { name: string; attributes: Attributes },
  work: () => Promise<Result>,
): Promise<Result> {
  if (!tracer?.isUnderWay()) return work();
  const { name, attributes } = describe();
  return tracer.inSpan(name, attributes, work);
}
