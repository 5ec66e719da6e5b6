import type { KubernetesObject } from "../../objects.ts";
import type { Resource } from "../../resource.ts";

/** What of a kind is meant. */
export interface Place {
  namespace?: string;
  name?: string;
  subresource?: "status" | "log";
}

/** Path of a resource in the REST API: /apis/batch/v1/namespaces/team/jobs/a. */
export function pathOf(resource: Pick<Resource<KubernetesObject>, "apiVersion" | "plural">, place: Place = {}): string {
  const { namespace, name, subresource } = place;
  const root = resource.apiVersion.includes("/") ? "/apis" : "/api";
  const parts = [
    ...(namespace === undefined ? [] : ["namespaces", namespace]),
    resource.plural,
    ...(name === undefined ? [] : [name]),
    ...(subresource === undefined ? [] : [subresource]),
  ];
  return `${root}/${resource.apiVersion}/${parts.map(encodeURIComponent).join("/")}`;
}

/** An equality-based selector of labels or fields; undefined where there are none. */
export function selectorOf(wanted: Record<string, string> = {}): string | undefined {
  const terms = Object.entries(wanted).map(([key, value]) => `${key}=${value}`);
  return terms.length === 0 ? undefined : terms.join(",");
}
