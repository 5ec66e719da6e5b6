import { basename } from "node:path";
import { isSea } from "node:sea";
import { enter } from "./entry.ts";

/** Entry of the command as one file, which is told by the name it is called by what it is, as those of bin/ are. */
const name = basename((isSea() ? process.argv0 : process.argv[1]) ?? "");
if (name === "kubectl_complete-tanren") process.argv.splice(2, 0, "__complete", "--");
void enter(name.startsWith("kubectl") ? "kubectl tanren" : "tanren");
