import "uplot/dist/uPlot.min.css";
import "./styles/page.css";
import "./styles/parts.css";
import "./styles/chain.css";
import "./styles/figures.css";
import "./styles/corpus.css";
import { render } from "preact";
import { App } from "./app.tsx";
import { createClient } from "./client/client.ts";
import { embeddedReport } from "./client/report.ts";
import { Store } from "./client/store.ts";
import { storedToken, takeToken } from "./client/token.ts";
import { now } from "./context.ts";
import { startLanguage } from "./language/language.ts";
import { startRouter } from "./router.ts";
import { startTheme } from "./theme.ts";

const report = embeddedReport(document);
const root = document.documentElement;

takeToken(window.location, window.history, window.sessionStorage);
startLanguage(window.localStorage, navigator.languages, root);
startTheme(window.localStorage, root, window.matchMedia("(prefers-color-scheme: dark)"));
startRouter(window);
if (report === undefined) setInterval(() => (now.value = Date.now()), 5_000);
else now.value = Date.parse(report.made);

const client = createClient({
  fetch: (...request) => window.fetch(...request),
  token: () => storedToken(window.sessionStorage),
  report,
});
const store = new Store((flush) => requestAnimationFrame(flush));
const place = document.getElementById("page");
if (place !== null) render(<App client={client} store={store} />, place);
