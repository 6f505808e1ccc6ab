{{/* The environment of API and worker pods that is no secret. */}}

{{/* Address of the chart's object store inside the cluster, or of the external one. */}}
{{- define "anonlink.minioServer" -}}
{{- if include "anonlink.ownMinio" . -}}
{{ include "anonlink.minioName" . }}:9000
{{- else -}}
{{ default "s3.amazonaws.com" .Values.minio.server }}
{{- end -}}
{{- end }}

{{/* First host of the object store's ingress, if it has one. */}}
{{- define "anonlink.minioIngressHost" -}}
{{- $ingress := .Values.minio.ingress -}}
{{- if and (include "anonlink.ownMinio" .) (include "anonlink.flag" $ingress.enabled) $ingress.hosts }}{{ first $ingress.hosts }}{{ end -}}
{{- end }}

{{/* Address that clients are told, and whether by TLS: (list $ env "UPLOAD" server secure). Nothing set means the inner address. */}}
{{- define "anonlink.exchange" -}}
{{- $root := index . 0 -}}
{{- $env := index . 1 -}}
{{- $prefix := printf "%s_OBJECT_STORE" (index . 2) -}}
{{- $server := index . 3 -}}
{{- $secure := index . 4 -}}
{{- $ingress := include "anonlink.minioIngressHost" $root -}}
{{- with default $ingress $server -}}
{{- $_ := set $env (printf "%s_SERVER" $prefix) . -}}
{{- end -}}
{{- if not (kindIs "invalid" $secure) -}}
{{- $_ := set $env (printf "%s_SECURE" $prefix) (toString $secure) -}}
{{- else if and (not $server) $ingress -}}
{{- $_ := set $env (printf "%s_SECURE" $prefix) (gt (len $root.Values.minio.ingress.tls) 0 | toString) -}}
{{- end -}}
{{- end }}

{{- define "anonlink.environment" -}}
{{- $env := dict -}}
{{- $v := .Values -}}
{{- $_ := set $env "ANONLINK_LISTEN" "0.0.0.0:8851" -}}
{{- $_ := set $env "ANONLINK_METRICS_LISTEN" "0.0.0.0:9090" -}}
{{- $_ := set $env "ANONLINK_LOG" $v.logging.level -}}
{{- $_ := set $env "ANONLINK_LOG_FORMAT" $v.logging.format -}}
{{- $_ := set $env "TMPDIR" "/tmp" -}}
{{- $otlp := $v.telemetry.otlp -}}
{{- with $otlp.endpoint -}}
{{- $_ := set $env "OTEL_EXPORTER_OTLP_ENDPOINT" . -}}
{{- $_ := set $env "OTEL_SERVICE_NAME" $otlp.serviceName -}}
{{- $_ := set $env "OTEL_TRACES_SAMPLER" $otlp.sampler -}}
{{- $_ := set $env "OTEL_TRACES_SAMPLER_ARG" (include "anonlink.number" $otlp.samplerArg) -}}
{{- end -}}

{{- /* The API. */ -}}
{{- $rate := kindIs "invalid" $v.api.rateLimit | ternary (ternary 0 200 (include "anonlink.www" . | eq "true")) $v.api.rateLimit -}}
{{- $_ := set $env "RATE_LIMIT" (include "anonlink.number" $rate) -}}
{{- $_ := set $env "RATE_LIMIT_BURST" (include "anonlink.number" $v.api.rateLimitBurst) -}}
{{- with $v.api.trustedProxies }}{{- $_ := set $env "TRUSTED_PROXIES" (join "," .) -}}{{- end -}}
{{- with $v.api.corsOrigins }}{{- $_ := set $env "CORS_ORIGINS" (join "," .) -}}{{- end -}}
{{- if not (include "anonlink.flag" $v.api.monitor) }}{{- $_ := set $env "MONITOR" "off" -}}{{- end -}}
{{- if not (include "anonlink.flag" $v.api.pages) }}{{- $_ := set $env "PAGES" "off" -}}{{- end -}}
{{- $_ := set $env "MAX_BODY_SIZE" (include "anonlink.number" $v.api.maxBodySize) -}}
{{- with $v.api.projectExpiresIn }}{{- $_ := set $env "PROJECT_EXPIRES_IN" (include "anonlink.number" .) -}}{{- end -}}
{{- with $v.api.projectMaxExpiresIn }}{{- $_ := set $env "PROJECT_MAX_EXPIRES_IN" (include "anonlink.number" .) -}}{{- end -}}
{{- $_ := set $env "MIN_ENCODING_SIZE" (include "anonlink.number" $v.api.minEncodingSize) -}}
{{- $_ := set $env "MAX_ENCODING_SIZE" (include "anonlink.number" $v.api.maxEncodingSize) -}}

