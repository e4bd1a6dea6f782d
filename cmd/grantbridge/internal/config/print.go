package config

import (
	"encoding/json"
	"net/url"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/invopop/jsonschema"
)

// YAML is the configuration in effect, secrets masked.
func (c Config) YAML() ([]byte, error) {
	c.Store = MaskDSN(c.Store)
	return yaml.MarshalWithOptions(c, yaml.Indent(2), yaml.OmitZero(),
		yaml.CustomMarshaler[Secret](func(s Secret) ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }))
}

// JSON is the configuration in effect as plain values, secrets masked.
func (c Config) JSON() (any, error) {
	b, err := c.YAML()
	if err != nil {
		return nil, err
	}
	var v any
	return v, yaml.Unmarshal(b, &v)
}

// MaskDSN hides the passwords in a store's name. PostgreSQL takes them in the
// query too: password, and sslpassword of the client's key.
func MaskDSN(dsn string) string {
	u, err := url.Parse(dsn)
	if strings.HasPrefix(dsn, "sqlite:") || err == nil && len(passwords(u)) == 0 {
		return dsn
	}
	if err != nil {
		return "a store whose name is no URL"
	}
	q := u.Query()
	for name := range q {
		if isPassword(name) {
			q.Set(name, "xxxxx")
		}
	}
	if u.RawQuery != "" {
		u.RawQuery = q.Encode()
	}
	return u.Redacted()
}

// passwords are those in a store's name.
func passwords(u *url.URL) (out []string) {
	if p, set := u.User.Password(); set {
		out = append(out, p)
	}
	for name, values := range u.Query() {
		if isPassword(name) {
			out = append(out, values...)
		}
	}
	return out
}

func isPassword(name string) bool { return name == "password" || name == "sslpassword" }

// Schema is the JSON Schema of the file, for editors.
func Schema() ([]byte, error) {
	r := jsonschema.Reflector{
		FieldNameTag: "yaml", RequiredFromJSONSchemaTags: true, Anonymous: true, ExpandedStruct: true,
		Mapper: func(t reflect.Type) *jsonschema.Schema {
			if t == reflect.TypeFor[Secret]() {
				return &jsonschema.Schema{Type: "string"}
			}
			return nil
		},
	}
	s := r.Reflect(&Config{})
	s.Title = "grantbridge configuration"
	return json.MarshalIndent(s, "", "  ")
}
