{{/* Secrets: which the chart keeps itself, and which lie in secrets of the operator. */}}

{{/*
Every secret of the service by its environment variable: `value`, or `secret` and `key` of an existing one. What is not given is left out.
*/}}
{{- define "anonlink.secrets" -}}
{{- $all := dict -}}
{{- if not (include "anonlink.allInOne" .) -}}
{{- $database := .Values.global.postgresql -}}
{{- include "anonlink.addSecret" (list $all "DATABASE_PASSWORD" $database.postgresqlPassword $database.existingSecret $database.existingSecretKey) -}}
{{- $redis := .Values.redis -}}
{{- if or (include "anonlink.flag" $redis.usePassword) (include "anonlink.ownRedis" .) -}}
{{- include "anonlink.addSecret" (list $all "REDIS_PASSWORD" (include "anonlink.redisPassword" .) $redis.existingSecret $redis.existingSecretKey) -}}
{{- end -}}
{{- if not (include "anonlink.ownRedis" .) -}}
{{- include "anonlink.addSecret" (list $all "REDIS_SENTINEL_PASSWORD" $redis.sentinelPassword (ternary $redis.existingSecret "" (ne $redis.existingSecretSentinelKey "")) $redis.existingSecretSentinelKey) -}}
{{- end -}}
{{- $minio := .Values.minio -}}
{{- if not (include "anonlink.flag" $minio.podIdentity) -}}
{{- include "anonlink.addSecret" (list $all "MINIO_ACCESS_KEY" $minio.accessKey $minio.existingSecret $minio.existingSecretAccessKey) -}}
{{- include "anonlink.addSecret" (list $all "MINIO_SECRET_KEY" $minio.secretKey $minio.existingSecret $minio.existingSecretSecretKey) -}}
{{- end -}}
{{- $objects := .Values.anonlink.objectstore -}}
{{- if include "anonlink.flag" $objects.uploadEnabled -}}
{{- include "anonlink.addSecret" (list $all "UPLOAD_OBJECT_STORE_ACCESS_KEY" $objects.uploadAccessKey $objects.uploadExistingSecret $objects.uploadExistingSecretAccessKey) -}}
{{- include "anonlink.addSecret" (list $all "UPLOAD_OBJECT_STORE_SECRET_KEY" $objects.uploadSecretKey $objects.uploadExistingSecret $objects.uploadExistingSecretSecretKey) -}}
{{- end -}}
{{- if include "anonlink.flag" $objects.downloadEnabled -}}
{{- include "anonlink.addSecret" (list $all "DOWNLOAD_OBJECT_STORE_ACCESS_KEY" $objects.downloadAccessKey $objects.downloadExistingSecret $objects.downloadExistingSecretAccessKey) -}}
{{- include "anonlink.addSecret" (list $all "DOWNLOAD_OBJECT_STORE_SECRET_KEY" $objects.downloadSecretKey $objects.downloadExistingSecret $objects.downloadExistingSecretSecretKey) -}}
{{- end -}}
{{- end -}}
{{- $otlp := .Values.telemetry.otlp -}}
{{- if $otlp.endpoint -}}
{{- include "anonlink.addSecret" (list $all "OTEL_EXPORTER_OTLP_HEADERS" "" $otlp.existingSecret $otlp.existingSecretKey) -}}
{{- end -}}
{{- $tokens := .Values.api.tokens -}}
{{- include "anonlink.addSecret" (list $all "PROJECT_CREATION_TOKEN" $tokens.creation (ternary $tokens.existingSecret "" (ne $tokens.existingSecretCreationKey "")) $tokens.existingSecretCreationKey) -}}
{{- include "anonlink.addSecret" (list $all "PROJECT_LIST_TOKEN" $tokens.list (ternary $tokens.existingSecret "" (ne $tokens.existingSecretListKey "")) $tokens.existingSecretListKey) -}}
{{- include "anonlink.addSecret" (list $all "MONITOR_TOKEN" $tokens.monitor (ternary $tokens.existingSecret "" (ne $tokens.existingSecretMonitorKey "")) $tokens.existingSecretMonitorKey) -}}
{{- toYaml $all -}}
{{- end }}

{{/* (list all name value existingSecret key): an existing secret wins. */}}
{{- define "anonlink.addSecret" -}}
{{- $all := index . 0 -}}
{{- if index . 3 -}}
{{- $_ := set $all (index . 1) (dict "secret" (index . 3) "key" (index . 4)) -}}
{{- else if ne (toString (index . 2)) "" -}}
{{- $_ := set $all (index . 1) (dict "value" (include "anonlink.number" (index . 2))) -}}
{{- end -}}
{{- end }}

{{- define "anonlink.secretName" -}}{{ include "anonlink.fullname" . }}-secrets{{- end }}

{{/* Whether there is anything for the chart's own secret. */}}
{{- define "anonlink.ownSecret" -}}
{{- range $name, $secret := (include "anonlink.secrets" . | fromYaml) }}{{ if hasKey $secret "value" }}true{{ end }}{{ end -}}
{{- end }}

{{/* Environment entries for the secrets that lie in existing ones. */}}
{{- define "anonlink.secretEnv" -}}
{{- range $name, $secret := (include "anonlink.secrets" . | fromYaml) }}
{{- if hasKey $secret "secret" }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef: {name: {{ $secret.secret | quote }}, key: {{ $secret.key | quote }}}
{{- end }}
{{- end }}
{{- end }}

{{/* An environment entry of another name for one secret: (list $ "POSTGRES_PASSWORD" "DATABASE_PASSWORD"). */}}
{{- define "anonlink.secretAs" -}}
{{- $root := index . 0 -}}
{{- $secret := index (include "anonlink.secrets" $root | fromYaml) (index . 2) -}}
- name: {{ index . 1 }}
  valueFrom:
    secretKeyRef: {name: {{ default (include "anonlink.secretName" $root) $secret.secret | quote }}, key: {{ default (index . 2) $secret.key | quote }}}
{{- end }}

{{/* Checksum of the chart's own secret, for the pods that read it. */}}
{{- define "anonlink.secretChecksum" -}}{{ include "anonlink.secrets" . | sha256sum }}{{- end }}
