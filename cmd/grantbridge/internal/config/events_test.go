package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"grantbridge/scim/events"
)

func TestWhatIsRefusedOfEvents(t *testing.T) {
	const head = "sources: {okta: {scim: {}}}\nevents:\n  signing_key_file: k.pem\n  streams:\n    m: "
	for _, c := range []struct{ name, text, want string }{
		{"no key", "events: {streams: {m: {audience: [a]}}}", `streams need signing_key_file`},
		{"no audience", head + "{delivery: poll}", `audience is missing`},
		{"an unknown key", head + "{audience: [a], endpont: x}", `did you mean "endpoint"?`},
		{"an unknown delivery", head + "{audience: [a], delivery: pull}", `no delivery "pull"; did you mean poll?`},
		{"an unknown event", head + "{audience: [a], events: [\"prov:delet\"]}", `no event "prov:delet"; did you mean prov:delete?`},
		{"an event that is never told", head + "{audience: [a], events: [\"prov:put:full\"]}", `every change is told as prov:patch`},
		{"both forms of an event", head + "{audience: [a], events: [\"prov:patch:full\", \"prov:patch:notice\"]}", `both prov:patch:full and prov:patch:notice`},
		{"an unknown source", head + "{audience: [a], sources: [oktaa]}", `did you mean okta?`},
		{"a push without endpoint", head + "{audience: [a], delivery: push}", `endpoint is missing`},
		{"a push in plain text", head + "{audience: [a], delivery: push, endpoint: \"http://r.example/x\"}", `must go over https`},
		{"a secret in the endpoint", head + "{audience: [a], delivery: push, endpoint: \"https://u:p@r.example/x\"}", `secrets into authorization_file`},
		{"a poll with endpoint", head + "{audience: [a], endpoint: \"https://r.example/x\"}", `a polled stream has no endpoint`},
		{"a name that is no path", "events: {signing_key_file: k, streams: {\"a/b\": {audience: [a]}}}", `stream name "a/b"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("c.yaml", []byte(c.text), noEnv, Whole)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant it to say %s", err, c.want)
			}
		})
	}
}

func TestStreamsWithTheirFiles(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key, err := events.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	put("k.pem", string(key))
	put("m.token", "Bearer 0123456789abcdef\n")
	put("short", "abc")
	put("r.header", "ApiKey x\n")
	text := `events:
  signing_key_file: k.pem
  published_key_files: [k.pem]
  streams:
    m: {audience: [m], authorization_file: m.token}
    r: {audience: [r], delivery: push, endpoint: "http://127.0.0.1:1/", authorization_file: r.header, events: ["urn:ietf:params:scim:event:prov:delete"]}
`
	l, err := Parse(filepath.Join(dir, "c.yaml"), []byte(text), noEnv, Whole)
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.EventsConfig()
	if err != nil || !c.Key.CanSign() || len(c.Also) != 1 || len(c.Streams) != 2 {
		t.Fatalf("got %+v, %v", c, err)
	}
	if m, r := c.Streams[0], c.Streams[1]; m.Authorization != "0123456789abcdef" || m.Delivery != events.Poll || len(m.Kinds) != 7 ||
		r.Authorization != "ApiKey x" || len(r.Kinds) != 1 || r.Kinds[0] != events.Delete {
		t.Errorf("got %+v and %+v", m, r)
	}
	for _, bad := range []struct{ from, to, want string }{
		{"m.token", "short", "fewer than 16 characters"}, {"m.token", "none", "read a secret"},
		{"signing_key_file: k.pem", "signing_key_file: short", "no PEM block"},
	} {
		l, err := Parse(filepath.Join(dir, "c.yaml"), []byte(strings.Replace(text, bad.from, bad.to, 1)), noEnv, Whole)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.EventsConfig(); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("got %v, want it to say %s", err, bad.want)
		}
	}
}
