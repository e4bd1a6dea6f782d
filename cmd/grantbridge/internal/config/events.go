package config

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"grantbridge/cmd/grantbridge/internal/strict"
	"grantbridge/scim/events"
)

// Events are the streams of security events.
type Events struct {
	SigningKeyFile    string                 `yaml:"signing_key_file" jsonschema_description:"PEM file with the P-256 or Ed25519 key that signs; make one with: grantbridge events key"`
	PublishedKeyFiles []string               `yaml:"published_key_files" jsonschema_description:"keys that are published too: the next one, and the last one"`
	Streams           map[string]EventStream `yaml:"streams" jsonschema_description:"receivers by name"`
}

// EventStream is one receiver.
type EventStream struct {
	Delivery          string   `yaml:"delivery" jsonschema_description:"poll: it asks, RFC 8936; push: it is sent, RFC 8935" jsonschema:"enum=poll,enum=push"`
	Audience          []string `yaml:"audience" jsonschema_description:"how the receiver calls itself: the aud of each event"`
	Events            []string `yaml:"events" jsonschema_description:"which events; default is all, without values"`
	Sources           []string `yaml:"sources" jsonschema_description:"whose accounts and groups; default is those of all sources"`
	Endpoint          string   `yaml:"endpoint" jsonschema_description:"push: where to"`
	AuthorizationFile string   `yaml:"authorization_file" jsonschema_description:"push: file with the Authorization header, whole; poll: file with the bearer token that may read it, instead of API tokens that may events:read"`
}

var (
	deliveries = []string{"poll", "push"}
	streamName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
)

// StreamNames lists the streams in order of name.
func (c *Config) StreamNames() []string { return slices.Sorted(maps.Keys(c.Events.Streams)) }

// setStreamDefaults fills what a stream leaves open.
func (c *Config) setStreamDefaults() {
	for name, s := range c.Events.Streams {
		orElse(&s.Delivery, string(events.Poll))
		if len(s.Events) == 0 {
			for _, k := range events.DefaultKinds() {
				s.Events = append(s.Events, string(k))
			}
		}
		c.Events.Streams[name] = s
	}
}

func (c *Config) checkEvents(d *strict.Document) {
	if len(c.Events.Streams) > 0 && c.Events.SigningKeyFile == "" {
		d.Problem("events", "streams need signing_key_file; make one with: grantbridge events key > events.pem")
	}
	for _, n := range c.StreamNames() {
		at, s := "events.streams."+n, c.Events.Streams[n]
		if !streamName.MatchString(n) {
			d.Problem(at, "stream name %q: write lower-case letters, digits and dashes; it stands in URLs", n)
		}
		oneOf(d, at+".delivery", s.Delivery, deliveries)
		if len(s.Audience) == 0 || slices.Contains(s.Audience, "") {
			d.Problem(at, "audience is missing; write how the receiver calls itself")
		}
		checkKinds(d, at+".events", s.Events)
		for i, source := range s.Sources {
			if _, ok := c.Sources[source]; !ok {
				oneOf(d, fmt.Sprintf("%s.sources.%d", at, i), source, c.SourceNames())
			}
		}
		checkEndpoint(d, at, s)
	}
}

// checkKinds refuses unknown events, and both forms of one.
func checkKinds(d *strict.Document, at string, names []string) {
	var all []string
	for _, k := range events.Kinds() {
		all = append(all, string(k))
	}
	for i, name := range names {
		k, ok := events.ParseKind(name)
		switch short, full := strings.CutSuffix(string(k), ":full"); {
		case strings.Contains(name, "prov:put"):
			d.Problem(fmt.Sprintf("%s.%d", at, i), "there is no %s: every change is told as prov:patch, whichever request made it", name)
		case !ok:
			hint := ""
			if n := strict.Nearest(name, all); n != "" {
				hint = fmt.Sprintf("; did you mean %s?", n)
			}
			d.Problem(fmt.Sprintf("%s.%d", at, i), "no event %q%s (one of %s)", name, hint, strings.Join(all, ", "))
		case full && slices.ContainsFunc(names, func(o string) bool { p, _ := events.ParseKind(o); return string(p) == short+":notice" }):
			d.Problem(fmt.Sprintf("%s.%d", at, i), "both %s:full and %s:notice are given; keep one", short, short)
		}
	}
}

