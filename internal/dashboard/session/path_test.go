// SPDX-License-Identifier: Apache-2.0

package session

import (
	"net/url"
	"strings"
	"testing"
)

func TestReturnPath(t *testing.T) {
	for wanted, want := range map[string]string{
		"/":                             "/",
		"/?namespace=qa":                "/?namespace=qa",
		"/defects/qa/d-1?x=1":           "/defects/qa/d-1?x=1",
		"/suites/qa/booking":            "/suites/qa/booking",
		"/defects#x":                    "/defects",
		"/runs/qa/r-1":                  "/runs/qa/r-1",
		"/suites?namespace=qa":          "/suites?namespace=qa",
		"/docs/slack":                   "/docs/slack",
		"":                              "/",
		"defects":                       "/",
		"//evil.example":                "/",
		"///evil.example":               "/",
		"/\\evil.example":               "/",
		"\\\\evil.example":              "/",
		"/%5cevil.example":              "/",
		"https:evil.example":            "/",
		"http://u@evil.example/":        "/",
		"javascript:alert(1)":           "/",
		"/defects/../signout":           "/",
		"/defects/%2e%2e/api":           "/",
		"/defects//x":                   "/",
		"/api/v1/defects":               "/",
		"/signin":                       "/",
		"/live":                         "/",
		"/defects\n":                    "/",
		"/defects?x=\r\nSet-Cookie: a":  "/",
		"/\tdefects":                    "/",
		"/" + strings.Repeat("x", 3000): "/",
	} {
		if got := ReturnPath(wanted); got != want {
			t.Errorf("%q: got %q, want %q", wanted, got, want)
		}
	}
}

func FuzzReturnPath(f *testing.F) {
	for _, seed := range []string{"/defects/a/b?c=d", "//x", "/%2f/x", "/activity\\x", "/rules/%0d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, wanted string) {
		got := ReturnPath(wanted)
		base, _ := url.Parse("https://dashboard.example/signin")
		u, err := base.Parse(got)
		if err != nil || u.Host != base.Host || u.Scheme != base.Scheme || strings.HasPrefix(got, "//") || strings.ContainsAny(got, "\r\n\\") {
			t.Errorf("%q leads to %q", wanted, got)
		}
	})
}
