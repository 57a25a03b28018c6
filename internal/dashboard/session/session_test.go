// SPDX-License-Identifier: Apache-2.0

package session

import (
	"encoding/base64"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func jwt(expiry time.Time) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"none"}`)) + "." + part([]byte(fmt.Sprintf(`{"exp":%d}`, expiry.Unix()))) + "." + part([]byte("x"))
}

func TestExpiry(t *testing.T) {
	expires := time.Date(2026, 3, 4, 13, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		token string
		known bool
		want  time.Time
	}{
		"JWT":            {jwt(expires), true, expires},
		"not a JWT":      {"abc", false, time.Time{}},
		"not base64":     {"a.%%.c", false, time.Time{}},
		"not JSON":       {"a." + base64.RawURLEncoding.EncodeToString([]byte("x")) + ".c", false, time.Time{}},
		"without expiry": {"a." + base64.RawURLEncoding.EncodeToString([]byte("{}")) + ".c", false, time.Time{}},
	} {
		if got, known := expiry(c.token); known != c.known || !got.Equal(c.want) {
			t.Errorf("%s: got %v %v, want %v %v", name, got, known, c.want, c.known)
		}
	}
}

func TestCheck(t *testing.T) {
	for token, want := range map[string]string{
		"":                               "Paste a token",
		"a;b":                            "not a token",
		strings.Repeat("x", maxCookie):   "",
		strings.Repeat("x", maxCookie+1): "too long",
		jwt(time.Unix(1_800_000_000, 0)): "",
	} {
		if got := Check(token); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%.20q: got %q, want %q", token, got, want)
		}
	}
}

// TestTheCookieEndsWithTheToken checks Max-Age, which is never 0: that would be a cookie without an end.
func TestTheCookieEndsWithTheToken(t *testing.T) {
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	for token, want := range map[string]int{jwt(now.Add(time.Hour)): 3600, jwt(now.Add(-time.Hour)): 1, "opaque": 0} {
		w := httptest.NewRecorder()
		Begin(w, httptest.NewRequest("POST", "/signin", nil), token, now)
		cookies := w.Result().Cookies()
		if len(cookies) != 1 || cookies[0].MaxAge != want {
			t.Errorf("%s: got %v, want Max-Age %d", token, cookies, want)
		}
	}
}
