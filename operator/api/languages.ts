import { z } from "zod";

/** Languages that rules and mixture know. */
export const Language = z.enum(["ja", "en", "code"]);
