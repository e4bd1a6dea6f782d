package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"

	elimity "github.com/elimity-com/scim"
	"github.com/elimity-com/scim/errors"
	"github.com/elimity-com/scim/optional"
	"github.com/elimity-com/scim/schema"
	"github.com/scim2/filter-parser/v2"
)

// elimityServer is the SCIM library that most Go programs use, on a store in
// memory that keeps as little as it may: no database, no audit, no access. It is
// the least that its users pay.
func elimityServer() (http.Handler, error) {
	return elimity.NewServer(&elimity.ServerArgs{
		ServiceProviderConfig: &elimity.ServiceProviderConfig{},
		ResourceTypes: []elimity.ResourceType{
			{ID: optional.NewString("User"), Name: "User", Endpoint: "/Users", Schema: schema.CoreUserSchema(), Handler: newMemory("userName")},
			{ID: optional.NewString("Group"), Name: "Group", Endpoint: "/Groups", Schema: schema.CoreGroupSchema(), Handler: newMemory("displayName")},
		},
	})
}

// memory is resources by id and by their key attribute. Members of a group are
// kept apart, by id, so that changing one is not a walk over all.
type memory struct {
	mu    sync.Mutex
	key   string
	all   map[string]elimity.ResourceAttributes
	keyed map[string]string
	in    map[string]map[string]bool // group -> members
}

func newMemory(key string) *memory {
	return &memory{key: key, all: map[string]elimity.ResourceAttributes{}, keyed: map[string]string{}, in: map[string]map[string]bool{}}
}

func (m *memory) Create(_ *http.Request, a elimity.ResourceAttributes) (elimity.Resource, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := fmt.Sprintf("%08d", len(m.all)+1)
	return m.put(id, a), nil
}

// put takes the members out of a and keeps both.
func (m *memory) put(id string, a elimity.ResourceAttributes) elimity.Resource {
	m.in[id] = map[string]bool{}
	m.change(id, a["members"], true)
	delete(a, "members")
	m.all[id] = a
	name, _ := a[m.key].(string)
	m.keyed[strings.ToLower(name)] = id
	return elimity.Resource{ID: id, Attributes: copied(a)}
}

func copied(a elimity.ResourceAttributes) elimity.ResourceAttributes {
	out := make(elimity.ResourceAttributes, len(a)+4)
	for k, v := range a {
		out[k] = v
	}
	return out
}

func (m *memory) change(id string, members any, in bool) {
	list, _ := members.([]any)
	for _, e := range list {
		o, _ := e.(map[string]any)
		v, _ := o["value"].(string)
		if in {
			m.in[id][v] = true
		} else {
			delete(m.in[id], v)
		}
	}
}

func (m *memory) Get(_ *http.Request, id string) (elimity.Resource, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.all[id]
	if !ok {
		return elimity.Resource{}, errors.ScimErrorResourceNotFound(id)
	}
	a = copied(a)
	members := make([]any, 0, len(m.in[id]))
	for v := range m.in[id] {
		members = append(members, map[string]any{"value": v})
	}
	if len(members) > 0 {
		a["members"] = members
	}
	return elimity.Resource{ID: id, Attributes: a}, nil
}

func (m *memory) GetAll(_ *http.Request, p elimity.ListRequestParams) (elimity.Page, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p.FilterValidator == nil {
		return elimity.Page{TotalResults: len(m.all), Resources: []elimity.Resource{}}, nil
	}
	e, ok := p.FilterValidator.GetFilter().(*filter.AttributeExpression)
	if !ok || e.Operator != filter.EQ {
		return elimity.Page{}, errors.ScimErrorInvalidFilter
	}
	id, found := m.keyed[strings.ToLower(fmt.Sprint(e.CompareValue))]
	if !found {
		return elimity.Page{Resources: []elimity.Resource{}}, nil
	}
	return elimity.Page{TotalResults: 1, Resources: []elimity.Resource{{ID: id, Attributes: copied(m.all[id])}}}, nil
}

func (m *memory) Replace(_ *http.Request, id string, a elimity.ResourceAttributes) (elimity.Resource, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.put(id, a), nil
}

func (m *memory) Delete(_ *http.Request, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.all, id)
	return nil
}

func (m *memory) Patch(_ *http.Request, id string, ops []elimity.PatchOperation) (elimity.Resource, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, op := range ops {
		switch {
		case op.Op == elimity.PatchOperationAdd:
			m.change(id, op.Value, true)
		case op.Path != nil && op.Path.ValueExpression != nil:
			e, _ := op.Path.ValueExpression.(*filter.AttributeExpression)
			delete(m.in[id], fmt.Sprint(e.CompareValue))
		}
	}
	return elimity.Resource{}, nil // 204
}
