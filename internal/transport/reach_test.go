// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

func TestAddresses(t *testing.T) {
	const allowed = ""
	reach := Reach{Denied: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	for address, want := range map[string]string{
		"93.184.216.34":                  allowed,
		"192.168.1.10":                   allowed,
		"fd12:3456::1":                   allowed,
		"2606:4700::1111":                allowed,
		"64:ff9b::5db8:d822":             allowed,
		"2002:5db8:d822::1":              allowed,
		"64:ff9b:1:5db8:d8:2200::":       allowed,
		"0.0.0.0":                        "address of this host",
		"0.1.2.3":                        "address of this host",
		"::":                             "unspecified",
		"127.0.0.1":                      "--allow-loopback",
		"127.255.255.254":                "--allow-loopback",
		"::1":                            "--allow-loopback",
		"::ffff:127.0.0.1":               "--allow-loopback",
		"::7f00:1":                       "--allow-loopback",
		"64:ff9b::7f00:1":                "--allow-loopback",
		"169.254.169.254":                "link-local",
		"169.254.170.2":                  "link-local",
		"169.254.170.23":                 "link-local",
		"::ffff:169.254.169.254":         "link-local",
		"::a9fe:a9fe":                    "link-local",
		"::ffff:0:a9fe:a9fe":             "link-local",
		"64:ff9b::a9fe:a9fe":             "link-local",
		"64:ff9b:1::a9fe:a9fe":           "link-local",
		"64:ff9b:1:a9fe:a9:fe00::":       "link-local",
		"2002:a9fe:a9fe::1":              "link-local",
		"2001:0:1:2:3:4:5601:5601":       "link-local",
		"2001:db8::5efe:a9fe:a9fe":       "link-local",
		"2001:db8::200:5efe:a9fe:a9fe":   "link-local",
		"fe80::1":                        "link-local",
		"fe80::a9fe:a9fe%eth0":           "link-local",
		"224.0.0.1":                      "multicast",
		"ff02::1":                        "multicast",
		"255.255.255.255":                "broadcast",
		"fd00:ec2::254":                  "metadata",
		"fd00:ec2::23":                   "metadata",
		"fd20:ce::254":                   "metadata",
		"fd00:c1::a9fe:a9fe":             "metadata",
		"fd00:42::42":                    "metadata",
		"100.100.100.200":                "metadata",
		"64:ff9b::6464:64c8":             "metadata",
		"168.63.129.16":                  "metadata",
		"192.0.0.192":                    "metadata",
		"10.1.2.3":                       "--deny-cidrs",
		"::ffff:10.1.2.3":                "--deny-cidrs",
		"64:ff9b::a01:203":               "--deny-cidrs",
		"localhost":                      "--allow-loopback",
		"Jira.LOCALHOST.":                "--allow-loopback",
		"metadata.google.internal":       "metadata",
		"METADATA.google.internal.":      "metadata",
		"2852039166":                     "unusual form",
		"0xa9fea9fe":                     "unusual form",
		"169.254.43518":                  "unusual form",
		"0251.0376.0251.0376":            "unusual form",
		"127.1":                          "unusual form",
		"127.0.0.0x1":                    "unusual form",
		"jira.example.com":               allowed,
		"0x.example.com":                 allowed,
		"acme.atlassian.net":             allowed,
		"169.254.169.254.nip.io":         allowed, // checked once it is resolved
		"slack.com":                      allowed,
		"jira.team-1.svc.cluster.local.": allowed,
	} {
		err := reach.CheckHost(address)
		var refused *RefusedError
		switch {
		case want == allowed && err != nil:
			t.Errorf("%s is refused: %v", address, err)
		case want != allowed && !errors.As(err, &refused):
			t.Errorf("%s: got %v, want a refusal", address, err)
		case want != allowed && !strings.Contains(err.Error(), want):
			t.Errorf("%s: got %q, want %q", address, err, want)
		}
	}
}

func TestLoopbackIsAllowedByAFlag(t *testing.T) {
	reach := Reach{AllowLoopback: true}
	for _, address := range []string{"127.0.0.1", "::1", "::ffff:127.0.0.1", "localhost"} {
		if err := reach.CheckHost(address); err != nil {
			t.Errorf("%s is refused: %v", address, err)
		}
	}
	for _, address := range []string{"0.0.0.0", "::", "169.254.169.254"} {
		if reach.CheckHost(address) == nil {
			t.Errorf("%s is allowed", address)
		}
	}
}

func TestAllowedHosts(t *testing.T) {
	reach := Reach{AllowedHosts: []string{"Slack.com", "*.atlassian.net", "100.100.100.200", "10.0.0.7"}}
	for host, want := range map[string]bool{
		"slack.com": true, "SLACK.com.": true, "acme.atlassian.net": true, "a.b.atlassian.net": true, "10.0.0.7": true,
		"atlassian.net": false, ".atlassian.net": false, "evilatlassian.net": false, "api.slack.com": false,
		"atlassian.net.evil.com": false, "10.0.0.8": false, "100.100.100.200": false,
	} {
		if err := reach.CheckHost(host); (err == nil) != want {
			t.Errorf("%s: got %v, want allowed %t", host, err, want)
		}
	}
}

func TestConnectionsAreChecked(t *testing.T) {
	for address, want := range map[string]bool{
		"169.254.169.254:80": false, "[fe80::1%lo]:80": false, "[::ffff:169.254.169.254]:443": false,
		"127.0.0.1:8080": false, "93.184.216.34:443": true,
	} {
		if err := (Reach{}).control("tcp", address, nil); (err == nil) != want {
			t.Errorf("%s: got %v, want allowed %t", address, err, want)
		}
	}
}

// TestDialIsChecked checks the address to which a name leads, and that of a proxy, which is not refused.
func TestDialIsChecked(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	address := server.Listener.Addr().String()
	proxied := context.WithValue(t.Context(), proxiedKey{}, true)
	for name, c := range map[string]struct {
		ctx  context.Context
		with Options
		want bool
	}{
		"loopback":         {t.Context(), Options{}, false},
		"loopback allowed": {t.Context(), Options{Reach: Reach{AllowLoopback: true}}, true},
		"denied network":   {t.Context(), Options{Reach: Reach{AllowLoopback: true, Denied: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}}, false},
		"proxy":            {proxied, Options{}, true},
	} {
		conn, err := c.with.dial(c.ctx, "tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		f := RefusalOf(&url.Error{Op: "Get", URL: "http://jira.example.com", Err: err})
		if c.want && err != nil || !c.want && (f == nil || !f.Kind.Permanent()) {
			t.Errorf("%s: got the error %v and the fault %v, want allowed %t", name, err, f, c.want)
		}
	}
}
