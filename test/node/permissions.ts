import { z } from "zod";

/**
 * Rights as lines that can be compared: those that roles give, and those that an audit log shows were used.
 */

export const Role = z.looseObject({
  kind: z.enum(["Role", "ClusterRole"]),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }),
  rules: z.array(
    z.looseObject({
      apiGroups: z.array(z.string()).default([]),
      resources: z.array(z.string()).default([]),
      resourceNames: z.array(z.string()).optional(),
      verbs: z.array(z.string()),
    }),
  ),
});
export type Role = z.output<typeof Role>;

const AuditEvent = z.looseObject({
  verb: z.string(),
  user: z.looseObject({ username: z.string() }),
  objectRef: z
    .looseObject({
      resource: z.string().optional(),
      subresource: z.string().optional(),
      apiGroup: z.string().default(""),
      namespace: z.string().optional(),
      name: z.string().optional(),
    })
    .optional(),
  responseStatus: z.looseObject({ code: z.number().optional() }).optional(),
  annotations: z.record(z.string(), z.string()).default({}),
});
type AuditEvent = z.output<typeof AuditEvent>;

/**
 * Scope (`*`: all namespaces), group, resource with subresource, verb, and the one name where only that is
 * allowed.
 */
const line = (scope: string, group: string, resource: string, verb: string, name = "") =>
  `${scope}\t${group || "core"}\t${resource}\t${verb}${name && `\t${name}`}`;

/** One line for each single right of the roles. */
export function granted(roles: readonly Role[]): Set<string> {
  const lines = roles.flatMap(({ metadata, rules }) =>
    rules.flatMap(({ apiGroups, resources, verbs, resourceNames = [""] }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) =>
          verbs.flatMap((verb) =>
            resourceNames.map((name) => line(metadata.namespace ?? "*", group, resource, verb, name)),
          ),
        ),
      ),
    ),
  );
  return new Set(lines);
}

export interface Used {
  /** Rights that were used and are there. */
  allowed: Set<string>;
  /** Rights for want of which requests were refused. */
  refused: Set<string>;
}

/**
 * The rights that a user's requests needed, in the words of the roles: the narrowest of them that allows a
 * request counts.
 */
export function used(auditLog: string, username: string, rights: ReadonlySet<string>): Used {
  const result: Used = { allowed: new Set(), refused: new Set() };
  const events = auditLog
    .split("\n")
    .filter((text) => text.includes(username))
    .map((text) => AuditEvent.parse(JSON.parse(text)))
    .filter(({ user }) => user.username === username);
  for (const event of events) {
    for (const { ways, inWords } of needs(event)) {
      const way = ways.find((one) => rights.has(one));
      // A 403 may also come from admission; the authorizer says of itself.
      const forbidden = event.annotations["authorization.k8s.io/decision"] === "forbid";
      if (way === undefined || forbidden) result.refused.add(inWords);
      else result.allowed.add(way);
    }
  }
  return result;
}

/** The rights without which a request is refused, each with the lines that would give it, narrowest first. */
function needs({ objectRef, verb, responseStatus }: AuditEvent): { ways: string[]; inWords: string }[] {
  // What is no resource, such as discovery, every service account may ask for.
  if (objectRef?.resource === undefined) return [];
  const { apiGroup, namespace = "*", name = "", subresource } = objectRef;
  const resource = subresource === undefined ? objectRef.resource : `${objectRef.resource}/${subresource}`;
  // A server-side apply that makes its object is a patch in the log, and needs the right to create besides.
  const verbs = verb === "patch" && responseStatus?.code === 201 ? ["patch", "create"] : [verb];
  return verbs.map((needed) => ({
    ways: [namespace, "*"].flatMap((scope) =>
      [name, ""].map((only) => line(scope, apiGroup, resource, needed, only)),
    ),
    inWords: line(namespace, apiGroup, resource, needed),
  }));
}

/** Rights that are no operator's business, whatever it uses. */
export const dangerous = (right: string): boolean => {
  const [, , resource = "", verb = ""] = right.split("\t");
  return (
    resource.includes("*") ||
    verb === "*" ||
    ["impersonate", "escalate", "bind"].includes(verb) ||
    ["secrets", "pods/exec", "pods/attach", "pods/portforward", "nodes", "serviceaccounts/token"].includes(
      resource,
    )
  );
};

/** A table of rights: a line per resource, its verbs together. */
export function table(rights: Iterable<string>): string {
  const verbs = new Map<string, string[]>();
  for (const right of [...rights].sort()) {
    const [scope = "", group = "", resource = "", verb = "", name = ""] = right.split("\t");
    const key = [scope === "*" ? "all namespaces" : scope, group, name ? `${resource} "${name}"` : resource]
      .map((cell, column) => cell.padEnd([16, 22, 36][column] ?? 0))
      .join(" ");
    verbs.set(key, [...(verbs.get(key) ?? []), verb]);
  }
  return [...verbs].map(([key, list]) => `${key} ${list.join(", ")}`).join("\n");
}
