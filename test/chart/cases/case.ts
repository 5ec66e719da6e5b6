import { type Manifest, release, type Settings, version } from "../release.ts";

/** What a template of the chart makes of values, in the manner of helm-unittest. */
export interface Case {
  it: string;
  /** Values by path; everything else has its default. */
  set?: Settings;
  /** All that the template makes, as Kind/name. */
  makes?: readonly string[];
  /** The object to look at, as Kind/name; left out where the template makes one. */
  of?: string;
  /** Fields by path, with all they hold. */
  expect?: Readonly<Record<string, unknown>>;
  absent?: readonly string[];
  /** What Helm says when it refuses the values. */
  fails?: RegExp;
}

export interface Suite {
  cases: readonly Case[];
  /** What to look at in an object where that is not the object. */
  read?: (object: Manifest) => unknown;
}

/** Labels of every object. */
export const commonLabels = {
  "app.kubernetes.io/name": "tanren",
  "app.kubernetes.io/instance": release.name,
  "app.kubernetes.io/version": version,
};

/** Labels of the page's pods. */
export const uiLabels = {
  "app.kubernetes.io/name": "tanren",
  "app.kubernetes.io/instance": release.name,
  "app.kubernetes.io/component": "ui",
};

/** Labels of the operator's pods. */
export const operatorLabels = {
  "app.kubernetes.io/name": "tanren",
  "app.kubernetes.io/instance": release.name,
  "app.kubernetes.io/component": "operator",
};
