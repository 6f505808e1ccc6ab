{{/* How many pods there are, and how many of them may be taken away at once. */}}

{{/* An autoscaler by processor time: (list $ component deployment scaler). */}}
{{- define "anonlink.hpa" -}}
{{- $root := index . 0 -}}
{{- $scaler := index . 3 -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ index . 2 }}
  namespace: {{ $root.Release.Namespace | quote }}
  labels:
    {{- include "anonlink.labels" (list $root (index . 1)) | nindent 4 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ index . 2 }}}
  minReplicas: {{ include "anonlink.number" $scaler.minReplicas }}
  maxReplicas: {{ include "anonlink.number" $scaler.maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target: {type: Utilization, averageUtilization: {{ include "anonlink.number" $scaler.targetCPUUtilizationPercentage }}}
{{- end }}

{{/* A budget for disruptions: (list $ component name maxUnavailable). */}}
{{- define "anonlink.pdb" -}}
{{- $root := index . 0 -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ index . 2 }}
  namespace: {{ $root.Release.Namespace | quote }}
  labels:
    {{- include "anonlink.labels" (list $root (index . 1)) | nindent 4 }}
spec:
  maxUnavailable: {{ include "anonlink.number" (index . 3) }}
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "anonlink.selector" (list $root (index . 1)) | nindent 6 }}
{{- end }}
