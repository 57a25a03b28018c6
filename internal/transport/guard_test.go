// SPDX-License-Identifier: Apache-2.0

package transport_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

// get makes a request and returns what comes back as text, or the error.
func get(ctx context.Context, t *testing.T, client *http.Client, address string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		return "", transport.Cause(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return "", transport.Cause(err)
	}
	return fmt.Sprint(res.Header, string(body)), nil
}

func TestNoSecretComesBack(t *testing.T) {
	const secret = `xoxb-1/2+3"ü<&>\end`
	const username = "bot@example.com"
	account := transport.Account{Username: username, Secrets: []string{secret}}
	var escaped strings.Builder
	for _, r := range secret {
		fmt.Fprintf(&escaped, `\u%04X`, r)
	}
	raw := []byte(secret)
	pair := []byte(username + ":" + secret)
	for name, echo := range map[string]string{
		"itself":                     secret,
		"in JSON":                    `{"error":"token xoxb-1/2+3\"ü<&>\\end is wrong"}`,
		"in JSON, slashes escaped":   `{"error":"xoxb-1\/2+3\"ü\u003c\u0026\u003e\\end"}`,
		"in a URL's query":           url.QueryEscape(secret),
		"in a URL's path":            url.PathEscape(secret),
		"in lower-case escapes":      strings.NewReplacer("%2F", "%2f", "%3C", "%3c", "%3E", "%3e", "%C3%BC", "%c3%bc", "%5C", "%5c", "%2B", "%2b").Replace(url.QueryEscape(secret)),
		"in HTML":                    `xoxb-1/2+3&#34;ü&lt;&amp;&gt;\end`,
		"in base64":                  base64.StdEncoding.EncodeToString(raw),
		"in base64 without padding":  base64.RawStdEncoding.EncodeToString(raw),
		"in base64 for URLs":         base64.RawURLEncoding.EncodeToString(raw),
		"in basic authentication":    "Basic " + base64.StdEncoding.EncodeToString(pair),
		"in a longer base64":         base64.StdEncoding.EncodeToString([]byte("Authorization: Bearer " + secret + "\r\n")),
		"between control characters": "xoxb-1\x1b/2+3\"ü<&>\x00\\end",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["X-Echo"] = []string{strings.NewReplacer("\x00", "", "\x1b", "").Replace(echo)}
			_, _ = io.WriteString(w, echo)
		}))
		client := transport.New(transport.Options{Reach: loopback}, account)
		got, err := get(t.Context(), t, client, server.URL)
		server.Close()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if n := strings.Count(got, "[redacted]"); n < 2 {
			t.Errorf("%s: got %q, want the header and the body redacted", name, got)
		}
		if strings.Contains(got, "xoxb") || strings.Contains(got, base64.RawStdEncoding.EncodeToString(raw)[4:12]) {
			t.Errorf("%s: got %q", name, got)
		}
	}
	if text := transport.NewRedactor(account).Text(escaped.String()); strings.Contains(text, "xoxb") {
		t.Errorf("the escaped secret became %q", text)
	}
}

func TestControlCharactersAreRemoved(t *testing.T) {
	redactor := transport.NewRedactor(transport.Account{})
	for in, want := range map[string]string{
		"\x1b[31mred\x1b[0m":                   "[31mred[0m",
		`{"a":"\u001b[31m\u009b2J\b\f\u202e"}`: `{"a":"[31m2J"}`,
		"C1 \u009b and bidi \u202e":            "C1  and bidi ",
		"line\nnext\ttab":                      "line\nnext\ttab",
		`{"a":"line\nnext \u000a \u00e9 \u0022 \\u001b \ud83d\ude00"}`: `{"a":"line\nnext \u000a é \" \\u001b \ud83d\ude00"}`,
		`ends in \`:    `ends in \`,
		`ends in \u00`: `ends in \u00`,
	} {
		if got := redactor.Text(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// TestRedirectsWithASecret checks that a redirect to an address with the credentials is neither followed nor shown.
func TestRedirectsWithASecret(t *testing.T) {
	const secret = "xoxb-secret-token"
	for _, location := range []string{"/x?token=" + secret, "https://" + secret + ".example.com/", "http://[" + secret + "/", "/a\x7fb"} {
		followed := false
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			followed = followed || r.URL.Path != "/"
			w.Header()["Location"] = []string{location}
			w.WriteHeader(http.StatusFound)
		}))
		_, err := get(t.Context(), t, transport.New(transport.Options{Reach: loopback}, transport.Account{Secrets: []string{secret}}), server.URL)
		server.Close()
		if err == nil || followed || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: got the error %v, followed %t", location, err, followed)
		}
	}
}

// TestProxiedRequestsAreChecked checks the host of a request that a proxy would resolve, and that the proxy
// itself may have any address.
func TestProxiedRequestsAreChecked(t *testing.T) {
	var got []string
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = append(got, r.URL.Host) }))
	defer proxy.Close()
	t.Setenv("HTTP_PROXY", proxy.URL)
	client := transport.New(transport.Options{}, transport.Account{})
	for _, host := range []string{"169.254.169.254", "[::ffff:169.254.169.254]", "2852039166", "metadata.google.internal", "100.100.100.200"} {
		if _, err := get(t.Context(), t, client, "http://"+host+"/"); err == nil || !strings.Contains(err.Error(), "integrations may not use") {
			t.Errorf("%s: got the error %v", host, err)
		}
	}
	if _, err := get(t.Context(), t, client, "http://jira.example.com/"); err != nil || len(got) != 1 {
		t.Errorf("the proxy got requests for %v, want only jira.example.com; the error is %v", got, err)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	size := 0
	body := "x"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range size {
			if _, err := io.WriteString(w, body); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	client := transport.New(transport.Options{Reach: loopback}, transport.Account{})
	block := strings.Repeat("x", 1<<10)
	for _, c := range []struct {
		name  string
		ctx   context.Context
		body  string
		count int
		want  string
	}{
		{"empty", t.Context(), block, 0, ""},
		{"small", t.Context(), block, 16, ""},
		{"long", t.Context(), block, 4 << 10, ""},
		{"too long", t.Context(), block, 4<<10 + 1, "longer than 4096 KiB"},
		{"a probe's", transport.ForProbe(t.Context()), block, 256, ""},
		{"too long for a probe", transport.ForProbe(t.Context()), block, 257, "longer than 256 KiB"},
		{"many objects", t.Context(), "{},", 20_000, ""},
		{"too many objects", t.Context(), "{},", 20_001, "longer than 20000 objects"},
	} {
		body = c.body
		size = c.count
		got, err := get(c.ctx, t, client, server.URL)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want == "" && strings.Count(got, c.body) != c.count:
			t.Errorf("%s: got %d bytes", c.name, len(got))
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got the error %v, want %q", c.name, err, c.want)
		}
	}
	body = block
	size = 256
	probe := transport.ForProbe(t.Context())
	for n := range 17 {
		if _, err := get(probe, t, client, server.URL); (err != nil) != (n == 16) {
			t.Errorf("answer %d of a probe that reads 4 MiB in all: got the error %v", n+1, err)
		}
	}
}
