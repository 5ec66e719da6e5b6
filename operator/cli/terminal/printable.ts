/**
 * What a model or a program says, for a terminal: control characters would move its cursor, write into its
 * title or its clipboard, and marks of writing direction show text in another order than it is in. They are
 * shown as signs of their own; line breaks and tabs stay.
 */
export const printable = (text: string): string =>
  text.replaceAll(/\r(?=\n|$)/g, "").replaceAll(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, signOf);

/** JSON that a terminal shows as it is: what it would obey is escaped, beyond what JSON itself escapes. */
export const jsonText = (value: unknown, indent?: number): string =>
  JSON.stringify(value, undefined, indent).replaceAll(
    /[\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

function signOf(character: string): string {
  if (character === "\n" || character === "\t") return character;
  const code = character.charCodeAt(0);
  // Unicode has a picture of each of the first 32, e.g. ␛ for escape.
  return code < 0x20 ? String.fromCharCode(0x2400 + code) : "\ufffd";
}
