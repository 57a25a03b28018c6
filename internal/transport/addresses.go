// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"net/netip"
	"slices"
)

// network is a network that is never reached, and what its addresses are.
type network struct {
	prefix netip.Prefix
	what   string
}

const (
	metadata  = "is a cloud's metadata service"
	linkLocal = "is a link-local address"
)

// refusedNetworks are the networks that are never reached. Clouds serve credentials to any client at link-local
// addresses, and at a few others.
var refusedNetworks = []network{
	{netip.MustParsePrefix("0.0.0.0/8"), "is an address of this host"}, // RFC 6890, section 2.2.2
	{netip.MustParsePrefix("::/128"), "is the unspecified address"},
	{netip.MustParsePrefix("169.254.0.0/16"), linkLocal}, // RFC 3927; metadata of most clouds, and credentials of ECS and EKS
	{netip.MustParsePrefix("fe80::/10"), linkLocal},      // RFC 4291, section 2.5.6; metadata of OpenStack
	{netip.MustParsePrefix("224.0.0.0/4"), "is a multicast address"},
	{netip.MustParsePrefix("ff00::/8"), "is a multicast address"},
	{netip.MustParsePrefix("255.255.255.255/32"), "is the broadcast address"},
	// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html and, for Pods,
	// https://docs.aws.amazon.com/eks/latest/userguide/pod-id-agent-setup.html
	{netip.MustParsePrefix("fd00:ec2::/32"), metadata},
	// https://cloud.google.com/compute/docs/metadata/querying-metadata
	{netip.MustParsePrefix("fd20:ce::254/128"), metadata},
	// https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
	{netip.MustParsePrefix("168.63.129.16/32"), metadata},
	// https://www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata
	{netip.MustParsePrefix("100.100.100.200/32"), metadata},
	// https://docs.oracle.com/en-us/iaas/Content/Compute/Tasks/gettingmetadata.htm, and of Oracle Cloud Classic
	{netip.MustParsePrefix("fd00:c1::a9fe:a9fe/128"), metadata},
	{netip.MustParsePrefix("192.0.0.192/32"), metadata},
	// https://www.scaleway.com/en/docs/instances/how-to/use-metadata/
	{netip.MustParsePrefix("fd00:42::42/128"), metadata},
}

// metadataNames are names of metadata services, which a proxy may resolve.
var metadataNames = []string{
	"metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal",
	"metadata.tencentyun.com", "metadata.azure.internal",
}

// reasonAgainst returns why an address is never reached; empty if it is not refused.
func reasonAgainst(ip netip.Addr) string {
	i := slices.IndexFunc(refusedNetworks, func(n network) bool { return n.prefix.Contains(ip) })
	if i < 0 {
		return ""
	}
	return refusedNetworks[i].what
}

// translation is a prefix of IPv6 addresses that lead to IPv4 addresses, and the bytes that hold those.
type translation struct {
	prefix netip.Prefix
	at     [4]int
	// inverted is set if the bytes are inverted.
	inverted bool
}

// translations are the forms in which an IPv6 address contains an IPv4 address.
var translations = []translation{
	{prefix: netip.MustParsePrefix("::/96"), at: lastBytes},                     // IPv4-compatible, RFC 4291, section 2.5.5.1
	{prefix: netip.MustParsePrefix("::ffff:0:0:0/96"), at: lastBytes},           // IPv4-translated, RFC 2765
	{prefix: netip.MustParsePrefix("64:ff9b::/96"), at: lastBytes},              // NAT64, RFC 6052
	{prefix: netip.MustParsePrefix("64:ff9b:1::/48"), at: lastBytes},            // NAT64 of a site, RFC 8215, with a prefix of /96
	{prefix: netip.MustParsePrefix("64:ff9b:1::/48"), at: [4]int{6, 7, 9, 10}},  // and with one of /48, RFC 6052, section 2.2
	{prefix: netip.MustParsePrefix("2002::/16"), at: [4]int{2, 3, 4, 5}},        // 6to4, RFC 3056
	{prefix: netip.MustParsePrefix("2001::/32"), at: lastBytes, inverted: true}, // Teredo, RFC 4380
}

var lastBytes = [4]int{12, 13, 14, 15}

// embedded returns the IPv4 addresses to which an address may lead.
func embedded(ip netip.Addr) []netip.Addr {
	if ip.Is4In6() {
		return []netip.Addr{ip.Unmap()}
	}
	if ip.Is4() || ip.IsLoopback() { // ::1 has the form of an IPv4-compatible address
		return nil
	}
	raw := ip.As16()
	var out []netip.Addr
	for _, t := range translations {
		if !t.prefix.Contains(ip) {
			continue
		}
		var v4 [4]byte
		for i, at := range t.at {
			v4[i] = raw[at]
			if t.inverted {
				v4[i] ^= 0xff
			}
		}
		if v4 != [4]byte{} { // the address has another form
			out = append(out, netip.AddrFrom4(v4))
		}
	}
	if marker := [3]byte(raw[9:12]); raw[8]&^2 == 0 && marker == [3]byte{0, 0x5e, 0xfe} { // ISATAP, RFC 5214, section 6.1
		out = append(out, netip.AddrFrom4([4]byte(raw[12:])))
	}
	return out
}
