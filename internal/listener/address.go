// SPDX-License-Identifier: Apache-2.0

package listener

import "net/netip"

// AddressOf returns the prefix that counts as one address, of an IP address and port. A /64 of IPv6 counts as one
// address, as it is what one customer gets. Everything else counts as the same one.
func AddressOf(hostPort string) netip.Prefix {
	at, err := netip.ParseAddrPort(hostPort)
	if err != nil {
		return netip.Prefix{}
	}
	address := at.Addr().Unmap()
	bits := 64
	if address.Is4() {
		bits = 32
	}
	prefix, _ := address.WithZone("").Prefix(bits) // an address has at least so many bits
	return prefix
}
