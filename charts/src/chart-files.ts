import { customResourceDefinition } from "../../operator/api/crd.ts";
import { kinds } from "../../operator/api/kinds.ts";
import { admissionPolicies } from "./admission-policies.ts";
import { alertRules } from "./alerts.ts";
import { dashboards } from "./dashboards.ts";
import { editRules, networkPolicyRules, operatorRules, viewRules } from "./rights.ts";
import { valuesSchema, valuesTable, valuesYaml } from "./values-file.ts";
import { generatedYaml } from "./yaml.ts";

/** What is generated of the Helm chart, by path. Everything else in it is written by hand. */

/** Everything in here is generated: data that templates take in by `.Files`. */
export const dataFolder = "files";

const rules = {
  operator: operatorRules,
  "network-policies": networkPolicyRules,
  view: viewRules,
  edit: editRules,
};

/** @param readme The chart's README, whose table of values is written anew. */
export function chartFiles(readme: string): Record<string, string> {
  return {
    "values.yaml": valuesYaml(),
    "values.schema.json": json(valuesSchema()),
    "README.md": withTable(readme),
    ...folder(kinds, (kind) => [
      `crds/${kind.resource.plural}.yaml`,
      generatedYaml(customResourceDefinition(kind)),
    ]),
    ...folder(admissionPolicies, (policy) => [
      `admission-policies/${policy.plural}.yaml`,
      generatedYaml(policy),
    ]),
    ...folder(Object.entries(rules), ([name, list]) => [`rbac/${name}.yaml`, generatedYaml(list)]),
    ...folder(Object.entries(dashboards), ([name, dashboard]) => [`dashboards/${name}`, json(dashboard)]),
    [`${dataFolder}/rules/tanren.yaml`]: generatedYaml(alertRules),
  };
}

function folder<T>(
  of: readonly T[],
  file: (one: T) => [path: string, content: string],
): Record<string, string> {
  return Object.fromEntries(of.map(file).map(([path, content]) => [`${dataFolder}/${path}`, content]));
}

const json = (content: object) => `${JSON.stringify(content, undefined, 2)}\n`;

const [begin, end] = ["<!-- values: written by `make generate` -->", "<!-- end of values -->"];

function withTable(readme: string): string {
  const [before, rest] = readme.split(begin);
  const [, after] = rest?.split(end) ?? [];
  if (before === undefined || after === undefined)
    throw new Error(
      `charts/tanren/README.md has no lines "${begin}" and "${end}": put them where the table of values belongs`,
    );
  return [before, begin, "\n", table(), "\n", end, after].join("");
}

const table = () =>
  [
    "| value | default | meaning |",
    "| --- | --- | --- |",
    ...valuesTable().map(
      ([path, standard, meaning]) => `| \`${path}\` | \`${cell(standard)}\` | ${cell(meaning)} |`,
    ),
  ].join("\n");

const cell = (text: string) => text.replaceAll("|", "\\|");
