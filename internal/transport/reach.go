// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// CodeAddressRefused is the code of a fault for an address that integrations may not use.
const CodeAddressRefused = "AddressRefused"

// Reach is where clients may connect to. The zero value allows everything but loopback and the addresses that are
// never allowed. Other addresses inside a cluster are allowed, because a Jira may be there.
type Reach struct {
	// AllowLoopback allows addresses of the machine itself.
	AllowLoopback bool
	// Denied are more addresses that are refused.
	Denied []netip.Prefix
	// AllowedHosts are patterns of the only hosts that are allowed, such as *.atlassian.net; empty allows all.
	AllowedHosts []string
}

// RefusedError refuses an address.
type RefusedError struct {
	// Address is what was refused, Reason why, Advice what to do about it.
	Address, Reason, Advice string
}

// Error says what was refused, why, and what to do.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s %s, which integrations may not use. %s", e.Address, e.Reason, e.Advice)
}

// RefusalOf returns the fault of a call to an address that was refused; nil for other errors.
func RefusalOf(err error) *fault.Fault {
	var refused *RefusedError
	if !errors.As(err, &refused) {
		return nil
	}
	return &fault.Fault{Kind: fault.Invalid, Scope: fault.Connection, Code: CodeAddressRefused, Message: refused.Error()}
}

const (
	adviceURL      = "Use another URL."
	adviceLoopback = "Use another URL, or start the operator with --allow-loopback."
	adviceDenied   = "Use another URL, or have an administrator change the operator's --deny-cidrs."
	adviceHosts    = "Use another URL, or have an administrator add the host to the operator's --allowed-hosts."
)

// CheckHost returns a *RefusedError for a host that is refused by its name or is an address that is refused. What
// another name resolves to is checked when a client connects.
func (r Reach) CheckHost(host string) error {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if len(r.AllowedHosts) > 0 && !slices.ContainsFunc(r.AllowedHosts, func(pattern string) bool { return isHostLike(host, pattern) }) {
		return &RefusedError{host, "is not among the allowed hosts", adviceHosts}
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return r.check(ip)
	}
	switch {
	case host == "localhost" || strings.HasSuffix(host, ".localhost"): // RFC 6761, section 6.3
		return r.check(netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	case slices.Contains(metadataNames, host):
		return &RefusedError{host, "is a cloud's metadata service", adviceURL}
	case endsInNumber(host): // a proxy may read it as an address
		return &RefusedError{host, "is an IP address in an unusual form", "Write it as four decimal numbers."}
	}
	return nil
}

// isHostLike reports whether a host matches a pattern: the same name, or *. and the end of the name.
func isHostLike(host, pattern string) bool {
	pattern = strings.ToLower(pattern)
	if end, ok := strings.CutPrefix(pattern, "*"); ok {
		return len(host) > len(end) && strings.HasSuffix(host, end)
	}
	return host == pattern
}

// endsInNumber reports whether the last label of a host is a number, as in 0x7f000001 or 127.1
// (https://url.spec.whatwg.org/#ends-in-a-number-checker).
func endsInNumber(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	digits := "0123456789"
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		last = hex
		digits += "abcdef"
		if last == "" {
			return true
		}
	}
	return last != "" && strings.Trim(last, digits) == ""
}

// control refuses a connection to an address. It implements net.Dialer's Control.
func (r Reach) control(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return err
	}
	return r.check(ip)
}

// check returns a *RefusedError for an address that is refused, or that leads to an IPv4 address that is.
func (r Reach) check(ip netip.Addr) error {
	ip = ip.WithZone("")
	for _, leadsTo := range append(embedded(ip), ip) {
		switch reason := reasonAgainst(leadsTo); {
		case reason != "":
			return &RefusedError{ip.String(), reason, adviceURL}
		case leadsTo.IsLoopback() && !r.AllowLoopback:
			return &RefusedError{ip.String(), "is a loopback address", adviceLoopback}
		case slices.ContainsFunc(r.Denied, func(p netip.Prefix) bool { return p.Contains(leadsTo) }):
			return &RefusedError{ip.String(), "is in a denied network", adviceDenied}
		}
	}
	return nil
}

// proxiedKey is the key of a context's value that is set for a request through a proxy.
type proxiedKey struct{}

// isProxied reports whether a connection leads to the proxy of the environment, which the administrator chose.
func isProxied(ctx context.Context) bool { return ctx.Value(proxiedKey{}) != nil }
