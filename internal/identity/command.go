// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"

	"k8s.io/client-go/rest"
)

// usualAudience is the audience of most API servers: it is their issuer of tokens, unless --api-audiences says otherwise.
const usualAudience = "https://kubernetes.default.svc.cluster.local"

// TokenCommand returns the command that creates a token which reads and writes: for one of the audiences, and for the API
// server, whose audience is that of the operator's own token. config may be nil.
func TokenCommand(config *rest.Config, audiences ...string) string {
	command := "kubectl create token NAME"
	if len(audiences) == 0 {
		return command
	}
	return command + " --audience " + audiences[0] + " --audience " + serverAudience(config)
}

// serverAudience returns the audience that the API server accepts. It is read from the operator's own token, which the
// API server accepts too.
func serverAudience(config *rest.Config) string {
	if config == nil {
		return usualAudience
	}
	token := config.BearerToken
	if raw, err := os.ReadFile(config.BearerTokenFile); err == nil {
		token = strings.TrimSpace(string(raw))
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 { // an operator outside of the cluster has another token, or a certificate
		return usualAudience
	}
	var claims struct {
		Audiences []string `json:"aud"`
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(raw, &claims) != nil || len(claims.Audiences) == 0 {
		return usualAudience
	}
	return claims.Audiences[0]
}
