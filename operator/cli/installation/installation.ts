import type { Page } from "../../ui-server/static-files.ts";

/**
 * Where this command was started from: a checkout of the repository, or one file that was made of it. The
 * import `#installation` is the one that it is, by the condition in package.json.
 */
export interface Installation {
  /** The Python that runs kernels, with its environment. @throws Failure that says how to get it. */
  kernels(): Promise<Kernels>;
  /** The files of the page that `ui` serves. @throws Failure that says how to get them. */
  page(): Promise<Page>;
  /** Program and words that start `tanren` once more. */
  readonly again: readonly [program: string, ...words: string[]];
  /**
   * Installs what kernels run on; returns where.
   * @param base The Python of which the environment is made.
   */
  installKernels(base: string, say: (line: string) => void): Promise<string>;
}

export interface Kernels {
  python: string;
  env: Record<string, string>;
}
