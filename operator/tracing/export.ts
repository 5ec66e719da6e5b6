import {
  context,
  DiagLogLevel,
  diag,
  type Span as OpenTelemetrySpan,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { version } from "../version.ts";
import { recordSpans, type Span } from "./spans.ts";

/**
 * Sends spans to a collector by OTLP over HTTP. Imported only where that is wanted: loading it takes 16 MB
 * and a quarter of a second.
 */

export interface ExportOptions {
  /** Address of the collector, without /v1/traces. */
  endpoint: string;
  /** Share of spans without a parent, from 0 to 1. */
  samplingRatio: number;
  /** Name of this process. */
  instance: string;
  /** Told when spans were lost. */
  report: (problem: string) => void;
}

/** A collector that is away costs spans and nothing else. */
const longestExportMilliseconds = 5_000;

/** Starts recording; what is returned sends what is left and ends it. */
export function exportSpans({
  endpoint,
  samplingRatio,
  instance,
  report,
}: ExportOptions): () => Promise<void> {
  diag.setLogger(
    { error: report, warn: report, info() {}, debug() {}, verbose() {} },
    { logLevel: DiagLogLevel.WARN },
  );
  const exporter = new OTLPTraceExporter({
    url: `${endpoint.replace(/\/$/, "")}/v1/traces`,
    timeoutMillis: longestExportMilliseconds,
  });
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      "service.name": "tanren-operator",
      "service.version": version,
      "service.instance.id": instance,
    }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(samplingRatio) }),
    spanProcessors: [new BatchSpanProcessor({ exporter, exportTimeoutMillis: longestExportMilliseconds })],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager());
  const tracer = provider.getTracer("tanren");
  recordSpans({
    inSpan: (name, attributes, work) =>
      tracer.startActiveSpan(name, { attributes }, async (span) => {
        try {
          return await work(recorded(span));
        } catch (error) {
          markFailed(span, error);
          throw error;
        } finally {
          span.end();
        }
      }),
    isUnderWay: () => trace.getActiveSpan()?.isRecording() ?? false,
  });
  return async () => {
    recordSpans(undefined);
    await provider.shutdown().catch((error: Error) => report(error.message));
    context.disable();
    diag.disable();
  };
}

const recorded = (span: OpenTelemetrySpan): Span => ({
  ...(span.isRecording() && { traceId: span.spanContext().traceId }),
  set: (name, value) => span.setAttribute(name, value),
  failed: (error) => markFailed(span, error),
});

function markFailed(span: OpenTelemetrySpan, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  span.recordException(error instanceof Error ? error : message);
  span.setStatus({ code: SpanStatusCode.ERROR, message });
}
