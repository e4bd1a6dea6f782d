package verify

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"strings"
)

// resource is something the case made.
type resource struct {
	id   string
	path string
	name string // its userName or displayName
	doc  any    // as the server answered the POST
	etag string
}

const userTemplate = `{
	"schemas": ["` + userURN + `"],
	"userName": "{name}",
	"externalId": "ext-{name}",
	"name": {"givenName": "Vera", "familyName": "Ify", "formatted": "Vera Ify"},
	"displayName": "Vera {tag}",
	"emails": [{"value": "{name}", "type": "work", "primary": true}],
	"active": true
}`

const groupTemplate = `{
	"schemas": ["` + groupURN + `"],
	"displayName": "{name}",
	"externalId": "ext-{name}"
}`

// trialPassword is the password of all our users; a report does not show it.
const trialPassword = "Gbv-Tr0ub4dor-3"

// fill puts this case's names into JSON text or an expectation: {tag}, {run},
// {password}, {ent} for the enterprise extension's URN.
func (t *trial) fill(s string) string {
	if !strings.Contains(s, "{") {
		return s
	}
	return strings.NewReplacer("{tag}", t.tag, "{run}", t.run.cfg.Run, "{ent}", enterpriseURN, "{password}", trialPassword).Replace(s)
}

// with is fill for names of the case's choosing, given in pairs before.
func (t *trial) with(s string, pairs ...string) string {
	return t.fill(strings.NewReplacer(pairs...).Replace(s))
}

// newName is a userName no other has: an address, as some servers ask for one.
func (t *trial) newName() string {
	t.names++
	return fmt.Sprintf("%s-%d@verify.example", t.tag, t.names)
}

// userBody is the usual user with members of overlay put over it; an overlay
// member of null takes the usual one away.
func (t *trial) userBody(name, overlay string) map[string]any {
	return t.body(userTemplate, name, overlay)
}

func (t *trial) groupBody(name, overlay string) map[string]any {
	return t.body(groupTemplate, name, overlay)
}

func (t *trial) body(template, name, overlay string) map[string]any {
	doc := map[string]any{}
	t.decode(t.with(template, "{name}", name), &doc)
	if overlay == "" {
		return doc
	}
	over := map[string]any{}
	t.decode(t.with(overlay, "{name}", name), &over)
	maps.Copy(doc, over)
	maps.DeleteFunc(doc, func(_ string, v any) bool { return v == nil })
	if _, ok := over[enterpriseURN]; ok && over["schemas"] == nil {
		doc["schemas"] = []any{userURN, enterpriseURN}
	}
	return doc
}

func (t *trial) decode(text string, into any) {
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.block("a well-formed request of our own", err.Error()+" in "+text)
	}
}

// user makes a user to work on. Without one there is nothing to judge.
func (t *trial) user(overlay string) resource {
	name := t.newName()
	return t.make("/Users", name, t.userBody(name, overlay))
}

// group makes a group to work on, with the users as members.
func (t *trial) group(members ...resource) resource {
	name := strings.TrimSuffix(t.newName(), "@verify.example")
	body := t.groupBody(name, "")
	if len(members) > 0 {
		body["members"] = memberRefs(members)
	}
	return t.make("/Groups", name, body)
}

func memberRefs(users []resource) []any {
	refs := make([]any, len(users))
	for i, u := range users {
		refs[i] = map[string]any{"value": u.id}
	}
	return refs
}

func (t *trial) make(path, name string, body map[string]any) resource {
	res := t.create(path, body)
	id := lookupString(res.doc, "id")
	if res.Status != 201 || id == "" {
		t.block("groundwork: POST "+path+" answers 201 with an id", res.says())
	}
	r := resource{id: id, path: path + "/" + url.PathEscape(id), name: name, doc: res.doc}
	r.etag = res.Header.Get("ETag")
	if r.etag == "" {
		r.etag = lookupString(res.doc, "meta.version")
	}
	return r
}

// drop deletes what the case made; 404 is as good.
func (t *trial) drop(r resource) {
	if res := t.ask("DELETE", r.path, nil); res.Status/100 != 2 && res.Status != 404 {
		t.block("groundwork: DELETE "+r.path+" answers 204", res.says())
	}
}
