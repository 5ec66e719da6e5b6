import { afterAll, beforeAll, describe } from "vitest";
import { openKubernetesWorld } from "./kubernetes-world.ts";
import { openLocalWorld } from "./local-world.ts";
import { patience } from "./waiting.ts";
import type { World } from "./world.ts";

const adapters: Record<string, () => Promise<World>> = {
  local: openLocalWorld,
  kubernetes: () => openKubernetesWorld(),
  // As the operator reads: from memory, whatever its watches have told by then.
  "kubernetes-cached": () => openKubernetesWorld({ cached: true }),
};

/** All of them, or those that TANREN_CONTRACT names, for an inner loop. */
function chosen(): [name: string, open: () => Promise<World>][] {
  const wanted = process.env.TANREN_CONTRACT?.split(",") ?? Object.keys(adapters);
  return wanted.map((name) => {
    const open = adapters[name];
    if (open === undefined)
      throw new Error(`TANREN_CONTRACT names ${name}; there are ${Object.keys(adapters).join(", ")}`);
    return [name, open];
  });
}

/**
 * The same tests over each adapter, every one in a world of its own. Tests use names that no other test of
 * the file uses.
 */
export function overEveryAdapter(subject: string, tests: (world: () => World) => void): void {
  describe.concurrent.each(chosen())(`%s: ${subject}`, (_, open) => {
    let world: World | undefined;
    beforeAll(async () => {
      world = await open();
    }, patience);
    afterAll(() => world?.close(), patience);
    tests(() => {
      if (world === undefined) throw new Error("the world is not open yet");
      return world;
    });
  });
}
