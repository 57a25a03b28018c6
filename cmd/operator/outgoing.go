// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

// outgoingFlags are the settings of where the operator connects for integrations.
type outgoingFlags struct {
	allowLoopback bool
	denied        prefixList
	hosts         hostList
}

// register defines the flags in a set.
func (f *outgoingFlags) register(set *flag.FlagSet) {
	set.BoolVar(&f.allowLoopback, "allow-loopback", false,
		"Let integrations use addresses of the machine itself, such as 127.0.0.1. For tests and demos.")
	set.Var(&f.denied, "deny-cidrs",
		"The networks that integrations may not use, separated by commas, such as 10.0.0.0/8. "+
			"Link-local addresses and metadata services of clouds are always refused.")
	set.Var(&f.hosts, "allowed-hosts",
		"The only hosts that integrations may use, separated by commas, such as slack.com,*.atlassian.net; all hosts when empty.")
}

// reach returns where the operator connects.
func (f *outgoingFlags) reach() transport.Reach {
	return transport.Reach{AllowLoopback: f.allowLoopback, Denied: f.denied, AllowedHosts: f.hosts}
}

// prefixList is a flag with networks, separated by commas.
type prefixList []netip.Prefix

// String returns the flag's text.
func (l *prefixList) String() string {
	texts := make([]string, len(*l))
	for i, p := range *l {
		texts[i] = p.String()
	}
	return strings.Join(texts, ",")
}

// Set parses the flag's text.
func (l *prefixList) Set(text string) error {
	*l = nil
	for _, item := range items(text) {
		prefix, err := netip.ParsePrefix(item)
		if ip, ipErr := netip.ParseAddr(item); ipErr == nil {
			prefix = netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen())
			err = nil
		}
		if err != nil {
			return fmt.Errorf("%q is not a network such as 10.0.0.0/8", item)
		}
		*l = append(*l, prefix.Masked())
	}
	return nil
}

// hostList is a flag with patterns of hosts, separated by commas.
type hostList []string

// String returns the flag's text.
func (l *hostList) String() string { return strings.Join(*l, ",") }

// Set parses the flag's text.
func (l *hostList) Set(text string) error {
	*l = nil
	for _, item := range items(text) {
		if strings.ContainsAny(item, "/@ ") || strings.Contains(strings.TrimPrefix(item, "*."), "*") {
			return fmt.Errorf("%q is not a host such as slack.com or *.atlassian.net", item)
		}
		*l = append(*l, item)
	}
	if len(*l) == 0 && text != "" {
		return errors.New("it names no host")
	}
	return nil
}

// items returns the parts of a text that are separated by commas.
func items(text string) []string {
	var out []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out
}
