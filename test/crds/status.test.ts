import fc from "fast-check";
import { expect, test } from "vitest";
import { kinds } from "../../operator/api/kinds.ts";
import { fitStatus } from "../../operator/engine/fitting-status.ts";
import { anyStatus } from "../../operator/testing/any-status.ts";
import { samples } from "../../operator/testing/samples.ts";
import { anObject, kindOf, useServer } from "./server.ts";

const server = useServer();

test.each(kinds.map(({ resource }) => resource.kind))(
  "%s: the API server takes every status that was made to fit",
  async (kind) => {
    const { resource, status } = kindOf(kind);
    let object = await server().cluster.apply(resource, anObject(server(), kind, "told", samples[kind]));
    for (const said of fc.sample(anyStatus(status), { numRuns: 60, seed: 20261126 })) {
      const { status: fitted } = fitStatus(status, JSON.parse(JSON.stringify(said) ?? "null"));
      object = await server().cluster.updateStatus(resource, {
        ...object,
        status: fitted as typeof object.status,
      });
      expect(object.status ?? {}).toEqual(fitted);
    }
  },
);
