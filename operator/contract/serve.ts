import { z } from "zod";
import { common, Input, RelativePath } from "./parts.ts";

export const ServeConfig = z
  .strictObject({
    ...common,
    model: Input,
    model_name: z.string().min(1).describe("name under /v1/models"),
    port: z.int().min(1).max(65535),
    context_length: z.int().min(8).describe("longest prompt plus answer, in tokens"),
    max_concurrent_requests: z.int().min(1),
    precision: z.enum(["float32", "bfloat16"]),
    api_keys: RelativePath.optional().describe("directory whose files each hold one API key; absent: no key is asked"),
  })
  .meta({ id: "ServeConfig" })
  .describe("program `serve`: OpenAI-compatible HTTP server with a key-value cache");
