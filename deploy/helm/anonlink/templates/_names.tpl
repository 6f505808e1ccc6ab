{{/* Names and labels. */}}

{{- define "anonlink.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "anonlink.serverName" -}}{{ include "anonlink.fullname" . }}-{{ .Values.api.name }}{{- end }}
{{- define "anonlink.workerName" -}}{{ include "anonlink.fullname" . }}-{{ .Values.workers.name }}{{- end }}
{{- define "anonlink.postgresqlName" -}}{{ include "anonlink.fullname" . }}-{{ .Values.postgresql.nameOverride }}{{- end }}
{{- define "anonlink.redisName" -}}{{ include "anonlink.fullname" . }}-{{ index .Values "redis-ha" "nameOverride" }}{{- end }}
{{- define "anonlink.minioName" -}}{{ include "anonlink.fullname" . }}-{{ .Values.minio.nameOverride }}{{- end }}

{{- define "anonlink.serviceAccount" -}}
{{- if include "anonlink.flag" .Values.serviceAccount.create -}}
{{ default (include "anonlink.fullname" .) .Values.serviceAccount.name }}
{{- else -}}
{{ default "default" .Values.serviceAccount.name }}
{{- end -}}
{{- end }}
{{- define "anonlink.apiServiceAccount" -}}{{ default (include "anonlink.serviceAccount" .) .Values.api.serviceAccountName }}{{- end }}
{{- define "anonlink.workerServiceAccount" -}}{{ default (include "anonlink.apiServiceAccount" .) .Values.workers.serviceAccountName }}{{- end }}

{{/* What a component's pods are selected by: (list $ "api"). */}}
{{- define "anonlink.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ default $root.Chart.Name $root.Values.nameOverride }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* All labels of a component's objects: (list $ "api"). */}}
{{- define "anonlink.labels" -}}
{{- $root := index . 0 -}}
{{ include "anonlink.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: anonlink
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* An image: (list $ image defaults…). The first that says something wins, field by field; a repository brings its own tag and digest. */}}
{{- define "anonlink.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- $default := index . 2 -}}
{{- $repository := default $default.repository $image.repository -}}
{{- $tag := toString (default (default $root.Chart.AppVersion $default.tag) $image.tag) -}}
{{- $digest := default (ternary "" $default.digest (or (ne (toString $image.repository) "") (ne (toString $image.tag) ""))) $image.digest -}}
{{- $registry := $root.Values.global.imageRegistry -}}
{{- $host := first (splitList "/" $repository) -}}
{{- $hosted := and (contains "/" $repository) (or (contains "." $host) (contains ":" $host) (eq $host "localhost")) -}}
{{- if and $registry (not $hosted) -}}{{ trimSuffix "/" $registry }}/{{- end -}}
{{ $repository }}{{ if $digest }}@{{ $digest }}{{ else }}:{{ $tag }}{{ end }}
{{- end }}

{{- define "anonlink.apiImage" -}}{{ include "anonlink.image" (list . .Values.api.app.image .Values.image) }}{{- end }}
{{- define "anonlink.apiPullPolicy" -}}{{ default .Values.image.pullPolicy .Values.api.app.image.pullPolicy }}{{- end }}
{{- define "anonlink.workerImage" -}}{{ include "anonlink.image" (list . .Values.workers.image .Values.image) }}{{- end }}
{{- define "anonlink.workerPullPolicy" -}}{{ default .Values.image.pullPolicy .Values.workers.image.pullPolicy }}{{- end }}
