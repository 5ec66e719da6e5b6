import fc from "fast-check";
import type { z } from "zod";
import { type StructuralSchema, structuralSchema } from "../api/structural-schema.ts";

/**
 * Statuses of a schema as programs and estimates may come up with them: mostly what the schema wants, now and
 * then something else in its place.
 */
export const anyStatus = (schema: z.ZodType): fc.Arbitrary<unknown> => mostlyRight(structuralSchema(schema));

const wrong: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, "", "never", "x".repeat(5000), "\u0000", 0.001, -1, 1e30, [], {}),
  fc.string({ unit: "binary" }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);

const mostlyRight = (schema: StructuralSchema): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 19, arbitrary: rightOf(schema) }, { weight: 1, arbitrary: wrong });

function rightOf(schema: StructuralSchema): fc.Arbitrary<unknown> {
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  switch (schema.type) {
    case "integer":
      return fc.oneof(fc.nat(), fc.maxSafeInteger());
    case "boolean":
      return fc.boolean();
    case "array":
      return fc.array(schema.items ? mostlyRight(schema.items) : fc.string(), { maxLength: 3 });
    case "object": {
      if (schema.additionalProperties)
        return fc.dictionary(fc.string(), mostlyRight(schema.additionalProperties), { maxKeys: 3 });
      const properties = Object.entries(schema.properties ?? {});
      const model = Object.fromEntries(properties.map(([name, property]) => [name, mostlyRight(property)]));
      return fc.record(model, { requiredKeys: schema.required ?? [] });
    }
    default:
      return schema.format === "date-time"
        ? fc
            .date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) })
            .map((date) => date.toISOString())
        : fc.string();
  }
}
