import { writeFileSync } from "node:fs";
import { createServer } from "node:http";

/**
 * The program in the pods of the local world. It does what it is told over HTTP: says whether it is ready,
 * outlasts SIGTERM, ends with an exit code and a termination message.
 */
const { POD_IP, TANREN_RESULT } = process.env;
let ready = false;
let held = false;

process.on("SIGTERM", () => {
  if (!held) process.exit(143);
});

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://pod");
  switch (pathname) {
    case "/readyz":
      response.writeHead(ready ? 200 : 503).end();
      break;
    case "/ready":
      ready = searchParams.get("is") === "true";
      response.end();
      break;
    case "/hold":
      held = true;
      response.end();
      break;
    case "/environment":
      response.end(JSON.stringify(process.env));
      break;
    case "/finish": {
      const message = searchParams.get("message");
      if (message !== null && TANREN_RESULT !== undefined) writeFileSync(TANREN_RESULT, message);
      response.end(() => process.exit(Number(searchParams.get("code"))));
      break;
    }
    default:
      response.writeHead(404).end();
  }
});
server.listen(8000, POD_IP);
