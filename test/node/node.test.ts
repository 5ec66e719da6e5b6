import { afterAll, beforeAll, beforeEach, describe, onTestFailed, vi } from "vitest";
import { say } from "../../images/commands.ts";
import { chain } from "./chain.ts";
import { deletion } from "./deletion.ts";
import { gang } from "./gang.ts";
import { imageContents } from "./image-contents.ts";
import { installation } from "./installation.ts";
import { page } from "./page.ts";
import { rights } from "./rights.ts";
import { serving } from "./serving.ts";
import { World } from "./world.ts";

/**
 * The whole chain on a real node with the real images, in one life of a cluster: each part goes on where the
 * one before ended.
 */

const minutes = 60_000;
vi.setConfig({ testTimeout: 30 * minutes });
let started: World | undefined;
const world = (): World => {
  if (started === undefined) throw new Error("the cluster did not start");
  return started;
};

// The first time, images and Kubernetes are built.
beforeAll(async () => {
  started = await World.start();
}, 60 * minutes);
afterAll(async () => {
  await started?.cluster.stop();
}, 2 * minutes);

beforeEach(({ task }) => {
  say(`--> ${task.name}`);
  onTestFailed(async () => say(`what a person would look at is in ${await world().collect()}`), minutes);
});

describe("images", () => imageContents(world));
describe("installation", () => installation(world));
describe("the page", () => page(world));
describe("the chain, while a node's things go wrong", () => chain(world));
describe("the endpoint", () => serving(world));
describe("several pods, several writers", () => gang(world));
describe("deletion", () => deletion(world));
describe("the operator's rights", () => rights(world));
