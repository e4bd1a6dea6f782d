package config

import (
	"encoding/json"
	"net/url"
	"reflect"

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

// MaskDSN hides the password in a store's name.
func MaskDSN(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil || u.User == nil {
		return dsn
	}
	if _, set := u.User.Password(); set {
		return u.Redacted()
	}
	return dsn
}

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
