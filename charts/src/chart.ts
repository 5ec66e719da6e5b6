import { App } from "cdk8s";
import type { z } from "zod";
import { access } from "./access.ts";
import { coalesce } from "./coalesce.ts";
import { configuration, configurationPart } from "./configuration.ts";
import { dashboards } from "./dashboards.ts";
import { definitions } from "./definitions.ts";
import { elements, holds, type Installation, resolved } from "./evaluate.ts";
import { dashboardFiles, dashboardPath, monitoring } from "./monitoring.ts";
import { network } from "./network.ts";
import { type Presence, Template } from "./template.ts";
import { Values } from "./values.ts";
import { workload } from "./workload.ts";

/** Everything the chart installs, built once; the templates and the plain manifests are two readings of it. */

/** A file of templates: objects, with expressions in place of values. */
export interface TemplateFile extends Presence {
  name: string;
  objects: readonly unknown[];
}

/** In the order in which a plain manifest has them. */
export const templateFiles: readonly TemplateFile[] = synthesized();

function synthesized(): TemplateFile[] {
  const app = new App();
  for (const build of [definitions, access, workload, network, monitoring]) build(app);
  // cdk8s teaches instanceof to take every Chart for a Template, which TypeScript does not believe.
  const templates = app.node.children.filter((child): child is Template => child instanceof Template);
  return templates.map((template) => ({ ...template.presence, name: template.node.id, objects: template.toJson() }));
}

export const parts = { [configurationPart]: configuration };

/** Files that objects take their content from. */
export const files: Readonly<Record<string, string>> = Object.fromEntries(
  dashboardFiles.map((file) => [dashboardPath(file), `${JSON.stringify(dashboards[file], undefined, 2)}\n`]),
);

/** The release where no person names one. */
export const defaultRelease = { Name: "tanren", Namespace: "tanren-system" };

/** Values that a person gives: those that matter to them. */
export type GivenValues = z.input<typeof Values>;

export function installation(
  given: GivenValues,
  appVersion: string,
  release: Installation["release"] = defaultRelease,
): Installation {
  const values = Values.parse(coalesce(Values.parse({}), given));
  return { values, release, appVersion, files, parts };
}

/** The objects that the values ask for. */
export function manifests(at: Installation): unknown[] {
  return templateFiles.flatMap(({ when, forEach, objects }) => {
    if (when !== undefined && !holds(when, at)) return [];
    const places = forEach === undefined ? [at] : elements(forEach, at).map((item) => ({ ...at, item }));
    return places.flatMap((place) => objects.map((object) => resolved(object, place)));
  });
}
