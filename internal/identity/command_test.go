// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/client-go/rest"
)

func TestTokenCommand(t *testing.T) {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	token := func(claims string) string { return part("{}") + "." + part(claims) + "." + part("signature") }
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token(`{"aud":["https://of-the-file"]}`)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		config *rest.Config
		want   string
	}{
		"no configuration": {nil, usualAudience},
		"a certificate":    {&rest.Config{}, usualAudience},
		"an opaque token":  {&rest.Config{BearerToken: "opaque"}, usualAudience},
		"no audience":      {&rest.Config{BearerToken: token(`{}`)}, usualAudience},
		"two audiences":    {&rest.Config{BearerToken: token(`{"aud":["https://issuer","k3s"]}`)}, "https://issuer"},
		"a file":           {&rest.Config{BearerTokenFile: file, BearerToken: token(`{"aud":["old"]}`)}, "https://of-the-file"},
		"a missing file":   {&rest.Config{BearerTokenFile: file + "x"}, usualAudience},
	} {
		if got, want := TokenCommand(test.config, "api"), "kubectl create token NAME --audience api --audience "+test.want; got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if got := TokenCommand(nil); got != "kubectl create token NAME" {
		t.Errorf("without an audience: %s", got)
	}
}
