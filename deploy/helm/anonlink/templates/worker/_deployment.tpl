{{/*
A deployment of workers: (list $ component name values). `values` has what differs between the two kinds: replicas (none if a scaler
decides), queues, resources, and where they run.
*/}}
{{- define "anonlink.worker" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $values := index . 3 -}}
{{- $workers := $root.Values.workers -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ index . 2 }}
  namespace: {{ $root.Release.Namespace | quote }}
  labels:
    {{- include "anonlink.labels" (list $root $component) | nindent 4 }}
  {{- with $workers.deploymentAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- if $values.replicas }}
  replicas: {{ $values.replicas }}
  {{- end }}
  revisionHistoryLimit: 3
  {{- include "anonlink.strategy" $workers.strategy | nindent 2 }}
  selector:
    matchLabels:
      {{- include "anonlink.selector" (list $root $component) | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "anonlink.labels" (list $root $component) | nindent 8 }}
        {{- with $workers.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        {{- include "anonlink.podAnnotations" (list $root $workers.podAnnotations) | nindent 8 }}
    spec:
      {{- include "anonlink.podStart" (list $root $root.Values.podSecurityContext) | nindent 6 }}
      {{- include "anonlink.scheduling" (list $root $component $values.scheduling $workers) | trim | nindent 6 }}
      serviceAccountName: {{ include "anonlink.workerServiceAccount" $root }}
      terminationGracePeriodSeconds: {{ include "anonlink.workerGrace" $root }}
      containers:
        - name: worker
          image: {{ include "anonlink.workerImage" $root | quote }}
          imagePullPolicy: {{ include "anonlink.workerPullPolicy" $root }}
          args:
            - work
            {{- with $workers.extraArgs }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          ports:
            - {name: metrics, containerPort: 9090}
          envFrom:
            {{- include "anonlink.envFrom" $root | nindent 12 }}
          env:
            - {name: ANONLINK_QUEUES, value: {{ $values.queues | quote }}}
            {{- if not (kindIs "invalid" $workers.celery.CONCURRENCY) }}
            - {name: CONCURRENCY, value: {{ include "anonlink.number" $workers.celery.CONCURRENCY | quote }}}
            {{- end }}
            - {name: SHUTDOWN_GRACE_SECONDS, value: {{ include "anonlink.number" $workers.shutdownGraceSeconds | quote }}}
            {{- include "anonlink.secretEnv" $root | trim | nindent 12 }}
            {{- with $workers.extraEnv }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          {{- include "anonlink.probes" $root | nindent 10 }}
          resources:
            {{- toYaml $values.resources | nindent 12 }}
          securityContext:
            {{- toYaml $root.Values.containerSecurityContext | nindent 12 }}
          volumeMounts:
            {{- include "anonlink.volumeMounts" $root | nindent 12 }}
            {{- with $workers.extraVolumeMounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
      volumes:
        {{- include "anonlink.volumes" $root | nindent 8 }}
        {{- with $workers.extraVolumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
{{- end }}
