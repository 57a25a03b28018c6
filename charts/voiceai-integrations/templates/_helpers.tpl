{{/* The prefix of the names of all objects. */}}
{{- define "voiceai.fullname" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{/* The name of the Deployment. It is the label app.kubernetes.io/instance of the Pods. */}}
{{- define "voiceai.operator" -}}
{{ include "voiceai.fullname" . }}-operator
{{- end }}

{{- define "voiceai.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ default (include "voiceai.operator" .) .Values.serviceAccount.name }}
{{- else -}}
{{ required "serviceAccount.name is empty: name the ServiceAccount that exists, or set serviceAccount.create" .Values.serviceAccount.name }}
{{- end -}}
{{- end }}

{{/* Labels of every object. */}}
{{- define "voiceai.labels" -}}
app.kubernetes.io/name: integrations-operator
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Labels by which the Pods are selected. */}}
{{- define "voiceai.selector" -}}
app.kubernetes.io/name: integrations-operator
app.kubernetes.io/instance: {{ include "voiceai.operator" . }}
{{- end }}

{{- define "voiceai.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end }}

{{/* The Secret with the certificate of the API. */}}
{{- define "voiceai.apiSecret" -}}
{{ default (printf "%s-api" (include "voiceai.fullname" .)) .Values.api.tls.secretName }}
{{- end }}

{{/* One role of files/, with the prefix and labels of the release, and a namespace if it has one. */}}
{{- define "voiceai.role" -}}
{{- $role := .file | fromYaml -}}
{{- $_ := set $role.metadata "name" (printf "%s-%s" (include "voiceai.fullname" .root) $role.metadata.name) -}}
{{- $_ := set $role.metadata "labels" (merge (default dict $role.metadata.labels) (include "voiceai.labels" .root | fromYaml)) -}}
{{- with .namespace }}{{ $_ := set $role.metadata "namespace" . }}{{ end -}}
{{ toYaml $role }}
{{- end }}

{{/* A binding of a role to the operator, or to a group, in all namespaces or in one. */}}
{{- define "voiceai.binding" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ if .namespace }}RoleBinding{{ else }}ClusterRoleBinding{{ end }}
metadata:
  name: {{ include "voiceai.fullname" .root }}-{{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "voiceai.labels" .root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ default "ClusterRole" .kind }}
  name: {{ .role }}
subjects:
{{- if .group }}
- kind: Group
  apiGroup: rbac.authorization.k8s.io
  name: {{ .group }}
{{- else }}
- kind: ServiceAccount
  name: {{ include "voiceai.serviceAccount" .root }}
  namespace: {{ .root.Release.Namespace }}
{{- end }}
{{- end }}
