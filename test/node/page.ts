import { expect, test } from "vitest";
import { z } from "zod";
import { Session, WatchLine } from "../../operator/ui-server/contract.ts";
import { openBrowser } from "../ui/browser.ts";
import { likeQuickstart, Manifest } from "./manifests.ts";
import { serviceAddress } from "./runs.ts";
import { namespace, operatorNamespace, type World } from "./world.ts";

/** The page of the chart's Deployment, through its Service, by rights of viewers and none of its own. */

const group = "rbac.authorization.k8s.io";
const metadata = (name: string) => ({ name, namespace });

/** A ServiceAccount's token; `rules`: what it may do where the runs are. */
async function viewer(world: World, name: string, rules: object[]): Promise<string> {
  const account = Manifest.parse({ apiVersion: "v1", kind: "ServiceAccount", metadata: metadata(name) });
  const subjects = [{ kind: "ServiceAccount", name, namespace }];
  const roleRef = { apiGroup: group, kind: "Role", name };
  await world.apply(
    account,
    Manifest.parse({ apiVersion: `${group}/v1`, kind: "Role", metadata: metadata(name), rules }),
    Manifest.parse({
      ...{ apiVersion: `${group}/v1`, kind: "RoleBinding", metadata: metadata(name), roleRef, subjects },
    }),
  );
  return (await world.kubectl("create", "token", name, "--namespace", namespace)).trim();
}

const mayLook = [{ apiGroups: ["tanren.dev"], resources: ["*"], verbs: ["get", "list", "watch"] }];

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

/** Lines of a watch until one is what is waited for; the stream stays open for the next call. */
async function watching(address: string, token: string) {
  const signal = AbortSignal.timeout(120_000);
  const answer = await fetch(`${address}/api/watch?namespace=${namespace}`, { ...bearer(token), signal });
  expect(answer.status).toBe(200);
  const pieces = (answer.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  return {
    async until(holds: (line: WatchLine) => boolean): Promise<WatchLine[]> {
      const told: WatchLine[] = [];
      for (;;) {
        const end = rest.indexOf("\n");
        if (end < 0) {
          const { value, done } = await pieces.read();
          if (done) throw new Error(`the watch ended after ${JSON.stringify(told.at(-1))}`);
          rest += value;
          continue;
        }
        const line = WatchLine.parse(JSON.parse(rest.slice(0, end)));
        rest = rest.slice(end + 1);
        told.push(line);
        if (holds(line)) return told;
      }
    },
    close: () => pieces.cancel(),
  };
}

const isAbout = (line: WatchLine, name: string) => "object" in line && line.object.metadata.name === name;

export function page(world: () => World): void {
  const addressOf = () => serviceAddress(world(), "tanren-ui", operatorNamespace);

  test("the page comes to anybody, data to nobody whose token the API server does not know", async () => {
    const address = await addressOf();
    const html = await fetch(`${address}/`);
    expect(html.status).toBe(200);
    expect(await html.text()).toContain("Content-Security-Policy");
    const refused = await fetch(`${address}/api/session`);
    expect(refused.status).toBe(401);
    expect(await refused.text()).toContain("kubectl create token");
    for (const path of ["session", `watch?namespace=${namespace}`])
      expect((await fetch(`${address}/api/${path}`, bearer("of-nobody"))).status, path).toBe(401);
  });

  test("who may not look at runs is told so in the page, kind by kind", async () => {
    const address = await addressOf();
    const token = await viewer(world(), "stranger", []);
    const object = await fetch(`${address}/api/objects/corpora/${namespace}/any`, bearer(token));
    expect(object.status).toBe(403);
    const stream = await watching(address, token);
    const told = await stream.until(({ type }) => type === "SYNCED");
    await stream.close();
    expect(told.filter(({ type }) => type === "ERROR")).toHaveLength(6);
    const browser = await openBrowser();
    try {
      const tab = await browser.newPage();
      await tab.goto(address);
      await tab.locator(".token input").fill(token);
      await tab.locator(".token button").click();
      await tab.locator(".namespace input").fill(namespace);
      await tab.locator(".namespace input").press("Enter");
      await tab
        .locator(".banner", { hasText: `system:serviceaccount:${namespace}:stranger` })
        .first()
        .waitFor();
      expect(await tab.locator(".banner").allInnerTexts()).toHaveLength(6);
      expect(await tab.locator(".box").count()).toBe(0);
    } finally {
      await browser.close();
    }
  });

  test("who may look sees what is there, and what changes as it does", async () => {
    const address = await addressOf();
    const token = await viewer(world(), "viewer", mayLook);
    await world().apply(likeQuickstart("Corpus", "looked-at", { suspend: true }));
    const session = Session.parse(await (await fetch(`${address}/api/session`, bearer(token))).json());
    expect(session).toMatchObject({ where: "cluster", namespaces: null });
    const stream = await watching(address, token);
    const told = await stream.until(({ type }) => type === "SYNCED");
    expect(told.some((line) => isAbout(line, "looked-at"))).toBe(true);
    await world().kubectl("label", "corpus", "looked-at", "--namespace", namespace, "seen=true");
    const [changed] = (
      await stream.until(
        (line) => isAbout(line, "looked-at") && JSON.stringify(line).includes('"seen":"true"'),
      )
    ).slice(-1);
    expect(changed?.type).toBe("MODIFIED");
    await world().kubectl("delete", "corpus", "looked-at", "--namespace", namespace);
    await stream.until((line) => line.type === "DELETED" && isAbout(line, "looked-at"));
    await stream.close();
  });

  test("its pods have no rights of their own", async () => {
    const Pods = z.looseObject({ spec: z.looseObject({ automountServiceAccountToken: z.boolean() }) });
    const pods = await world().list(Pods, "pods", "app.kubernetes.io/component=ui", operatorNamespace);
    expect(pods.map(({ spec }) => spec.automountServiceAccountToken)).toEqual([false]);
  });
}
