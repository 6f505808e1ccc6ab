{{/* What a server's container and its sentinel's have in common: (list $ script). */}}
{{- define "anonlink.redisContainer" -}}
{{- $root := index . 0 -}}
{{- $values := index $root.Values "redis-ha" -}}
image: {{ include "anonlink.image" (list $root $values.image dict) | quote }}
imagePullPolicy: {{ $values.image.pullPolicy }}
command: [sh, /scripts/{{ index . 1 }}]
env:
  - name: POD_NAME
    valueFrom:
      fieldRef: {fieldPath: metadata.name}
  - {name: PEERS, value: {{ include "anonlink.redisPeers" $root | quote }}}
  - {name: SET, value: {{ include "anonlink.sentinel" $root | eq "true" | ternary $root.Values.redis.sentinelName "" | quote }}}
  - {name: MAXMEMORY, value: {{ $values.redis.maxmemory | quote }}}
  - {name: DOWN_AFTER, value: {{ include "anonlink.number" $values.sentinel.downAfterMilliseconds | quote }}}
  - {name: DATA, value: /data}
  - {name: CONF, value: /run/redis}
  - {name: KEEP, value: {{ include "anonlink.flag" $values.persistentVolume.enabled | eq "true" | ternary "yes" "no" | quote }}}
  {{- include "anonlink.secretAs" (list $root "REDIS_PASSWORD" "REDIS_PASSWORD") | nindent 2 }}
securityContext:
  {{- toYaml $root.Values.containerSecurityContext | nindent 2 }}
volumeMounts:
  - {name: scripts, mountPath: /scripts, readOnly: true}
  - {name: configuration, mountPath: /run/redis}
  - {name: data, mountPath: /data}
{{- end }}
