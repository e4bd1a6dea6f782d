package scim

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"grantbridge/store"
)

// call is one request.
type call struct {
	*Door
	w        *answer
	r        *http.Request
	id       string // of the request
	source   string // as the URL says
	known    string // the source once its token is proven; for the log
	route    string // "PATCH /Users/{id}"; for the log
	key      string // {id}
	of       *resource
	policy   policy
	query    url.Values
	base     string // the URL of the source's SCIM root
	rewrites []Rewrite
	parked   int
	inspected
}

// routes are all there are. {type} is Users or Groups.
var routes = []struct {
	method, path string
	do           func(*call) error
}{
	{"GET", "/ServiceProviderConfig", (*call).serviceProviderConfig},
	{"GET", "/Schemas", (*call).schemas},
	{"GET", "/Schemas/{id}", (*call).schemaByID},
	{"GET", "/ResourceTypes", (*call).resourceTypes},
	{"GET", "/ResourceTypes/{id}", (*call).resourceTypeByID},
	{"GET", "/", (*call).list},
	{"POST", "/.search", (*call).search},
	{"POST", "/Bulk", (*call).bulk},
	{"GET", "/{type}", (*call).list},
	{"POST", "/{type}", (*call).change},
	{"POST", "/{type}/.search", (*call).search},
	{"GET", "/{type}/{id}", (*call).read},
	{"PUT", "/{type}/{id}", (*call).change},
	{"PATCH", "/{type}/{id}", (*call).change},
	{"DELETE", "/{type}/{id}", (*call).change},
	{"GET", "/Me", (*call).me}, {"POST", "/Me", (*call).me}, {"PUT", "/Me", (*call).me}, {"PATCH", "/Me", (*call).me}, {"DELETE", "/Me", (*call).me},
}

func (c *call) serve() error {
	path, err := c.split()
	if err != nil {
		return err
	}
	if c.isToken(path) && c.trial == nil {
		return c.token()
	}
	if err := c.admit(); err != nil {
		return err
	}
	if len(c.r.URL.RawQuery) > 4*maxFilter {
		return refuse(http.StatusRequestURITooLong, "the query has %d bytes; send it to .search as a body", len(c.r.URL.RawQuery))
	}
	do, err := c.find(path)
	if err != nil {
		return err
	}
	if c.query, err = readQuery(c.r.URL.RawQuery); err != nil {
		return err
	}
	if err := c.acceptable(); err != nil {
		return err
	}
	return do(c)
}

// split takes the source from the URL; the rest is the path below its root.
func (c *call) split() ([]string, error) {
	rest, ok := strings.CutPrefix(c.r.URL.Path, Prefix)
	if !ok {
		return nil, refuse(http.StatusNotFound, "SCIM stands at %s{source}", Prefix)
	}
	parts := strings.Split(rest, "/")
	c.source, parts = parts[0], parts[1:]
	c.policy = policyOf(c.Sources[c.source].Profile, c.Sources[c.source].Without)
	if t := c.types[c.source]; t != nil {
		c.policy.types = t
	}
	c.policy = c.policy.narrow(detect(c.r.Header))
	c.base = strings.TrimSuffix(c.BaseURL, "/")
	if c.base == "" {
		scheme := "http://"
		if c.r.TLS != nil {
			scheme = "https://"
		}
		c.base = scheme + c.r.Host
	}
	c.base += Prefix + c.source
	return parts, nil
}

// admit lets a request in: who sends it is known, and not too many. A trial was
// let in by whoever asks for it.
func (c *call) admit() error {
	if c.trial != nil {
		c.known = c.source
		return nil
	}
	if err := c.admissible(); err != nil {
		return err
	}
	if err := c.authenticate(); err != nil {
		return err
	}
	return c.limit()
}

// find finds the route. Slashes at the end and doubled are read under RuleLoose.
func (c *call) find(parts []string) (func(*call) error, error) {
	if clean := slices.DeleteFunc(slices.Clone(parts), func(p string) bool { return p == "" }); len(clean) != len(parts) && c.loose(parts) {
		parts = clean
	}
	var allow []string
	for _, r := range routes {
		if !c.matches(r.path, parts) {
			continue
		}
		if r.method == c.r.Method || r.method == "GET" && c.r.Method == "HEAD" {
			c.route = r.method + " " + strings.Replace(r.path, "/{type}", c.endpoint(), 1)
			return r.do, nil
		}
		if allow = append(allow, r.method); r.method == "GET" {
			allow = append(allow, "HEAD")
		}
	}
	if len(allow) == 0 {
		return nil, refuse(http.StatusNotFound, "there is no such endpoint; there are Users, Groups, Bulk, .search, Schemas, ResourceTypes and ServiceProviderConfig")
	}
	c.w.Header().Set("Allow", strings.Join(allow, ", "))
	if c.r.Method == http.MethodOptions {
		c.route = "OPTIONS"
		return (*call).options, nil
	}
	return nil, refuse(http.StatusMethodNotAllowed, "%s is not possible here; %s is", c.r.Method, strings.Join(allow, ", "))
}

