{{/* What the schema can't say: values that need one another. All that is wrong is told at once, each with the value's name. */}}
{{- define "anonlink.validate" -}}
{{- $problems := list -}}
{{- range list "anonlink.wrongCredentials" "anonlink.wrongServers" "anonlink.wrongExposure" "anonlink.wrongScale" "anonlink.goneValues" -}}
{{- range splitList "\n" (include . $) -}}
{{- with trim . }}{{- $problems = append $problems . -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- if $problems -}}
{{- fail (printf "\n\nThe values don't make sense:\n  - %s\n" (join "\n  - " $problems)) -}}
{{- end -}}
{{- end }}

{{- define "anonlink.wrongCredentials" -}}
{{- $v := .Values -}}
{{- if not (include "anonlink.allInOne" .) }}
{{- $secrets := include "anonlink.secrets" . | fromYaml }}
{{- if not (hasKey $secrets "DATABASE_PASSWORD") }}
global.postgresql.postgresqlPassword is required (or global.postgresql.existingSecret)
{{- end }}
{{- if and (not (hasKey $secrets "REDIS_PASSWORD")) (or (include "anonlink.ownRedis" .) (include "anonlink.flag" $v.redis.usePassword)) }}
redis.password is required (or redis.existingSecret, or for an external Redis without one redis.usePassword=false)
{{- end }}
{{- $old := index $v "redis-ha" "redisPassword" }}
{{- if and $old $v.redis.password (ne $old $v.redis.password) }}
redis-ha.redisPassword is the old name of redis.password: give one of them, or the same to both
{{- end }}
{{- if include "anonlink.flag" $v.minio.podIdentity }}
{{- if include "anonlink.ownMinio" . }}
minio.podIdentity is for an external object store: set provision.minio=false
{{- end }}
{{- if or $v.minio.accessKey $v.minio.secretKey $v.minio.existingSecret }}
minio.podIdentity takes no keys: leave minio.accessKey, minio.secretKey and minio.existingSecret out
{{- end }}
{{- else }}
{{- range $name, $key := dict "MINIO_ACCESS_KEY" "accessKey" "MINIO_SECRET_KEY" "secretKey" }}
{{- if not (hasKey $secrets $name) }}
minio.{{ $key }} is required (or minio.existingSecret, or for AWS minio.podIdentity)
{{- end }}
{{- end }}
{{- end }}
{{- range $kind := list "upload" "download" }}
{{- $prefix := printf "%s_OBJECT_STORE" (upper $kind) }}
{{- $access := hasKey $secrets (printf "%s_ACCESS_KEY" $prefix) }}
{{- $secret := hasKey $secrets (printf "%s_SECRET_KEY" $prefix) }}
{{- if and $access (not $secret) }}
anonlink.objectstore.{{ $kind }}SecretKey is required with anonlink.objectstore.{{ $kind }}AccessKey
{{- end }}
{{- if and $secret (not $access) }}
anonlink.objectstore.{{ $kind }}AccessKey is required with anonlink.objectstore.{{ $kind }}SecretKey
{{- end }}
{{- if include "anonlink.ownMinio" $ }}
{{- $length := len (get (get $secrets (printf "%s_SECRET_KEY" $prefix) | default dict) "value" | default "12345678") }}
{{- if lt $length 8 }}
anonlink.objectstore.{{ $kind }}SecretKey must have 8 characters at least
{{- end }}
{{- with get (get $secrets (printf "%s_ACCESS_KEY" $prefix) | default dict) "value" }}
{{- if eq . (toString $v.minio.accessKey) }}
anonlink.objectstore.{{ $kind }}AccessKey must not be minio.accessKey: the administrator's keys can't be lent
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if and (include "anonlink.ownMinio" .) $v.minio.secretKey (lt (len (toString $v.minio.secretKey)) 8) }}
minio.secretKey must have 8 characters at least
{{- end }}
{{- if and (include "anonlink.ownMinio" .) $v.minio.accessKey (lt (len (toString $v.minio.accessKey)) 3) }}
minio.accessKey must have 3 characters at least
{{- end }}
{{- end }}
{{- end }}

