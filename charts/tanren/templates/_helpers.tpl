{{/* Name of the operator's objects. */}}
{{- define "tanren.operatorName" -}}
{{ .Release.Name }}-operator
{{- end }}

{{/* Labels of every object. */}}
{{- define "tanren.labels" -}}
app.kubernetes.io/name: tanren
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{/* Labels that select the operator's pods. They never change: a Deployment's selector is immutable. */}}
{{- define "tanren.selectorLabels" -}}
app.kubernetes.io/name: tanren
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "tanren.uiName" -}}
{{ .Release.Name }}-ui
{{- end }}

{{/* Labels that select the page's pods. */}}
{{- define "tanren.uiSelectorLabels" -}}
app.kubernetes.io/name: tanren
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: ui
{{- end }}

{{/* Labels that select the pods of every run and endpoint. */}}
{{- define "tanren.kernelLabels" -}}
app.kubernetes.io/managed-by: tanren
{{- end }}

{{- define "tanren.serviceAccountName" -}}
{{ .Values.serviceAccount.name | default (include "tanren.operatorName" .) }}
{{- end }}

{{/* The operator's ServiceAccount, as the subject of a binding. */}}
{{- define "tanren.subject" -}}
kind: ServiceAccount
name: {{ include "tanren.serviceAccountName" . | quote }}
namespace: {{ .Release.Namespace | quote }}
{{- end }}

{{/* registry/repository:tag or registry/repository@digest: (dict "image" .Values.image "context" $) */}}
{{- define "tanren.image" -}}
{{- with .image.registry | default .context.Values.global.imageRegistry }}{{ . }}/{{ end }}
{{- .image.repository }}
{{- if .image.digest }}@{{ .image.digest }}{{ else }}:{{ .image.tag | default .context.Chart.AppVersion }}{{ end }}
{{- end }}

{{/* Patterns of an allow-list as the regular expressions that operator/api/allowed.ts makes of them. */}}
{{- define "tanren.patterns" -}}
{{- $expressions := list }}
{{- range . }}
{{- $expressions = append $expressions (printf "^%s$" (. | replace "." "[.]" | replace "*" ".*")) }}
{{- end }}
{{- toJson $expressions }}
{{- end }}

{{/* What the operator may do where it looks after runs. */}}
{{- define "tanren.operatorRules" -}}
{{ .Files.Get "files/rbac/operator.yaml" | trim }}
{{- if .Values.networkPolicies.enabled }}
{{ .Files.Get "files/rbac/network-policies.yaml" | trim }}
{{- end }}
{{- end }}

{{/* Port of the collector of traces. */}}
{{- define "tanren.tracingPort" -}}
{{- $url := urlParse .Values.tracing.endpoint }}
{{- regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host) | default (ternary "443" "80" (eq $url.scheme "https")) }}
{{- end }}

{{/*
The operator's configuration as JSON: an OperatorConfiguration of operator/api/configuration.ts. JSON has no comments and
needs its commas, so it is written as YAML first.
*/}}
{{- define "tanren.configuration" -}}
{{ include "tanren.configurationYaml" . | fromYaml | toPrettyJson }}
{{- end }}

{{- define "tanren.configurationYaml" -}}
{{- if eq .Values.mode "namespaced" }}
namespace: {{ .Release.Namespace | quote }}
{{- end }}
logLevel: {{ .Values.logLevel }}
workers: {{ .Values.workers }}
progressSeconds: {{ .Values.progressSeconds }}
port: 8080
leaderElection:
  # Even one replica is two for a moment: while a rollout replaces it.
  enabled: true
  leaseName: {{ include "tanren.operatorName" . }}
  leaseDurationSeconds: {{ .Values.leaderElection.leaseDurationSeconds }}
  renewDeadlineSeconds: {{ .Values.leaderElection.renewDeadlineSeconds }}
  retryPeriodSeconds: {{ .Values.leaderElection.retryPeriodSeconds }}
pods:
  image: {{ include "tanren.image" (dict "image" .Values.pods.image "context" $) | quote }}
  imagePullSecrets: {{ toJson .Values.pods.imagePullSecrets }}
  {{- with .Values.pods.queueName }}
  queueName: {{ . | quote }}
  {{- end }}
  extraVolumes: {{ toJson .Values.pods.extraVolumes }}
  extraVolumeMounts: {{ toJson .Values.pods.extraVolumeMounts }}
  labels: {{ toJson .Values.pods.labels }}
  annotations: {{ toJson .Values.pods.annotations }}
  env: {{ toJson .Values.pods.env }}
  {{- range $name := list "runtimeClassName" "schedulerName" "ephemeralStorage" }}
  {{- with index $.Values.pods $name }}
  {{ $name }}: {{ . | quote }}
  {{- end }}
  {{- end }}
  topologySpreadConstraints: {{ toJson .Values.pods.topologySpreadConstraints }}
  acceleratorResourceName: {{ .Values.pods.acceleratorResourceName | quote }}
  resourceClaims: {{ toJson .Values.pods.resourceClaims }}
allow: {{ omit .Values.allow "admissionPolicies" | toJson }}
networkPolicies:
  enabled: {{ .Values.networkPolicies.enabled }}
  {{- if .Values.networkPolicies.enabled }}
  operator:
    namespace: {{ .Release.Namespace | quote }}
    podLabels:
      {{- include "tanren.selectorLabels" . | nindent 6 }}
  {{- end }}
  clients: {{ toJson .Values.networkPolicies.clients }}
  egress: {{ toJson .Values.networkPolicies.egress }}
tracing:
  {{- with .Values.tracing.endpoint }}
  endpoint: {{ . | quote }}
  {{- end }}
  samplingRatio: {{ .Values.tracing.samplingRatio }}
{{- end }}