{{- /* The workers. */ -}}
{{- with $v.workers.CHUNK_SIZE_AIM }}{{- $_ := set $env "CHUNK_SIZE_AIM" (include "anonlink.number" .) -}}{{- end -}}
{{- $_ := set $env "TILE_CACHE" (include "anonlink.number" $v.workers.tileCache) -}}
{{- $_ := set $env "LEASE_SECONDS" (include "anonlink.number" $v.workers.leaseSeconds) -}}
{{- $_ := set $env "SOLVER_MAX_CANDIDATE_PAIRS" (include "anonlink.number" $v.workers.solverMaxCandidatePairs) -}}
{{- $_ := set $env "SIMILARITY_SCORES_MAX_CANDIDATE_PAIRS" (include "anonlink.number" $v.workers.similarityScoresMaxCandidatePairs) -}}

{{- if include "anonlink.allInOne" . -}}
{{- $_ := set $env "ANONLINK_DATA_DIR" "/data" -}}
{{- $_ := set $env "UPLOAD_OBJECT_STORE_ENABLED" "false" -}}
{{- $_ := set $env "DOWNLOAD_OBJECT_STORE_ENABLED" "false" -}}
{{- else -}}
{{- include "anonlink.clusterEnvironment" (list . $env) -}}
{{- end -}}

{{- range $name, $value := $v.anonlink.config -}}
{{- $_ := set $env $name (include "anonlink.number" $value) -}}
{{- end -}}
{{- toYaml $env -}}
{{- end }}

{{/* What leads to PostgreSQL, Redis and the object store: (list $ env). */}}
{{- define "anonlink.clusterEnvironment" -}}
{{- $root := index . 0 -}}
{{- $env := index . 1 -}}
{{- $v := $root.Values -}}

{{- $port := include "anonlink.number" $v.postgresql.port -}}
{{- if include "anonlink.ownPostgresql" $root -}}
{{- $_ := set $env "DATABASE_SERVER" (include "anonlink.postgresqlName" $root) -}}
{{- else -}}
{{- $servers := list -}}
{{- range splitList "," (include "anonlink.externalPostgresql" $root) -}}
{{- $server := trim . -}}
{{- $servers = append $servers (or (contains ":" $server) (eq $port "5432") | ternary $server (printf "%s:%s" $server $port)) -}}
{{- end -}}
{{- $_ := set $env "DATABASE_SERVER" (join "," $servers) -}}
{{- end -}}
{{- $_ := set $env "DATABASE" $v.global.postgresql.postgresqlDatabase -}}
{{- $_ := set $env "DATABASE_USER" $v.global.postgresql.postgresqlUsername -}}
{{- $_ := set $env "DATABASE_TLS" $v.postgresql.tls.mode -}}
{{- if include "anonlink.hasCa" $v.postgresql.tls }}{{- $_ := set $env "DATABASE_CA_FILE" "/etc/anonlink/postgresql-ca/ca.crt" -}}{{- end -}}
{{- /* Each role reads its own name of these two. */ -}}
{{- $_ := set $env "FLASK_DB_MAX_CONNECTIONS" (include "anonlink.number" $v.api.databasePool) -}}
{{- $_ := set $env "CELERY_DB_MAX_CONNECTIONS" (include "anonlink.number" $v.workers.databasePool) -}}

