package web

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/invopop/jsonschema"
)

// The OpenAPI 3.1 document of /api/v1. Its schemas are made of the types that the
// handlers read and write, so that they say what is true; a test holds that it
// has every route and that every answer fits.

// operation is one route as the document tells of it.
type operation struct {
	id, tag, summary, says string
	needs                  string // the action; empty needs no token
	query                  []parameter
	body                   any // a value of the type that is read; nil is none
	optional               bool
	answer                 any   // and that is written
	errors                 []int // beside 401 and 403
}

// parameter is one query parameter.
type parameter struct {
	name, says string
	schema     object
}

type object = map[string]any

const openAPIPath = "/api/v1/openapi.json"

// openAPI answers with the document. It tells nothing that the source does not,
// so it needs no token.
func (d *door) openAPI(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, err := w.Write(openAPIText())
	return err
}

var openAPIText = sync.OnceValue(func() []byte {
	text, err := json.MarshalIndent(openAPIDocument(), "", "  ")
	if err != nil {
		panic(err) // maps of what JSON can say
	}
	return append(text, '\n')
})

func openAPIDocument() object {
	paths, schemas := object{}, object{}
	for route, op := range operations {
		method, path, _ := strings.Cut(route, " ")
		item, _ := paths[path].(object)
		if item == nil {
			item = object{}
			paths[path] = item
		}
		item[strings.ToLower(method)] = op.document(path, schemas)
	}
	schemas["Problem"] = problemSchema
	return object{
		"openapi": "3.1.0",
		"info": object{"title": "grantbridge admin API", "version": "1",
			"description": "For administrators and their programs. Send an API token as Authorization: Bearer. Errors are problem documents (RFC 9457) whose request_id stands in the log; more members may be added to answers, none is taken away within version 1.",
			"license":     object{"name": "Apache 2.0", "identifier": "Apache-2.0"}},
		"servers":  []object{{"url": "/"}},
		"security": []object{{"token": []string{}}},
		"paths":    paths,
		"components": object{"schemas": schemas, "securitySchemes": object{
			"token": object{"type": "http", "scheme": "bearer", "description": "an API token, as grantbridge token create makes them"}}},
	}
}

var problemSchema = object{
	"type": "object", "required": []string{"type", "title", "status"},
	"properties": object{
		"type":       object{"type": "string", "description": "urn:grantbridge:problem: and a stable word for programs"},
		"title":      object{"type": "string"},
		"status":     object{"type": "integer"},
		"detail":     object{"type": "string", "description": "what is wrong and what to do, for the person who must act"},
		"request_id": object{"type": "string"},
	},
}

// document is the operation in OpenAPI's words; the schemas that it names are
// added to schemas.
func (op operation) document(path string, schemas object) object {
	out := object{"operationId": op.id, "tags": []string{op.tag}, "summary": op.summary, "responses": op.responses(schemas)}
	says := op.says
	if op.needs == "" {
		out["security"] = []object{}
	} else {
		says = strings.TrimSpace(says + " Needs " + op.needs + " on the whole platform.")
	}
	if says != "" {
		out["description"] = says
	}
	if ps := op.parameters(path); len(ps) > 0 {
		out["parameters"] = ps
	}
	if op.body != nil {
		out["requestBody"] = object{"required": !op.optional, "content": object{"application/json": object{"schema": schemaOf(op.body, schemas)}}}
	}
	return out
}

func (op operation) parameters(path string) (out []object) {
	for part := range strings.SplitSeq(path, "/") {
		name, ok := strings.CutPrefix(part, "{")
		if !ok {
			continue
		}
		name = strings.TrimSuffix(name, "}")
		schema := object{"type": "string"}
		if name == "id" {
			schema = object{"type": "integer", "format": "int64", "minimum": 1}
		}
		out = append(out, object{"name": name, "in": "path", "required": true, "schema": schema})
	}
	for _, p := range op.query {
		out = append(out, object{"name": p.name, "in": "query", "description": p.says, "schema": p.schema})
	}
	return out
}

func (op operation) responses(schemas object) object {
	out := object{"200": object{"description": "what was asked for",
		"content": object{"application/json": object{"schema": schemaOf(op.answer, schemas)}}}}
	codes := append([]int{http.StatusMethodNotAllowed, http.StatusServiceUnavailable}, op.errors...)
	if op.needs != "" {
		codes = append(codes, http.StatusUnauthorized, http.StatusForbidden)
	}
	for _, code := range codes {
		out[strconv.Itoa(code)] = object{"description": errorSays[code],
			"content": object{"application/problem+json": object{"schema": object{"$ref": "#/components/schemas/Problem"}}}}
	}
	return out
}

var errorSays = map[int]string{
	http.StatusBadRequest:            "the call is wrong; detail says where",
	http.StatusUnauthorized:          "no token, or not a valid one",
	http.StatusForbidden:             "the token may not do this",
	http.StatusNotFound:              "there is no such thing",
	http.StatusMethodNotAllowed:      "another method; Allow names the one there is",
	http.StatusConflict:              "it cannot be done as things are; nothing was changed",
	http.StatusRequestEntityTooLarge: "the body is too large",
	http.StatusUnsupportedMediaType:  "the body is no JSON",
	http.StatusBadGateway:            "the directory cannot be asked, or is not believed; nothing was changed",
	http.StatusServiceUnavailable:    "the store does not answer, or somebody else is just at it; try again after Retry-After",
}

// schemaOf refers to the schema of v's type, and adds it to schemas.
func schemaOf(v any, schemas object) object {
	t := reflect.TypeOf(v)
	if t.Kind() == reflect.Map {
		return object{"type": "object"}
	}
	name := strings.ToUpper(t.Name()[:1]) + t.Name()[1:]
	if schemas[name] == nil {
		schemas[name] = reflected(t)
	}
	return object{"$ref": "#/components/schemas/" + name}
}

// reflected is the JSON Schema (2020-12, as OpenAPI 3.1 has it) of a type.
func reflected(t reflect.Type) object {
	r := jsonschema.Reflector{DoNotReference: true, Anonymous: true, AllowAdditionalProperties: true}
	text, err := json.Marshal(r.ReflectFromType(t))
	if err != nil {
		panic(err) // types of this program
	}
	var out object
	if err := json.Unmarshal(text, &out); err != nil {
		panic(err)
	}
	delete(out, "$schema")
	optional(t, out)
	return out
}

// optional takes what omitzero may leave out from what is required.
func optional(t reflect.Type, schema object) {
	required, _ := schema["required"].([]any)
	properties, _ := schema["properties"].(object)
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if strings.Contains(options, "omitzero") {
			required = slices.DeleteFunc(required, func(x any) bool { return x == name })
		}
		if inner, ok := properties[name].(object); ok && f.Type.Kind() == reflect.Struct && inner["properties"] != nil {
			optional(f.Type, inner)
		}
	}
	if required != nil {
		schema["required"] = required
	}
}
