import { enter } from "./entry.ts";

/** Entry of the `tanren` command. */
await enter("tanren");
