import { describe, expect, test } from "vitest";
import { z } from "zod";
import { group, kinds } from "../../operator/api/kinds.ts";
import { useHelm } from "./helm.ts";
import { type Manifest, one } from "./release.ts";

/** What the objects of a release must be together: rights, security, who selects whom. */

const { render } = useHelm();

const Rule = z.strictObject({
  apiGroups: z.array(z.string()),
  resources: z.array(z.string()),
  verbs: z.array(z.string()),
  resourceNames: z.array(z.string()).optional(),
});
const Role = z.looseObject({ rules: z.array(Rule) });
const rulesOf = (object: Manifest) => Role.parse(object).rules;

const Deployment = z.looseObject({
  spec: z.looseObject({
    selector: z.object({ matchLabels: z.record(z.string(), z.string()) }),
    template: z.looseObject({
      metadata: z.looseObject({ labels: z.record(z.string(), z.string()) }),
      spec: z.looseObject({
        securityContext: z.looseObject({}),
        containers: z.array(
          z.looseObject({
            securityContext: z.looseObject({}),
            ports: z.array(z.looseObject({ name: z.string() })),
          }),
        ),
      }),
    }),
  }),
});

describe.each(["cluster", "namespaced"] as const)("mode %s", (mode) => {
  const objects = () =>
    render().objects({ mode, networkPolicies: { enabled: true }, crds: { install: false } });
  const roles = () => objects().filter(({ kind }) => kind === "Role" || kind === "ClusterRole");

  test("no rule has a wildcard, reads a secret, enters a pod or acts for others", () => {
    for (const { resources, verbs, apiGroups } of roles().flatMap(rulesOf)) {
      expect([...resources, ...verbs, ...apiGroups]).not.toContain("*");
      expect(resources).not.toContain("secrets");
      expect(resources.filter((resource) => /^(pods\/|nodes|serviceaccounts)/.test(resource))).toEqual([]);
      expect(verbs).not.toContain("impersonate");
      expect(verbs).not.toContain("escalate");
      expect(verbs).not.toContain("bind");
    }
  });

  test("the operator never writes a spec of its kinds, nor makes or deletes them", () => {
    const own = roles()
      .flatMap(rulesOf)
      .filter(({ apiGroups }) => apiGroups.includes(group));
    const verbs = own.flatMap((rule) =>
      rule.verbs.map((verb) => `${rule.resources[0]?.replace(/^[^/]+/, "")} ${verb}`),
    );
    expect(new Set(verbs)).toEqual(
      new Set([" get", " list", " watch", " patch", "/status update", "/finalizers update"]),
    );
  });

  test("leases are touched in the release's own namespace alone, and only the operator's own is changed", () => {
    const holders = roles().filter((role) =>
      rulesOf(role).some(({ resources }) => resources.includes("leases")),
    );
    expect(holders.map(({ kind, metadata }) => [kind, metadata.namespace])).toEqual([
      ["Role", "tanren-system"],
    ]);
    const changing = holders.flatMap(rulesOf).filter(({ verbs }) => verbs.includes("update"));
    expect(changing.map(({ resourceNames }) => resourceNames)).toEqual([["tanren-operator"]]);
  });

  test("every binding names the operator's ServiceAccount and a role that exists", () => {
    const Binding = z.looseObject({
      subjects: z.array(z.object({ kind: z.string(), name: z.string(), namespace: z.string() })),
      roleRef: z.object({ kind: z.string(), name: z.string(), apiGroup: z.string() }),
    });
    const bindings = objects()
      .filter(({ kind }) => kind.endsWith("Binding"))
      .map((object) => Binding.parse(object));
    expect(bindings.length).toBe(2);
    for (const { subjects, roleRef } of bindings) {
      expect(subjects).toEqual([
        { kind: "ServiceAccount", name: "tanren-operator", namespace: "tanren-system" },
      ]);
      one(objects(), `${roleRef.kind}/${roleRef.name}`);
    }
  });

  test("the pod keeps the restricted Pod Security Standard, with a read-only root", () => {
    const { spec } = Deployment.parse(one(objects(), "Deployment/tanren-operator")).spec.template;
    expect(spec.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: "RuntimeDefault" },
    });
    expect(spec.containers.map(({ securityContext }) => securityContext)).toEqual([
      { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } },
    ]);
  });

  test("whatever selects the operator's pods selects them", () => {
    const { spec } = Deployment.parse(one(objects(), "Deployment/tanren-operator"));
    const { labels } = spec.template.metadata;
    const Selecting = z.looseObject({ spec: z.looseObject({ selector: z.record(z.string(), z.string()) }) });
    const service = Selecting.parse(one(objects(), "Service/tanren-operator"));
    expect(labels).toEqual(service.spec.selector);
    expect(labels).toEqual(spec.selector.matchLabels);
    const Policy = z.looseObject({
      spec: z.looseObject({ podSelector: z.object({ matchLabels: z.record(z.string(), z.string()) }) }),
    });
    expect(
      Policy.parse(one(objects(), "NetworkPolicy/tanren-operator")).spec.podSelector.matchLabels,
    ).toEqual(labels);
  });
});

test("mode namespaced asks for nothing that belongs to the cluster", () => {
  const objects = render().objects({
    mode: "namespaced",
    crds: { install: false },
    podMonitor: { enabled: true },
  });
  expect(objects.filter(({ metadata }) => metadata.namespace !== "tanren-system")).toEqual([]);
  expect(JSON.stringify(objects)).not.toContain('"namespaceSelector"');
});

test("rights on NetworkPolicies are given only where the operator makes them", () => {
  const resources = (enabled: boolean) =>
    rulesOf(one(render().objects({ networkPolicies: { enabled } }), "ClusterRole/tanren-operator")).flatMap(
      (rule) => rule.resources,
    );
  expect(resources(false)).not.toContain("networkpolicies");
  expect(resources(true)).toContain("networkpolicies");
});

test("whoever may view or edit a namespace may do so with every kind", () => {
  const objects = render().objects();
  for (const [name, verb] of [
    ["view", "watch"],
    ["edit", "create"],
  ] as const) {
    const role = one(objects, `ClusterRole/tanren-${name}`);
    expect(role.metadata.labels).toMatchObject({
      [`rbac.authorization.k8s.io/aggregate-to-${name}`]: "true",
    });
    const [rule] = rulesOf(role);
    expect(rule?.resources).toEqual(kinds.map(({ resource }) => resource.plural));
    expect(rule?.verbs).toContain(verb);
    expect(
      rulesOf(role).flatMap(({ resources }) => resources.filter((one) => one.endsWith("/status"))),
    ).toEqual([]);
  }
});
