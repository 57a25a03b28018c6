// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"io"
	"strings"
	"testing"
)

func TestOutgoingFlags(t *testing.T) {
	for _, c := range []struct {
		args []string
		host string
		// want is part of the refusal; empty if the host is allowed.
		want string
	}{
		{nil, "10.0.0.1", ""},
		{nil, "127.0.0.1", "--allow-loopback"},
		{[]string{"--allow-loopback"}, "127.0.0.1", ""},
		{[]string{"--allow-loopback"}, "169.254.169.254", "link-local"},
		{[]string{"--deny-cidrs=10.0.0.0/8, 192.168.1.7,fd00::/8"}, "10.9.8.7", "--deny-cidrs"},
		{[]string{"--deny-cidrs=10.0.0.0/8, 192.168.1.7,fd00::/8"}, "192.168.1.7", "--deny-cidrs"},
		{[]string{"--deny-cidrs=10.0.0.0/8, 192.168.1.7,fd00::/8"}, "192.168.1.8", ""},
		{[]string{"--deny-cidrs=10.0.0.0/8, 192.168.1.7,fd00::/8"}, "fd12::1", "--deny-cidrs"},
		{[]string{"--allowed-hosts=slack.com, *.atlassian.net"}, "acme.atlassian.net", ""},
		{[]string{"--allowed-hosts=slack.com, *.atlassian.net"}, "example.com", "--allowed-hosts"},
	} {
		var f outgoingFlags
		set := flag.NewFlagSet("", flag.ContinueOnError)
		f.register(set)
		if err := set.Parse(c.args); err != nil {
			t.Fatal(err)
		}
		err := f.reach().CheckHost(c.host)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s with %v: got %v, want %q", c.host, c.args, err, c.want)
		}
	}
	for _, arg := range []string{
		"--deny-cidrs=nonsense", "--deny-cidrs=10.0.0.0/33", "--allowed-hosts=https://slack.com", "--allowed-hosts=a.*.com", "--allowed-hosts=,",
	} {
		var f outgoingFlags
		set := flag.NewFlagSet("", flag.ContinueOnError)
		set.SetOutput(io.Discard)
		f.register(set)
		if set.Parse([]string{arg}) == nil {
			t.Errorf("%s is accepted", arg)
		}
	}
}
