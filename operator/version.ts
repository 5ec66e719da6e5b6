import packageJson from "../package.json" with { type: "json" };

/** The version of everything that is made from this source. */
export const { version } = packageJson;
