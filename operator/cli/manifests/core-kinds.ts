import { z } from "zod";
import { bytes } from "../../api/fields.ts";
import type { PersistentVolumeClaim, Secret } from "../../cluster/objects.ts";
import { claims, secrets } from "../../cluster/resource.ts";

/** The two kinds of Kubernetes itself that belong among a model's manifests: claims for data, and secrets. */

const accessModes = ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"] as const;

const PersistentVolumeClaimBody = z.strictObject({
  spec: z.strictObject({
    accessModes: z.array(z.enum(accessModes)).min(1),
    storageClassName: z.string().optional(),
    resources: z.strictObject({ requests: z.strictObject({ storage: bytes() }) }),
  }),
});

const SecretBody = z.strictObject({
  type: z.string().optional(),
  data: z.record(z.string(), z.base64()).optional(),
  stringData: z.record(z.string(), z.string()).optional(),
});

type Body<T> = Omit<T, "apiVersion" | "kind" | "metadata" | "status">;

/** `stringData` is written over `data` in base64, as the API server does it. */
const SecretAsStored = SecretBody.transform(({ type, data, stringData }): Body<Secret> => {
  const encoded = Object.entries(stringData ?? {}).map(([key, value]) => [
    key,
    Buffer.from(value).toString("base64"),
  ]);
  return { data: { ...data, ...Object.fromEntries(encoded) }, ...(type !== undefined && { type }) };
});

const ClaimAsStored: z.ZodType<Body<PersistentVolumeClaim>> = PersistentVolumeClaimBody;

export const coreKinds = [
  { resource: claims, body: ClaimAsStored },
  { resource: secrets, body: SecretAsStored },
] as const;

/** Issues as fields and sentences, for what is no kind of ours. */
export function issuesOf(error: z.ZodError): { path: (string | number)[]; message: string }[] {
  return error.issues.flatMap((issue) => {
    const path = issue.path.map((part) => (typeof part === "number" ? part : String(part)));
    if (issue.code !== "unrecognized_keys") return [{ path, message: issue.message }];
    return issue.keys.map((key) => ({ path: [...path, key], message: "unknown field; remove it" }));
  });
}
