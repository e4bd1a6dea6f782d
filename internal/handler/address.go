package handler

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ClientAddress is where a request comes from: the peer or, when the peer is a
// trusted proxy, the last address in X-Forwarded-For that is not one. What stands
// before that address anybody may have written. It is invalid when a trusted
// proxy says nothing that can be read.
func ClientAddress(r *http.Request, trusted []netip.Prefix) netip.Addr {
	peer := addressOf(r.RemoteAddr)
	if !Within(peer, trusted) {
		return peer
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, h := range slices.Backward(hops) {
		hop := addressOf(strings.TrimSpace(h))
		if !hop.IsValid() || !Within(hop, trusted) {
			return hop
		}
	}
	return netip.Addr{}
}

// addressOf reads an address with or without a port.
func addressOf(s string) netip.Addr {
	if host, _, err := net.SplitHostPort(s); err == nil {
		s = host
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// Within reports whether a valid address is in one of the networks.
func Within(a netip.Addr, networks []netip.Prefix) bool {
	return a.IsValid() && slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(a) })
}
