package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const workers = 6

// Push sends a source's people and groups to its SCIM door at base, as that
// source would.
func Push(ctx context.Context, o Org, source, base, token string) (Tally, error) {
	start := time.Now()
	p := pusher{o: o, source: source, ids: map[string]string{}}
	switch source {
	case Okta:
		p.client = newClient(base, token, "Okta SCIM Client 1.0.0", "application/scim+json; charset=utf-8")
		p.form = okta{}
	case Entra:
		p.client = newClient(base, token, "Microsoft Azure Active Directory Provisioning", "application/scim+json; charset=utf-8")
		p.form = entra{}
	default:
		return Tally{}, fmt.Errorf("nobody pushes as %q", source)
	}
	err := p.push(ctx)
	p.tally.Requests, p.tally.Errors, p.tally.Took = p.requests.Load(), p.errors.Load(), time.Since(start)
	return p.tally, err
}

// form is how one identity provider words its requests.
type form interface {
	test(ctx context.Context, c *client) error
	person(ctx context.Context, c *client, p Person) (id string, err error)
	group(ctx context.Context, c *client, g Group) (id string, err error)
	members(ctx context.Context, c *client, id string, g Group, m []member) error
}

// member is one membership to send.
type member struct{ id, display string }

type pusher struct {
	*client
	form   form
	o      Org
	source string
	mu     sync.Mutex
	ids    map[string]string // login → id
	tally  Tally
}

func (p *pusher) push(ctx context.Context) error {
	if err := p.form.test(ctx, p.client); err != nil {
		return err
	}
	var people []Person
	for _, x := range p.o.People {
		if x.Source == p.source {
			people = append(people, x)
		}
	}
	err := each(ctx, people, func(x Person) error {
		id, err := p.form.person(ctx, p.client, x)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.ids[x.Login] = id
		p.tally.People++
		return err
	})
	if err != nil {
		return err
	}
	var groups []Group
	for _, g := range p.o.Groups {
		if g.Source == p.source {
			groups = append(groups, g)
		}
	}
	return each(ctx, groups, func(g Group) error { return p.pushGroup(ctx, g, people) })
}

func (p *pusher) pushGroup(ctx context.Context, g Group, people []Person) error {
	id, err := p.form.group(ctx, p.client, g)
	if err != nil {
		return err
	}
	var ms []member
	for _, x := range people {
		for _, name := range x.Groups {
			if name == g.Name {
				ms = append(ms, member{p.ids[x.Login], x.Login})
			}
		}
	}
	p.mu.Lock()
	p.tally.Groups++
	p.tally.Memberships += len(ms)
	p.mu.Unlock()
	return p.form.members(ctx, p.client, id, g, ms)
}

// each calls f for all items from several workers, and returns the first error.
func each[T any](ctx context.Context, items []T, f func(T) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan T)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for it := range next {
				if err := f(it); err != nil {
					cancel(err)
				}
			}
		})
	}
