package identity

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
)

// maxToken bounds a bearer token, in bytes.
const maxToken = 16 << 10

// BearerToken returns the token in a request's Authorization header; empty if there is none.
func BearerToken(r *http.Request) string {
	scheme, token, found := strings.Cut(strings.TrimSpace(r.Header.Get("Authorization")), " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// IsJWT reports whether a token has the form of a JWT, as the tokens of ServiceAccounts and OpenID Connect have. Its
// signature is not checked.
func IsJWT(token string) bool {
	parts := strings.Split(token, ".")
	if len(token) > maxToken || len(parts) != 3 || !isBase64(parts[2]) {
		return false
	}
	return isObject(parts[0]) && isObject(parts[1])
}

func isBase64(part string) bool {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && len(raw) > 0
}

func isObject(part string) bool {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	var object map[string]json.RawMessage
	return err == nil && json.Unmarshal(raw, &object) == nil && object != nil
}
