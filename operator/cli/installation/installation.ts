/**
 * Where this command was started from: a checkout of the repository, or one file that was made of it. The
 * import `#installation` is the one that it is, by the condition in package.json.
 */
export interface Installation {
  /** The Python that runs kernels, with its environment. @throws Failure that says how to get it. */
  kernels(): Promise<Kernels>;
  /** Program and words that start `tanren` once more. */
  readonly again: readonly [program: string, ...words: string[]];
  /**
   * Makes the environment of the kernels.
   * @param base The Python that it is made of.
   */
  installKernels(base: string, say: (line: string) => void): Promise<Kernels>;
}

export interface Kernels {
  python: string;
  env: Record<string, string>;
}
