import { files, parts, type TemplateFile, templateFiles } from "./chart.ts";
import { checks } from "./checks.ts";
import { go, template } from "./go-template.ts";
import { valuesSchema, valuesTable, valuesYaml } from "./values-file.ts";

/** Files of the Helm chart, by path. */

const generated = "Generated from charts/src by `make generate`; do not edit.";
const header = `{{- /* ${generated} */ -}}`;

/** What the chart says of itself. */
export interface Chart {
  version: string;
  description: string;
  license: string;
}

export function chartFiles(chart: Chart): Record<string, string> {
  return {
    "Chart.yaml": chartYaml(chart),
    "values.yaml": valuesYaml(),
    "values.schema.json": `${JSON.stringify(valuesSchema(), undefined, 2)}\n`,
    "README.md": readme(),
    ".helmignore": ".DS_Store\n*.tgz\n*.orig\n",
    "templates/_parts.tpl": partsFile(),
    "templates/checks.yaml": checksFile(),
    "templates/NOTES.txt": notes,
    ...Object.fromEntries(templateFiles.map((file) => [`templates/${file.name}.yaml`, written(file)])),
    ...files,
  };
}

function written({ when, forEach, objects }: TemplateFile): string {
  const lines = objects.flatMap((object) => ["---", ...template(object)]);
  const repeated = forEach === undefined ? lines : [`{{- range $item := ${go(forEach)} }}`, ...lines, "{{- end }}"];
  const guarded = when === undefined ? repeated : [`{{- if ${go(when)} }}`, ...repeated, "{{- end }}"];
  return `${[header, ...guarded].join("\n")}\n`;
}

function partsFile(): string {
  const defined = Object.entries(parts).flatMap(([name, tree]) => [
    `{{- define ${JSON.stringify(name)} }}`,
    ...template(tree),
    "{{- end }}",
  ]);
  return `${[header, ...defined].join("\n")}\n`;
}

function checksFile(): string {
  const lines = checks.flatMap(({ wrong, message }) => [
    `{{- if ${go(wrong)} }}`,
    `{{- fail ${JSON.stringify(message)} }}`,
    "{{- end }}",
  ]);
  return `${[header, ...lines].join("\n")}\n`;
}

const chartYaml = ({ version, description, license }: Chart) => `# ${generated}
apiVersion: v2
name: tanren
type: application
version: ${version}
appVersion: ${JSON.stringify(version)}
description: ${description}
kubeVersion: ">=1.29.0-0"
keywords: [llm, training, inference, operator]
annotations:
  artifacthub.io/license: ${license}
  artifacthub.io/operator: "true"
`;

const cell = (text: string) => text.replaceAll("|", "\\|");

const readme = () => `<!-- ${generated} -->
# Helm chart of Tanren

The operator that carries a large language model from raw web pages to a served endpoint, its CustomResourceDefinitions, its rights and
what watches over it.

\`\`\`
helm install tanren charts/tanren --namespace tanren-system --create-namespace
\`\`\`

The guide is in \`docs/guide/install.md\`: other namespaces, private registries, GitOps, Kueue, Prometheus, upgrade, uninstall.

The CustomResourceDefinitions are templates, because Helm never upgrades what lies in a chart's \`crds\` folder. They carry
\`helm.sh/resource-policy: keep\`, because with a definition every object of its kind would go: an uninstall leaves them.

## Values
An unknown value is refused.

| value | default | meaning |
| --- | --- | --- |
${valuesTable()
  .map(([path, standard, meaning]) => `| \`${path}\` | \`${cell(standard)}\` | ${cell(meaning)} |`)
  .join("\n")}

Tanren and this chart are under the Apache License 2.0; see \`LICENSE\`.
`;

const notes = `Tanren {{ .Chart.AppVersion }} looks after {{ if eq .Values.mode "namespaced" }}namespace {{ .Release.Namespace }}{{ else }}all namespaces{{ end }}.

The operator is ready when this returns:
  kubectl --namespace {{ .Release.Namespace }} rollout status deployment/{{ .Release.Name }}-operator

Then apply manifests of runs and watch them:
  kubectl get tanren --all-namespaces
{{- if not .Values.crds.install }}

crds.install is false: the CustomResourceDefinitions must be there already, of this version or a newer one.
{{- end }}
{{- if gt (int .Values.replicas) 1 }}
{{- if not .Values.podDisruptionBudget.enabled }}

{{ .Values.replicas }} replicas and no PodDisruptionBudget: a drain of nodes may stop all of them at once (podDisruptionBudget.enabled).
{{- end }}
{{- end }}
`;
