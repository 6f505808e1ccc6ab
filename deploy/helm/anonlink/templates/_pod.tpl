{{/* What pods have in common. */}}

{{/* Start of a pod's spec: (list $ securityContext). No token of the Kubernetes API, no environment from other services. */}}
{{- define "anonlink.podStart" -}}
{{- $root := index . 0 -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- $secrets := $root.Values.global.imagePullSecrets -}}
{{- with $root.Values.api.pullSecret }}{{ $secrets = append $secrets . }}{{ end -}}
{{- with $secrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . | quote }}
{{- end }}
{{- end }}
securityContext:
  {{- toYaml (index . 1) | nindent 2 }}
{{- end }}

{{/* Where pods run: (list $ component values fallback). What `values` leaves empty is taken from `fallback`. */}}
{{- define "anonlink.scheduling" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $values := index . 2 -}}
{{- $fallback := index . 3 -}}
{{- with default $fallback.priorityClassName $values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with default $fallback.nodeSelector $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with default $fallback.tolerations $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with default $fallback.affinity $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
{{- with default $fallback.topologySpreadConstraints $values.topologySpreadConstraints }}
  {{- toYaml . | nindent 2 }}
{{- else }}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "anonlink.selector" (list $root $component) | nindent 8 }}
{{- end }}
{{- end }}
{{- end }}

{{/* Annotations of pods that read the configuration: (list $ podAnnotations). A changed one means new pods. */}}
{{- define "anonlink.podAnnotations" -}}
{{- $root := index . 0 -}}
checksum/config: {{ include "anonlink.environment" $root | sha256sum }}
checksum/secret: {{ include "anonlink.secretChecksum" $root }}
{{- if include "anonlink.ownCa" $root }}
checksum/ca: {{ include "anonlink.ownCa" $root | sha256sum }}
{{- end }}
{{- with index . 1 }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The whole environment of a process. */}}
{{- define "anonlink.envFrom" -}}
- configMapRef:
    name: {{ include "anonlink.fullname" . }}-config
{{- if include "anonlink.ownSecret" . }}
- secretRef:
    name: {{ include "anonlink.secretName" . }}
{{- end }}
{{- end }}

{{/* Probes on the listener for probes. The first start may wait for nothing: processes wait for their stores by themselves. */}}
{{- define "anonlink.probes" -}}
startupProbe:
  httpGet: {path: /health/live, port: metrics}
  periodSeconds: 2
  failureThreshold: 30
livenessProbe:
  httpGet: {path: /health/live, port: metrics}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /health/ready, port: metrics}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 3
{{- end }}

{{/* PEM texts that the chart keeps itself, by file name. */}}
{{- define "anonlink.ownCa" -}}
{{- $own := dict -}}
{{- if not (include "anonlink.allInOne" .) -}}
{{- range $name := list "postgresql" "redis" "minio" -}}
{{- $tls := (index $.Values $name).tls -}}
{{- if and $tls.ca (not $tls.existingSecret) }}{{- $_ := set $own (printf "%s.crt" $name) $tls.ca -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- if $own }}{{ toYaml $own }}{{ end -}}
{{- end }}

{{/* Volumes and mounts: scratch, and certificate authorities. */}}
{{- define "anonlink.volumes" -}}
- name: scratch
  emptyDir: {sizeLimit: {{ .Values.scratchSize | quote }}}
{{- if not (include "anonlink.allInOne" .) }}
{{- range $name := list "postgresql" "redis" "minio" }}
{{- $tls := (index $.Values $name).tls }}
{{- if $tls.existingSecret }}
- name: {{ $name }}-ca
  secret:
    secretName: {{ $tls.existingSecret | quote }}
    items: [{key: {{ $tls.existingSecretKey | quote }}, path: ca.crt}]
{{- else if $tls.ca }}
- name: {{ $name }}-ca
  configMap:
    name: {{ include "anonlink.fullname" $ }}-ca
    items: [{key: {{ $name }}.crt, path: ca.crt}]
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- define "anonlink.volumeMounts" -}}
- {name: scratch, mountPath: /tmp}
{{- if not (include "anonlink.allInOne" .) }}
{{- range $name := list "postgresql" "redis" "minio" }}
{{- if include "anonlink.hasCa" (index $.Values $name).tls }}
- {name: {{ $name }}-ca, mountPath: /etc/anonlink/{{ $name }}-ca, readOnly: true}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* What API pods speak. */}}
{{- define "anonlink.scheme" -}}{{ if .Values.api.tls.existingSecret }}https{{ else }}http{{ end }}{{- end }}

{{/* HTTPS on the listener of API pods: environment, mount and volume. */}}
{{- define "anonlink.tlsEnv" -}}
{{- if .Values.api.tls.existingSecret }}
- {name: TLS_CERT_FILE, value: /etc/anonlink/tls/tls.crt}
- {name: TLS_KEY_FILE, value: /etc/anonlink/tls/tls.key}
{{- end }}
{{- end }}
{{- define "anonlink.tlsMount" -}}
{{- if .Values.api.tls.existingSecret }}
- {name: tls, mountPath: /etc/anonlink/tls, readOnly: true}
{{- end }}
{{- end }}
{{- define "anonlink.tlsVolume" -}}
{{- with .Values.api.tls.existingSecret }}
- name: tls
  secret: {secretName: {{ . | quote }}}
{{- end }}
{{- end }}

{{/* Keeps a stopping pod in service until load balancers have noticed. Kubernetes sleeps by itself from 1.30 on: the image has no shell. */}}
{{- define "anonlink.preStop" -}}
{{- $seconds := include "anonlink.number" .Values.api.preStopSleepSeconds -}}
{{- if and (ne $seconds "0") (semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version) }}
lifecycle:
  preStop:
    sleep: {seconds: {{ $seconds }}}
{{- end }}
{{- end }}

{{/* A claim of a stateful set: (list $ name persistence). */}}
{{- define "anonlink.claim" -}}
- metadata:
    name: {{ index . 1 }}
  spec:
    accessModes: [ReadWriteOnce]
    {{- with default (index . 0).Values.global.storageClass (index . 2).storageClass }}
    storageClassName: {{ . | quote }}
    {{- end }}
    resources:
      requests: {storage: {{ (index . 2).size | quote }}}
{{- end }}

{{/* A deployment's strategy; only rolling updates have settings. */}}
{{- define "anonlink.strategy" -}}
{{- if eq .type "Recreate" -}}
strategy: {type: Recreate}
{{- else -}}
strategy:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
