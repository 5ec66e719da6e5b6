import { randomInt } from "node:crypto";

/** No vowels and no look-alikes: what the API server builds generated names from. */
const alphabet = "bcdfghjklmnpqrstvwxz2456789";

/** Five random characters, as in the names of generated pods. */
export function podSuffix(): string {
  return Array.from({ length: 5 }, () => alphabet[randomInt(alphabet.length)]).join("");
}
