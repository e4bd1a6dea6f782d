package scim

import (
	"net/http"

	"grantbridge/internal/handler"
)

// admissible refuses requests from addresses that the source does not send from.
func (c *call) admissible() error {
	allow := c.Sources[c.source].Allow
	if len(allow) == 0 {
		return nil
	}
	from := handler.ClientAddress(c.r, c.TrustedProxies)
	if handler.Within(from, allow) {
		return nil
	}
	if !from.IsValid() {
		return refuse(http.StatusForbidden, "the address that this request comes from is not known; look at trusted_proxies in the configuration")
	}
	return refuse(http.StatusForbidden, "%s may not send for this source; add it to `allow` in the configuration, or look at trusted_proxies", from)
}

func (c *call) address() string {
	if a := handler.ClientAddress(c.r, c.TrustedProxies); a.IsValid() {
		return a.String()
	}
	return ""
}
