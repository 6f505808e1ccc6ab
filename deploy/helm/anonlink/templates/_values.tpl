{{/* Values as they are meant: flags and numbers may be text, and some keys have a second name. */}}

{{/* "true" or nothing. */}}
{{- define "anonlink.flag" -}}{{ if eq (toString .) "true" }}true{{ end }}{{- end }}

{{/* "true" or "false". */}}
{{- define "anonlink.bool" -}}{{ include "anonlink.flag" . | default "false" }}{{- end }}

{{/* A number as it was written; YAML makes floats of all. */}}
{{- define "anonlink.number" -}}
{{- if kindIs "float64" . -}}
{{- if eq (floor .) . }}{{ printf "%.0f" . }}{{ else }}{{ . }}{{ end -}}
{{- else -}}{{ . }}{{- end -}}
{{- end }}

{{- define "anonlink.allInOne" -}}{{ include "anonlink.flag" .Values.allInOne.enabled }}{{- end }}
{{- define "anonlink.ownPostgresql" -}}
{{- if not (include "anonlink.allInOne" .) }}{{ include "anonlink.flag" .Values.provision.postgresql }}{{ end -}}
{{- end }}
{{- define "anonlink.ownRedis" -}}
{{- if not (include "anonlink.allInOne" .) }}{{ include "anonlink.flag" .Values.provision.redis }}{{ end -}}
{{- end }}
{{- define "anonlink.ownMinio" -}}
{{- if not (include "anonlink.allInOne" .) }}{{ include "anonlink.flag" .Values.provision.minio }}{{ end -}}
{{- end }}
{{- define "anonlink.www" -}}
{{- if not (include "anonlink.allInOne" .) }}{{ include "anonlink.flag" .Values.api.www.enabled }}{{ end -}}
{{- end }}

{{- define "anonlink.workerReplicas" -}}
{{- $replicas := .Values.workers.replicas -}}
{{- include "anonlink.number" (kindIs "invalid" $replicas | ternary .Values.workers.replicaCount $replicas) -}}
{{- end }}

{{- define "anonlink.workerQueues" -}}
{{- if .Values.workers.queues -}}
{{ join "," .Values.workers.queues }}
{{- else if eq (include "anonlink.number" .Values.workers.highmemory.replicaCount) "0" -}}
default,compute,highmemory
{{- else -}}
default,compute
{{- end -}}
{{- end }}

{{- define "anonlink.sentinel" -}}
{{- $alias := .Values.redis.use_sentinel -}}
{{- include "anonlink.flag" (kindIs "invalid" $alias | ternary .Values.redis.useSentinel $alias) -}}
{{- end }}

{{- define "anonlink.redisPassword" -}}{{ default (index .Values "redis-ha" "redisPassword") .Values.redis.password }}{{- end }}

{{- define "anonlink.bucket" -}}{{ default .Values.minio.defaultBucket.name .Values.minio.bucket }}{{- end }}

{{/* Host of an external PostgreSQL: the clear key, or the old one. The old one's default names the chart's own. */}}
{{- define "anonlink.externalPostgresql" -}}
{{- if .Values.postgresql.host -}}
{{ .Values.postgresql.host }}
{{- else if ne .Values.postgresql.nameOverride "db" -}}
{{ .Values.postgresql.nameOverride }}
{{- end -}}
{{- end }}

{{/* Servers of the chart's Redis, as "host:port:sentinelport" for each. */}}
{{- define "anonlink.redisPeers" -}}
{{- $name := include "anonlink.redisName" . -}}
{{- range $i := until (int (include "anonlink.redisReplicas" .)) }}{{ if $i }} {{ end }}{{ $name }}-{{ $i }}.{{ $name }}:6379:26379{{ end -}}
{{- end }}
{{- define "anonlink.redisReplicas" -}}
{{- if include "anonlink.sentinel" . }}{{ include "anonlink.number" (index .Values "redis-ha" "replicas") }}{{ else }}1{{ end -}}
{{- end }}

{{/* Seconds that Kubernetes waits for a pod to stop: what the process takes, and some. */}}
{{- define "anonlink.apiGrace" -}}
{{- add (int (include "anonlink.number" .Values.api.shutdownGraceSeconds)) (int (include "anonlink.number" .Values.api.preStopSleepSeconds)) 10 -}}
{{- end }}
{{- define "anonlink.workerGrace" -}}
{{- add (int (include "anonlink.number" .Values.workers.shutdownGraceSeconds)) 10 -}}
{{- end }}
