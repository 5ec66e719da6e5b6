/**
 * One control plane for a whole vitest run: name this file in `globalSetup`, then `inject("kubeconfig")` in a
 * test. With TANREN_TEST_KUBECONFIG set, that cluster is used and left alone, so that an inner loop need not
 * start one.
 */
import type { TestProject } from "vitest/node";
import { startCluster } from "./cluster.ts";

declare module "vitest" {
  export interface ProvidedContext {
    kubeconfig: string;
  }
}

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const running = process.env.TANREN_TEST_KUBECONFIG;
  if (running) {
    project.provide("kubeconfig", running);
    return;
  }
  const cluster = await startCluster();
  project.provide("kubeconfig", cluster.kubeconfig);
  return () => cluster.stop();
}
