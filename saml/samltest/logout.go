package samltest

import (
	"encoding/base64"
	"net/url"
	"strings"

	"grantbridge/saml"
)

// Query is a message over redirect: its parameters in the standard's order, and
// a signature over them (SAML bindings 3.4.4.1).
type Query struct {
	Parameter, Doc, RelayState string
	Pair                       Pair
	Method                     string // default RSA-SHA256
	Lower                      bool   // escapes in lower case, as AD FS does
	Edit                       func(query string) string
}

// Incoming is the message as it arrives.
func (q Query) Incoming() saml.Incoming {
	escape := func(s string) string {
		s = url.QueryEscape(s)
		if q.Lower {
			for _, e := range []string{"%2B", "%2F", "%3D", "%3A"} {
				s = strings.ReplaceAll(s, e, strings.ToLower(e))
			}
		}
		return s
	}
	s := Signing{Pair: q.Pair, Method: q.Method}
	if s.Method == "" {
		s.Method = RSASHA256
	}
	text := q.Parameter + "=" + escape(base64.StdEncoding.EncodeToString(Deflate(q.Doc)))
	if q.RelayState != "" {
		text += "&RelayState=" + escape(q.RelayState)
	}
	text += "&SigAlg=" + escape(s.Method)
	text += "&Signature=" + escape(base64.StdEncoding.EncodeToString(s.sign([]byte(text))))
	if q.Edit != nil {
		text = q.Edit(text)
	}
	return saml.Incoming{Binding: saml.Redirect, RawQuery: text}
}

// Posted is a message over POST, signed in its XML when there is a pair, and
// edited afterwards.
func Posted(parameter, doc, id string, pair *Pair, edit func(string) string) saml.Incoming {
	if pair != nil {
		d := Parse(doc)
		Signing{Pair: *pair}.Sign(d, id)
		doc = Text(d)
	}
	if edit != nil {
		doc = edit(doc)
	}
	return saml.Incoming{Binding: saml.POST, Form: url.Values{parameter: {Encode(doc)}, "RelayState": {"back"}}}
}
