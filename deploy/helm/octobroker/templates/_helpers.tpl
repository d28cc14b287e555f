{{- define "octobroker.labels" -}}
{{ include "octobroker.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "octobroker.selector" -}}
app.kubernetes.io/name: octobroker
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "octobroker.name" -}}
{{- ternary .Release.Name (printf "%s-octobroker" .Release.Name) (contains "octobroker" .Release.Name) | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- /* Where the CA of the callers' certificates is mounted from; nothing, if there is none. */ -}}
{{- define "octobroker.clientCa" -}}
{{- with .Values.tls.clientCa }}
{{- if and .configMapName .secretName }}{{ fail "write tls.clientCa.configMapName or secretName, not both" }}{{ end }}
{{- $item := list (dict "key" .key "path" "tls/client-ca.pem") }}
{{- if .configMapName }}{{ dict "configMap" (dict "name" .configMapName "items" $item) | toJson }}{{ end }}
{{- if .secretName }}{{ dict "secret" (dict "name" .secretName "items" $item) | toJson }}{{ end }}
{{- end }}
{{- end }}

{{- /* The file: what was written, and the listeners that Service, probes and policy count on. */ -}}
{{- define "octobroker.file" -}}
{{- range list "listeners" "admin" }}
{{- if hasKey $.Values.config . }}{{ fail (printf "config.%s is written by the chart: use tls, plaintext and listener" .) }}{{ end }}
{{- end }}
{{- $listener := dict "bind" "0.0.0.0:8443" }}
{{- if .Values.tls.secretName }}
{{- $tls := dict "cert_file" "tls/tls.crt" "key_file" "tls/tls.key" }}
{{- if include "octobroker.clientCa" . }}{{ $_ := set $tls "client_ca_file" "tls/client-ca.pem" }}{{ end }}
{{- $_ := set $listener "tls" $tls }}
{{- else if include "octobroker.clientCa" . }}
{{- fail "tls.clientCa needs tls.secretName: without TLS nobody shows a certificate" }}
{{- else if .Values.plaintext }}
{{- $_ := set $listener "plaintext" true }}
{{- else }}
{{- fail "write tls.secretName, or plaintext: true if the cluster's network is trusted" }}
{{- end }}
{{- $made := dict "listeners" (list (merge $listener .Values.listener)) "admin" (dict "bind" "0.0.0.0:9484") }}
{{- toYaml (merge $made .Values.config) }}
{{- end }}
