{{/* A ServiceMonitor: (list $ name components path port). */}}
{{- define "anonlink.serviceMonitor" -}}
{{- $root := index . 0 -}}
{{- $monitor := $root.Values.metrics.serviceMonitor -}}
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: {{ index . 1 }}
  namespace: {{ $root.Release.Namespace | quote }}
  labels:
    {{- include "anonlink.labels" (list $root "metrics") | nindent 4 }}
    {{- with $monitor.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  namespaceSelector:
    matchNames: [{{ $root.Release.Namespace | quote }}]
  selector:
    matchLabels:
      app.kubernetes.io/instance: {{ $root.Release.Name }}
    matchExpressions:
      - {key: app.kubernetes.io/component, operator: In, values: {{ index . 2 | toJson }}}
  targetLabels: [app.kubernetes.io/component]
  endpoints:
    - port: {{ index . 4 }}
      path: {{ index . 3 }}
      interval: {{ $monitor.interval }}
{{- end }}