{{- if include "anonlink.ownRedis" $root -}}
{{- $servers := list -}}
{{- range splitList " " (include "anonlink.redisPeers" $root) -}}
{{- $parts := splitList ":" . -}}
{{- $servers = append $servers (printf "%s:%s" (index $parts 0) (index $parts (include "anonlink.sentinel" $root | eq "true" | ternary 2 1))) -}}
{{- end -}}
{{- $_ := set $env "REDIS_SERVER" (join "," $servers) -}}
{{- else -}}
{{- $_ := set $env "REDIS_SERVER" $v.redis.server -}}
{{- end -}}
{{- $_ := set $env "REDIS_USE_SENTINEL" (include "anonlink.sentinel" $root | default "false") -}}
{{- $_ := set $env "REDIS_SENTINEL_NAME" $v.redis.sentinelName -}}
{{- $_ := set $env "REDIS_PREFIX" $v.redis.prefix -}}
{{- $_ := set $env "REDIS_SOCKET_TIMEOUT" (include "anonlink.number" $v.redis.socketTimeout) -}}
{{- $_ := set $env "REDIS_TLS" (include "anonlink.bool" $v.redis.tls.enabled) -}}
{{- with $v.redis.username }}{{- $_ := set $env "REDIS_USERNAME" . -}}{{- end -}}
{{- if include "anonlink.hasCa" $v.redis.tls }}{{- $_ := set $env "REDIS_CA_FILE" "/etc/anonlink/redis-ca/ca.crt" -}}{{- end -}}

{{- $objects := $v.anonlink.objectstore -}}
{{- $_ := set $env "MINIO_SERVER" (include "anonlink.minioServer" $root) -}}
{{- $_ := set $env "MINIO_BUCKET" (include "anonlink.bucket" $root) -}}
{{- $_ := set $env "MINIO_SECURE" (include "anonlink.bool" $objects.secure) -}}
{{- with $v.minio.region }}{{- $_ := set $env "OBJECT_STORE_REGION" . -}}{{- end -}}
{{- if not (kindIs "invalid" $v.minio.pathStyle) }}{{- $_ := set $env "OBJECT_STORE_PATH_STYLE" (toString $v.minio.pathStyle) -}}{{- end -}}
{{- with $v.minio.stsEndpoint }}{{- $_ := set $env "OBJECT_STORE_STS_ENDPOINT" . -}}{{- end -}}
{{- if include "anonlink.hasCa" $v.minio.tls }}{{- $_ := set $env "OBJECT_STORE_CA_FILE" "/etc/anonlink/minio-ca/ca.crt" -}}{{- end -}}

{{- $_ := set $env "UPLOAD_OBJECT_STORE_ENABLED" (include "anonlink.bool" $objects.uploadEnabled) -}}
{{- $_ := set $env "UPLOAD_OBJECT_STORE_BUCKET" $objects.uploadBucket.name -}}
{{- $_ := set $env "UPLOAD_OBJECT_STORE_STS_DURATION" (include "anonlink.number" $objects.uploadStsDuration) -}}
{{- with $objects.uploadRoleArn }}{{- $_ := set $env "UPLOAD_OBJECT_STORE_ROLE_ARN" . -}}{{- end -}}
{{- include "anonlink.exchange" (list $root $env "UPLOAD" $objects.uploadServer $objects.uploadSecure) -}}
{{- $_ := set $env "DOWNLOAD_OBJECT_STORE_ENABLED" (include "anonlink.bool" $objects.downloadEnabled) -}}
{{- $_ := set $env "DOWNLOAD_OBJECT_STORE_STS_DURATION" (include "anonlink.number" $objects.downloadStsDuration) -}}
{{- with $objects.downloadRoleArn }}{{- $_ := set $env "DOWNLOAD_OBJECT_STORE_ROLE_ARN" . -}}{{- end -}}
{{- include "anonlink.exchange" (list $root $env "DOWNLOAD" $objects.downloadServer $objects.downloadSecure) -}}
{{- end }}

{{/* Whether a `tls` value names certificate authorities. */}}
{{- define "anonlink.hasCa" -}}{{ if or .ca .existingSecret }}true{{ end }}{{- end }}