func checkEndpoint(d *strict.Document, at string, s EventStream) {
	if s.Delivery != string(events.Push) {
		if s.Endpoint != "" {
			d.Problem(at+".endpoint", "a polled stream has no endpoint; write delivery: push, or take it out")
		}
		return
	}
	u, err := url.Parse(s.Endpoint)
	switch {
	case s.Endpoint == "":
		d.Problem(at, "endpoint is missing; a pushed stream needs the URL of its receiver")
	case err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http":
		d.Problem(at+".endpoint", "not a URL to push to; write https://host/path, and secrets into authorization_file")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		d.Problem(at+".endpoint", "events must go over https; http is for this machine only")
	}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// eventFiles are the files that the streams name, by path.
func (c *Config) eventFiles() (paths, files []string) {
	note := func(path, file string) {
		if file != "" {
			paths, files = append(paths, path), append(files, file)
		}
	}
	note("events.signing_key_file", c.Events.SigningKeyFile)
	for i, f := range c.Events.PublishedKeyFiles {
		note(fmt.Sprintf("events.published_key_files.%d", i), f)
	}
	for _, n := range c.StreamNames() {
		note("events.streams."+n+".authorization_file", c.Events.Streams[n].AuthorizationFile)
	}
	return paths, files
}

// anchorEvents makes the paths relative to dir.
func (c *Config) anchorEvents(dir string) {
	at(dir, &c.Events.SigningKeyFile)
	for i := range c.Events.PublishedKeyFiles {
		at(dir, &c.Events.PublishedKeyFiles[i])
	}
	for n, s := range c.Events.Streams {
		at(dir, &s.AuthorizationFile)
		c.Events.Streams[n] = s
	}
}

// EventStreams are the streams, without their secrets.
func (c *Config) EventStreams() []events.Stream {
	var out []events.Stream
	for _, n := range c.StreamNames() {
		s := c.Events.Streams[n]
		one := events.Stream{Name: n, Delivery: events.Delivery(s.Delivery), Audience: s.Audience, Sources: s.Sources, Endpoint: s.Endpoint}
		for _, name := range s.Events {
			if k, ok := events.ParseKind(name); ok {
				one.Kinds = append(one.Kinds, k)
			}
		}
		out = append(out, one)
	}
	return out
}

// EventsConfig are the streams with their secrets and keys.
func (c *Config) EventsConfig() (out events.Config, err error) {
	out.Streams = c.EventStreams()
	for i, s := range out.Streams {
		file := c.Events.Streams[s.Name].AuthorizationFile
		if file == "" {
			continue
		}
		secret, err := readSecret(file)
		if err != nil {
			return out, fmt.Errorf("stream %q: %w", s.Name, err)
		}
		if s.Delivery == events.Poll {
			secret = strings.TrimPrefix(secret, "Bearer ")
			if len(secret) < minToken {
				return out, fmt.Errorf("stream %q: %s holds fewer than %d characters", s.Name, file, minToken)
			}
		}
		out.Streams[i].Authorization = secret
	}
	if c.Events.SigningKeyFile == "" {
		return out, nil
	}
	if out.Key, err = readKey(c.Events.SigningKeyFile); err != nil {
		return out, err
	}
	if !out.Key.CanSign() {
		return out, fmt.Errorf("%s holds a public key; signing needs the private one", c.Events.SigningKeyFile)
	}
	for _, file := range c.Events.PublishedKeyFiles {
		k, err := readKey(file)
		if err != nil {
			return out, err
		}
		out.Also = append(out.Also, k)
	}
	return out, nil
}

func readKey(file string) (*events.Key, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read a key: %w", err)
	}
	k, err := events.ParseKey(text)
	if err != nil {
		return nil, fmt.Errorf("read the key %s: %w", file, err)
	}
	return k, nil
}
