{{- define "weir.name" -}}{{ .Values.fullnameOverride }}{{- end }}

{{- define "weir.serviceAccount" -}}{{ .Values.serviceAccount.name | default (include "weir.name" .) }}{{- end }}

{{/* Labels that select the operator's pods. They never change: a Deployment's selector cannot. */}}
{{- define "weir.selector" -}}
app.kubernetes.io/name: weir-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Labels of every object. What changes with each version stays out of the pods, or every upgrade would restart them. */}}
{{- define "weir.labels" -}}
{{ include "weir.selector" . }}
app.kubernetes.io/component: operator
app.kubernetes.io/part-of: weir
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* Reference of an image. Takes a list: root, image. */}}
{{- define "weir.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- $registry := $root.Values.global.imageRegistry | default $root.Values.image.registry -}}
{{- with $registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{ $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default $root.Chart.AppVersion }}{{ end -}}
{{- end }}

{{- define "weir.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Secure, Plain or Off. */}}
{{- define "weir.metricsMode" -}}
{{- if ne .Values.metrics.mode "Auto" }}{{ .Values.metrics.mode }}
{{- else }}{{ ternary "Plain" "Secure" (not (empty .Values.watchNamespaces)) }}
{{- end }}
{{- end }}

{{- define "weir.podSecurity" -}}
runAsNonRoot: true
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "weir.containerSecurity" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
readOnlyRootFilesystem: true
{{- end }}

{{- define "weir.selftestNamespace" -}}
{{- .Values.selftest.namespace | default (empty .Values.watchNamespaces | ternary .Release.Namespace (first .Values.watchNamespaces)) -}}
{{- end }}