{{- define "anonlink.wrongServers" -}}
{{- $v := .Values -}}
{{- if not (include "anonlink.allInOne" .) }}
{{- if include "anonlink.ownPostgresql" . }}
{{- if $v.postgresql.host }}
postgresql.host names an external PostgreSQL: set provision.postgresql=false
{{- end }}
{{- if ne $v.postgresql.tls.mode "disable" }}
postgresql.tls.mode={{ $v.postgresql.tls.mode }}: the chart's PostgreSQL speaks no TLS; it is for an external one
{{- end }}
{{- else if not (include "anonlink.externalPostgresql" .) }}
postgresql.host is required with provision.postgresql=false
{{- end }}
{{- if include "anonlink.ownRedis" . }}
{{- if include "anonlink.flag" $v.redis.tls.enabled }}
redis.tls.enabled: the chart's Redis speaks no TLS; it is for an external one
{{- end }}
{{- $replicas := int (include "anonlink.redisReplicas" .) }}
{{- if and (include "anonlink.sentinel" .) (or (lt $replicas 3) (eq (mod $replicas 2) 0)) }}
redis-ha.replicas must be odd and 3 at least, so that sentinels have a majority; for one server set redis.useSentinel=false
{{- end }}
{{- else }}
{{- if not $v.redis.server }}
redis.server is required with provision.redis=false
{{- end }}
{{- if and (contains "," $v.redis.server) (not (include "anonlink.sentinel" .)) }}
redis.server names several servers: that takes redis.useSentinel=true, and the addresses of the sentinels
{{- end }}
{{- end }}
{{- if include "anonlink.ownMinio" . }}
{{- if include "anonlink.flag" $v.anonlink.objectstore.secure }}
anonlink.objectstore.secure: the chart's object store speaks no TLS; it is for an external one
{{- end }}
{{- if ne $v.minio.mode "standalone" }}
minio.mode={{ $v.minio.mode }}: the chart's object store is standalone; for a distributed one set provision.minio=false and minio.server
{{- end }}
{{- end }}
{{- if and (eq (include "anonlink.bucket" .) $v.anonlink.objectstore.uploadBucket.name) (include "anonlink.flag" $v.anonlink.objectstore.uploadEnabled) }}
anonlink.objectstore.uploadBucket.name must not be the bucket of minio.defaultBucket.name
{{- end }}
{{- end }}
{{- end }}

{{- define "anonlink.wrongExposure" -}}
{{- $v := .Values -}}
{{- if eq $v.api.name "api" }}
api.name=api is the name of the inner service: choose another
{{- end }}
{{- if and $v.api.tls.existingSecret (include "anonlink.www" .) }}
api.tls.existingSecret: behind api.www the API speaks plain HTTP; leave one of the two out
{{- end }}
{{- if and $v.api.tls.caKey (not $v.api.tls.existingSecret) }}
api.tls.caKey is a key of api.tls.existingSecret, which is missing
{{- end }}
{{- if and (include "anonlink.flag" $v.api.ingress.enabled) (not $v.api.ingress.hosts) }}
api.ingress.hosts is required with api.ingress.enabled
{{- end }}
{{- if and (include "anonlink.flag" $v.api.httpRoute.enabled) (not $v.api.httpRoute.parentRefs) }}
api.httpRoute.parentRefs is required with api.httpRoute.enabled
{{- end }}
{{- if and (include "anonlink.ownMinio" .) (include "anonlink.flag" $v.minio.ingress.enabled) (not $v.minio.ingress.hosts) }}
minio.ingress.hosts is required with minio.ingress.enabled
{{- end }}
{{- if and (not (include "anonlink.flag" $v.serviceAccount.create)) $v.serviceAccount.annotations }}
serviceAccount.annotations have no effect with serviceAccount.create=false: put them on the service account itself
{{- end }}
{{- end }}

{{- define "anonlink.wrongScale" -}}
{{- $v := .Values -}}
{{- range $name, $scaler := dict "api" $v.api.autoscaler "workers" $v.workers.autoscaler }}
{{- $least := int (include "anonlink.number" $scaler.minReplicas) }}
{{- if gt $least (int (include "anonlink.number" $scaler.maxReplicas)) }}
{{ $name }}.autoscaler.minReplicas is above {{ $name }}.autoscaler.maxReplicas
{{- end }}
{{- if and (eq $least 0) (ne (toString $scaler.kind) "keda") }}
{{ $name }}.autoscaler.minReplicas=0 takes KEDA (workers.autoscaler.kind=keda)
{{- end }}
{{- end }}
{{- if and (include "anonlink.allInOne" .) (or (include "anonlink.flag" $v.api.autoscaler.enabled) (include "anonlink.flag" $v.workers.autoscaler.enabled)) }}
allInOne.enabled is one pod: switch api.autoscaler.enabled and workers.autoscaler.enabled off
{{- end }}
{{- if not (include "anonlink.allInOne" .) }}
{{- $queues := include "anonlink.workerQueues" . }}
{{- if ne (include "anonlink.number" $v.workers.highmemory.replicaCount) "0" }}
{{- $queues = printf "%s,%s" $queues (join "," $v.workers.highmemory.queues) }}
{{- end }}
{{- range list "default" "compute" "highmemory" }}
{{- if not (has . (splitList "," $queues)) }}
workers.queues and workers.highmemory.queues leave the queue {{ . }} to nobody
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Keys of the old chart that can't mean what they meant. */}}
{{- define "anonlink.goneValues" -}}
{{- $v := .Values -}}
{{- if include "anonlink.flag" $v.api.app.debug }}
api.app.debug has gone: set logging.level=debug
{{- end }}
{{- if include "anonlink.flag" $v.workers.debug }}
workers.debug has gone: set logging.level=debug
{{- end }}
{{- if $v.api.dbinit.image }}
api.dbinit.image has gone: migrations run from api.app.image
{{- end }}
{{- with $v.global.global }}
global.global.storageClass has gone: set global.storageClass
{{- end }}
{{- with index $v "redis-ha" "resources" }}
redis-ha.resources has gone: set redis-ha.redis.resources and redis-ha.sentinel.resources
{{- end }}
{{- if not (include "anonlink.flag" (index $v "redis-ha" "auth")) }}
redis-ha.auth=false has gone: the chart's Redis always asks for a password
{{- end }}
{{- end }}
