{{- define "stateward.labels" -}}
app.kubernetes.io/part-of: stateward
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/name: {{ .name }}
{{- end }}
