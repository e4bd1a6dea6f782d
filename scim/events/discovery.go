package events

import "net/http"

// The methods of delivery as OpenID SSF 1.0 names them.
var methods = map[Delivery]string{Push: "urn:ietf:rfc:8935", Poll: "urn:ietf:rfc:8936"}

// discovery answers GET /.well-known/ssf-configuration (OpenID SSF 1.0, 7.1).
// Streams are made in the configuration file, so that there is no endpoint to
// manage them, and none is said to be there.
func (t *Transmitter) discovery(w http.ResponseWriter, _ *http.Request) error {
	c := t.live.Load()
	if len(c.Streams) == 0 {
		return errNothing
	}
	var delivers []string
	for _, d := range []Delivery{Push, Poll} {
		for _, s := range c.Streams {
			if s.Delivery == d {
				delivers = append(delivers, methods[d])
				break
			}
		}
	}
	return write(w, encode(map[string]any{
		"spec_version":               "1_0",
		"issuer":                     c.Issuer,
		"jwks_uri":                   c.Issuer + "/.well-known/jwks.json",
		"delivery_methods_supported": delivers,
		"authorization_schemes":      []any{map[string]string{"spec_urn": "urn:ietf:rfc:6750"}},
		"default_subjects":           "ALL",
	}))
}

// keys answers GET /.well-known/jwks.json.
func (t *Transmitter) keys(w http.ResponseWriter, _ *http.Request) error {
	c := t.live.Load()
	if c.Key == nil {
		return errNothing
	}
	b, err := jwks(append([]*Key{c.Key}, c.Also...))
	if err != nil {
		return err
	}
	return write(w, b)
}

// write answers with a document that may be kept for an hour: so long a new key
// is published before it signs.
func write(w http.ResponseWriter, b []byte) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	_, _ = w.Write(b) // the caller is gone when this fails
	return nil
}

// EventURIs are what the streams tell of a source, for the ServiceProviderConfig
// of its SCIM door (RFC 9967 4).
func EventURIs(streams []Stream, source string) []string {
	var kinds []Kind
	for _, s := range streams {
		if s.tells(source) {
			kinds = append(kinds, s.Kinds...)
		}
	}
	return URIs(kinds)
}
