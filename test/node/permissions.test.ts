import { expect, test } from "vitest";
import { dangerous, granted, used } from "./permissions.ts";

const role = granted([
  {
    kind: "ClusterRole",
    metadata: { name: "operator" },
    rules: [{ apiGroups: ["batch"], resources: ["jobs"], verbs: ["create", "patch", "delete"] }],
  },
  {
    kind: "Role",
    metadata: { name: "leader", namespace: "system" },
    rules: [
      { apiGroups: ["coordination.k8s.io"], resources: ["leases"], resourceNames: ["it"], verbs: ["update"] },
    ],
  },
]);

const request = (
  verb: string,
  group: string,
  resource: string,
  { name = "it", namespace = "a", code = 200, decision = "allow" } = {},
) =>
  JSON.stringify({
    verb,
    user: { username: "operator" },
    objectRef: { apiGroup: group, resource, namespace, name },
    responseStatus: { code },
    annotations: { "authorization.k8s.io/decision": decision },
  });

test("an apply that makes its object uses the right to create, one that changes it does not", () => {
  expect([...used(request("patch", "batch", "jobs"), "operator", role).allowed]).toEqual([
    "*\tbatch\tjobs\tpatch",
  ]);
  expect([...used(request("patch", "batch", "jobs", { code: 201 }), "operator", role).allowed]).toEqual([
    "*\tbatch\tjobs\tpatch",
    "*\tbatch\tjobs\tcreate",
  ]);
});

test("a right for one name is used by that name alone", () => {
  const update = (name: string) =>
    used(request("update", "coordination.k8s.io", "leases", { name, namespace: "system" }), "operator", role);
  expect(update("it")).toEqual({
    allowed: new Set(["system\tcoordination.k8s.io\tleases\tupdate\tit"]),
    refused: new Set(),
  });
  expect(update("other").refused.size).toBe(1);
});

test("a refused request is told, and so is one of a right that no role gives", () => {
  expect([
    ...used(request("delete", "batch", "jobs", { code: 403, decision: "forbid" }), "operator", role).refused,
  ]).toEqual(["a\tbatch\tjobs\tdelete"]);
  expect([...used(request("get", "", "secrets"), "operator", role).refused]).toEqual([
    "a\tcore\tsecrets\tget",
  ]);
});

test("other users' requests do not count", () => {
  expect(used(request("get", "", "secrets"), "somebody", role)).toEqual({
    allowed: new Set(),
    refused: new Set(),
  });
});

test.each([
  ["*\tcore\tsecrets\tlist", true],
  ["*\tcore\tpods/exec\tcreate", true],
  ["*\tcore\tusers\timpersonate", true],
  ["*\tbatch\t*\tget", true],
  ["*\tbatch\tjobs\t*", true],
  ["*\tbatch\tjobs\tdelete", false],
])("whether %j is dangerous: %s", (right, expected) => {
  expect(dangerous(right)).toBe(expected);
});
