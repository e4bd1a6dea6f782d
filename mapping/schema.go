package mapping

import "encoding/json"

// Schema is the JSON Schema (draft 2020-12) of the language, for editors. It is
// made of the parser's own tables of keys.
func Schema() []byte {
	root := topKeys.schema()
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["$id"] = "https://grantbridge.example/mapping.schema.json"
	root["title"] = "grantbridge mapping"
	root["$defs"] = object{
		"limits":   limitKeys.schema(),
		"role":     roleKeys.schema(),
		"rule":     ruleKeys.schema(),
		"test":     testKeys.schema(),
		"account":  accountKeys.schema(),
		"matcher":  object{"anyOf": []any{scalarSchema, matcherKeys.schema()}},
		"person":   object{"type": "object", "minProperties": 1, "additionalProperties": ref("matcher")},
		"group":    object{"anyOf": []any{scalarSchema, groupKeys.schema()}},
		"groups":   object{"type": "array", "items": ref("group"), "minItems": 1},
		"site_set": sitesSchema(siteSetKeys),
		"sites":    sitesSchema(sitesKeys),
		"except":   sitesSchema(exceptKeys),
		"pick":     object{"anyOf": []any{object{"type": "integer", "minimum": 1}, textSchema}},
		"picks":    oneOrMore(ref("pick")),
		"share":    object{"anyOf": []any{object{"type": "integer", "minimum": 0}, object{"type": "string", "pattern": `^[0-9]+(\.[0-9]+)? *%$|^[0-9]+$`}}},
		"time":     object{"type": "string", "pattern": `^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|[+-]\d\d:\d\d)?)?$`},
		"duration": object{"type": "string", "pattern": durationForm.String()},
		"level":    enum(levelNames...),
	}
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(err) // the tables hold nothing that JSON cannot say
	}
	return append(text, '\n')
}

func sitesSchema(table keys) object {
	return object{"anyOf": []any{ref("pick"), object{"type": "array", "items": ref("pick"), "minItems": 1}, table.schema()}}
}

// schema is a map with these keys and no others.
func (ks keys) schema() object {
	properties := object{}
	var needed []string
	for _, k := range ks {
		s := object{"description": k.says}
		for name, v := range k.schema.(object) {
			s[name] = v
		}
		properties[k.name] = s
		if k.needed {
			needed = append(needed, k.name)
		}
	}
	out := object{"type": "object", "properties": properties, "additionalProperties": false}
	if needed != nil {
		out["required"] = needed
	}
	return out
}
