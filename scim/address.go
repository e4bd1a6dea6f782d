package scim

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// admissible refuses requests from addresses that the source does not send from.
func (c *call) admissible() error {
	allow := c.Sources[c.source].Allow
	if len(allow) == 0 {
		return nil
	}
	from := clientAddress(c.r, c.TrustedProxies)
	if within(from, allow) {
		return nil
	}
	if !from.IsValid() {
		return refuse(http.StatusForbidden, "the address that this request comes from is not known; look at trusted_proxies in the configuration")
	}
	return refuse(http.StatusForbidden, "%s may not send for this source; add it to `allow` in the configuration, or look at trusted_proxies", from)
}

// clientAddress is where a request comes from: the peer or, when the peer is a
// trusted proxy, the last address in X-Forwarded-For that is not one. What stands
// before that address anybody may have written. It is invalid when a trusted
// proxy says nothing that can be read.
func clientAddress(r *http.Request, trusted []netip.Prefix) netip.Addr {
	peer := addressOf(r.RemoteAddr)
	if !within(peer, trusted) {
		return peer
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop := addressOf(strings.TrimSpace(hops[i]))
		if !hop.IsValid() || !within(hop, trusted) {
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

func within(a netip.Addr, prefixes []netip.Prefix) bool {
	for _, p := range prefixes {
		if a.IsValid() && p.Contains(a) {
			return true
		}
	}
	return false
}

func (c *call) address() string {
	if a := clientAddress(c.r, c.TrustedProxies); a.IsValid() {
		return a.String()
	}
	return ""
}