// loose reports whether empty parts of the path may be overlooked. Nothing
// behind the source, or one slash, is its root in every profile.
func (c *call) loose(parts []string) bool {
	if len(parts) == 1 {
		return true
	}
	if !c.policy.rules.has(RuleLoose) {
		return false
	}
	c.rewrites = append(c.rewrites, Rewrite{RuleLoose, "slashes too many in the URL"})
	return true
}

func (c *call) endpoint() string {
	if c.of == nil {
		return "/"
	}
	return c.of.endpoint
}

func (c *call) matches(pattern string, parts []string) bool {
	want := strings.Split(strings.Trim(pattern, "/"), "/")
	if pattern == "/" {
		want = nil
	}
	if len(want) != len(parts) {
		return false
	}
	var of *resource
	key := ""
	for i, w := range want {
		switch {
		case w == "{type}":
			if of = c.policy.types.at(parts[i]); of == nil {
				return false
			}
		case w == "{id}" && parts[i] != ".search":
			key = parts[i]
		case w != parts[i]:
			return false
		}
	}
	c.of, c.key = of, key
	return true
}

// acceptable answers 406 when the caller reads neither of SCIM's media types.
func (c *call) acceptable() error {
	accept := strings.Join(c.r.Header.Values("Accept"), ",")
	if strings.TrimSpace(accept) == "" {
		return nil
	}
	for _, part := range strings.Split(accept, ",") {
		kind, params, err := mime.ParseMediaType(part)
		if err == nil && params["q"] != "0" && slices.Contains([]string{"application/scim+json", "application/json", "application/*", "*/*"}, kind) {
			return nil
		}
	}
	return refuse(http.StatusNotAcceptable, "answers are application/scim+json; Accept does not take that")
}

// body reads the request's body: of a media type of SCIM, within its bounds, as
// strict JSON.
func (c *call) body() (any, error) {
	text, err := c.bodyText()
	if err != nil {
		return nil, err
	}
	return decode(text)
}

// changeBody is body for what changes a resource.
func (c *call) changeBody() (any, error) {
	if !c.of.group {
		return c.body()
	}
	text, err := c.bodyText()
	if err != nil {
		return nil, err
	}
	return decodeWith(text, membersIn(c.r.Method))
}

func (c *call) bodyText() (string, error) {
	if err := c.mediaType(); err != nil {
		return "", err
	}
	most := c.MaxBody
	if c.of != nil && c.of.group {
		most = c.MaxGroupBody
	}
	if c.r.ContentLength > most {
		return "", tooLarge(most)
	}
	text, err := readText(http.MaxBytesReader(c.w, c.r.Body, most), c.r.ContentLength)
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return "", tooLarge(most)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "", invalidSyntax("the body ends before its Content-Length")
	case err != nil:
		return "", invalidSyntax("the body could not be read to its end")
	}
	c.keepBody(text)
	return text, nil
}

// readText reads all of r, of which length bytes are expected; -1 is not known.
// The text is not copied: the members of a large group are parts of it.
func readText(r io.Reader, length int64) (string, error) {
	var text strings.Builder
	text.Grow(int(max(0, length)))
	piece := int64(32 << 10)
	if length >= 0 {
		piece = min(piece, length+1) // one more, to meet the end
	}
	_, err := io.CopyBuffer(&text, r, make([]byte, piece))
	return text.String(), err
}

func tooLarge(most int64) *Error {
	return refuse(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes; send fewer operations or members at once", most)
}

func (c *call) mediaType() error {
	header := c.r.Header.Get("Content-Type")
	if header == "" && c.policy.profile != Strict {
		return nil
	}
	kind, params, err := mime.ParseMediaType(header)
	if err != nil || kind != "application/scim+json" && kind != "application/json" {
		return refuse(http.StatusUnsupportedMediaType, "the body must be application/scim+json")
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return refuse(http.StatusUnsupportedMediaType, "the body must be UTF-8, not %s", clip(charset))
	}
	return nil
}

// options answers with Allow alone (RFC 9110 9.3.7).
func (c *call) options() error {
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// by says who does what the request asks for.
func (c *call) by(revokes bool) store.By {
	lane := store.LaneNormal
	if revokes {
		lane = store.LaneRevoke
	}
	return store.By{Actor: "scim:" + c.source, Via: "scim", Request: c.id, Lane: lane}
}

// reader reads what the request says of resources of type of.
func (c *call) reader(of *resource) *reader { return &reader{policy: c.policy, of: of} }

// me answers as RFC 7644 3.11 says where nobody is signed in: the caller is a
// program.
func (c *call) me() error {
	return refuse(http.StatusNotImplemented, "there is no /Me: the bearer token belongs to a source and not to a person")
}