feed:
	for _, it := range items {
		select {
		case next <- it:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	all.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return ctx.Err()
}

const (
	userSchema       = "urn:ietf:params:scim:schemas:core:2.0:User"
	groupSchema      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	enterpriseSchema = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	patchSchema      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
)

// okta words requests as Okta's SCIM client does (research/scim.md 3.2).
type okta struct{}

func (okta) test(ctx context.Context, c *client) error {
	if _, err := c.do(ctx, http.MethodGet, "/Users?startIndex=1&count=2", nil, nil); err != nil {
		return err
	}
	_, err := c.do(ctx, http.MethodGet, "/Groups?startIndex=1&count=100", nil, nil)
	return err
}

func (okta) person(ctx context.Context, c *client, p Person) (string, error) {
	body := object{
		"schemas": []string{userSchema}, "userName": p.Login, "externalId": p.ExternalID, "active": true,
		"name":        object{"givenName": p.Given, "familyName": p.Family},
		"emails":      []object{{"primary": true, "value": p.Email, "type": "work"}},
		"displayName": p.Display(), "locale": "en-US", "groups": []object{}, "password": "1mz050nq",
	}
	id, err := c.find(ctx, "Users", fmt.Sprintf("userName eq %q", p.Login), "&startIndex=1&count=100")
	if err != nil {
		return "", err
	}
	if id == "" {
		return c.create(ctx, "Users", body)
	}
	body["id"] = id
	_, err = c.do(ctx, http.MethodPut, "/Users/"+id, body, nil)
	return id, err
}

func (okta) group(ctx context.Context, c *client, g Group) (string, error) {
	id, err := c.find(ctx, "Groups", fmt.Sprintf("displayName eq %q", g.Name), "&startIndex=1&count=100")
	if err != nil || id != "" {
		return id, err
	}
	return c.create(ctx, "Groups", object{"schemas": []string{groupSchema}, "displayName": g.Name, "members": []object{}})
}

// members first repeats the name, as Okta does with every membership update,
// then replaces them all: a full push.
func (okta) members(ctx context.Context, c *client, id string, g Group, ms []member) error {
	rename := object{"op": "replace", "value": object{"id": id, "displayName": g.Name}}
	if err := c.patch(ctx, id, rename); err != nil {
		return err
	}
	values := make([]object, len(ms))
	for i, m := range ms {
		values[i] = object{"value": m.id, "display": m.display}
	}
	return c.patch(ctx, id, object{"op": "replace", "path": "members", "value": values})
}

func (c *client) patch(ctx context.Context, group string, ops ...object) error {
	body := object{"schemas": []string{patchSchema}, "Operations": ops}
	_, err := c.do(ctx, http.MethodPatch, "/Groups/"+group, body, nil)
	return err
}

// entra words requests as Microsoft Entra's provisioning service does
// (research/scim.md 3.1), without the aadOptscim062020 flag.
type entra struct{}

func (entra) test(ctx context.Context, c *client) error {
	_, err := c.find(ctx, "Users", `userName eq "0b9f1cd0-7e0f-4b0d-93f3-3f5b1a1d8a55"`, "")
	return err
}

func (entra) person(ctx context.Context, c *client, p Person) (string, error) {
	id, err := c.find(ctx, "Users", fmt.Sprintf("userName eq %q", p.Login), "")
	if err != nil {
		return "", err
	}
	if id != "" {
		_, err = c.do(ctx, http.MethodPatch, "/Users/"+id, object{"schemas": []string{patchSchema}, "Operations": []object{
			{"op": "Replace", "path": "displayName", "value": p.Display()},
			{"op": "Replace", "path": `emails[type eq "work"].value`, "value": p.Email},
		}}, nil)
		return id, err
	}
	return c.create(ctx, "Users", object{
		"schemas": []string{userSchema, enterpriseSchema}, "externalId": p.ExternalID, "userName": p.Login, "active": true,
		"displayName": p.Display(), "emails": []object{{"primary": true, "type": "work", "value": p.Email}},
		"meta":           object{"resourceType": "User"},
		"name":           object{"formatted": p.Display(), "familyName": p.Family, "givenName": p.Given},
		"roles":          []object{},
		enterpriseSchema: object{"department": p.Department},
	})
}

func (entra) group(ctx context.Context, c *client, g Group) (string, error) {
	id, err := c.find(ctx, "Groups", fmt.Sprintf("displayName eq %q", g.Name), "&excludedAttributes=members")
	if err != nil || id != "" {
		return id, err
	}
	return c.create(ctx, "Groups", object{
		"schemas":    []string{groupSchema, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"},
		"externalId": g.ExternalID, "displayName": g.Name, "meta": object{"resourceType": "Group"},
	})
}

const entraBatch = 20

func (entra) members(ctx context.Context, c *client, id string, _ Group, ms []member) error {
	for len(ms) > 0 {
		n := min(len(ms), entraBatch)
		values := make([]object, n)
		for i, m := range ms[:n] {
			values[i] = object{"$ref": nil, "value": m.id}
		}
		if err := c.patch(ctx, id, object{"op": "Add", "path": "members", "value": values}); err != nil {
			return err
		}
		ms = ms[n:]
	}
	return nil
}
