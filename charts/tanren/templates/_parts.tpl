{{- /* Generated from charts/src by `make generate`; do not edit. */ -}}
{{- define "tanren.configuration" }}
{{- if eq $.Values.mode "namespaced" }}
namespace: {{ toJson $.Release.Namespace }}
{{- end }}
logLevel: {{ toJson $.Values.logLevel }}
workers: {{ toJson $.Values.workers }}
progressSeconds: {{ toJson $.Values.progressSeconds }}
port: 8080
leaderElection:
  enabled: true
  leaseName: {{ toJson (printf "%v-operator" $.Release.Name) }}
  leaseDurationSeconds: {{ toJson $.Values.leaderElection.leaseDurationSeconds }}
  renewDeadlineSeconds: {{ toJson $.Values.leaderElection.renewDeadlineSeconds }}
  retryPeriodSeconds: {{ toJson $.Values.leaderElection.retryPeriodSeconds }}
pods:
  image: {{ toJson (printf "%v%v%v" (ternary (printf "%v/" (default $.Values.global.imageRegistry $.Values.pods.image.registry)) "" (not (empty (default $.Values.global.imageRegistry $.Values.pods.image.registry)))) $.Values.pods.image.repository (ternary (printf "@%v" $.Values.pods.image.digest) (printf ":%v" (default $.Chart.AppVersion $.Values.pods.image.tag)) (not (empty $.Values.pods.image.digest)))) }}
  imagePullSecrets: {{ toJson $.Values.pods.imagePullSecrets }}
  {{- if $.Values.pods.queueName }}
  queueName: {{ toJson $.Values.pods.queueName }}
  {{- end }}
  extraVolumes: {{ toJson $.Values.pods.extraVolumes }}
  extraVolumeMounts: {{ toJson $.Values.pods.extraVolumeMounts }}
networkPolicies:
  enabled: {{ toJson $.Values.networkPolicies.enabled }}
  {{- if $.Values.networkPolicies.enabled }}
  operator:
    namespace: {{ toJson $.Release.Namespace }}
    podLabels:
      app.kubernetes.io/name: tanren
      app.kubernetes.io/instance: {{ toJson $.Release.Name }}
      app.kubernetes.io/component: operator
  {{- end }}
  clients: {{ toJson $.Values.networkPolicies.clients }}
{{- end }}
