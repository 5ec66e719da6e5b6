import { ApiObject, type ApiObjectProps, type App, Chart } from "cdk8s";
import { type Expression, equal, token, value } from "./expression.ts";

/** When the objects of a template exist. */
export interface Presence {
  /** Only when this holds. */
  when?: Expression;
  /** Once for each element of a list, which is `item` within. */
  forEach?: Expression;
}

/** A file of the chart's templates: a cdk8s Chart whose objects exist under one condition. */
export class Template extends Chart {
  readonly presence: Presence;

  constructor(app: App, name: string, presence: Presence = {}) {
    super(app, name, { disableResourceNameHashes: true, labels: commonLabels });
    this.presence = presence;
  }

  add(props: ApiObjectProps): ApiObject {
    return new ApiObject(this, `${props.kind}-${props.metadata?.name}`, props);
  }
}

export const namespace = token({ release: "Namespace" });
const release = token({ release: "Name" });

/** Name of the operator's objects, and with a suffix of what belongs to the release. */
export const operatorName = `${release}-operator`;
export const named = (suffix: string) => `${release}-${suffix}`;

/** These never change: a Deployment's selector is fixed. */
export const operatorLabels = {
  "app.kubernetes.io/name": "tanren",
  "app.kubernetes.io/instance": release,
  "app.kubernetes.io/component": "operator",
};

const commonLabels = {
  "app.kubernetes.io/name": "tanren",
  "app.kubernetes.io/instance": release,
  "app.kubernetes.io/version": token({ appVersion: true }),
};

export const isCluster = equal(value("mode"), "cluster");
export const isNamespaced = equal(value("mode"), "namespaced");
