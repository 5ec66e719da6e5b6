import { enter } from "./entry.ts";

/** Entry of `kubectl tanren`, and of kubectl-tanren called by itself. */
await enter("kubectl tanren");
