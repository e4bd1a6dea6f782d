package mapping

// key is one key of the language: the parser, the formatter's order, the JSON
// Schema and the reference page all come from these tables, so they cannot
// drift apart.
type key struct {
	name   string
	says   string // one line of help
	schema any
	needed bool
}

type keys []key

func (ks keys) has(name string) bool {
	for _, k := range ks {
		if k.name == name {
			return true
		}
	}
	return false
}

func (ks keys) names() []string {
	out := make([]string, len(ks))
	for i, k := range ks {
		out[i] = k.name
	}
	return out
}

// object is a fragment of JSON Schema.
type object = map[string]any

func ref(def string) object { return object{"$ref": "#/$defs/" + def} }

var (
	textSchema   = object{"type": "string", "minLength": 1}
	scalarSchema = object{"type": []string{"string", "number"}}
)

func oneOrMore(item any) object {
	return object{"anyOf": []any{item, object{"type": "array", "items": item, "minItems": 1}}}
}

func enum(names ...string) object { return object{"enum": names} }

func mapOf(value any) object {
	return object{"type": "object", "additionalProperties": value, "minProperties": 1}
}

// The keys of the file, in the order in which Format writes them.
var topKeys = keys{
	{"version", "The edition of the language: 1.", object{"const": 1}, true},
	{"limits", "How much one change may do before it is held.", ref("limits"), false},
	{"roles", "Custom roles that give may name.", mapOf(ref("role")), false},
	{"site_sets", "Named sets of sites.", mapOf(ref("site_set")), false},
	{"rules", "The rules; their order never matters.", object{"type": "array", "items": ref("rule")}, false},
	{"tests", "What the rules are to give to whom; run before they are applied.", object{"type": "array", "items": ref("test")}, false},
}

var limitKeys = keys{
	{"people_changed", "Of all people, whose access one change may change: 20% or a number.", ref("share"), false},
	{"people_removed", "Of all people, who may lose all access by one change: 5% or a number.", ref("share"), false},
	{"superusers_at_least", "How many working superusers must remain.", object{"type": "integer", "minimum": 1, "maximum": 1000}, false},
}

var roleKeys = keys{
	{"includes", "Roles that it includes.", oneOrMore(textSchema), false},
	{"actions", "Actions of its own.", oneOrMore(textSchema), false},
}

// The keys of a set of sites, and those of a rule's sites, which may name one.
var (
	siteSetKeys = keys{
		{"all", "All sites, later ones too.", object{"const": true}, false},
		{"sites", "Ids and slugs.", ref("picks"), false},
		{"labels", "Sites that have all these labels, later ones too.", mapOf(scalarSchema), false},
		{"slug", "Sites whose slug matches this glob, later ones too.", textSchema, false},
		{"except", "Sites taken out again.", ref("except"), false},
	}
	sitesKeys  = append(keys{{"set", "A set of site_sets.", textSchema, false}}, siteSetKeys...)
	exceptKeys = keys{sitesKeys[0], siteSetKeys[1], siteSetKeys[2], siteSetKeys[3]}
)

var ruleKeys = keys{
	{"id", "Its name, shown wherever the rule decides.", object{"type": "string", "pattern": idPattern}, true},
	{"why", "Why it is there, for those who come later.", object{"type": "string"}, false},
	{"from", "The source, several, or any.", oneOrMore(textSchema), true},
	{"group", "The group, or what matches its name, DN or id.", ref("group"), false},
	{"person", "What the person's attributes must be.", ref("person"), false},
	{"give", "Raises: the role on these sites.", textSchema, false},
	{"capabilities", "Actions added to the role.", oneOrMore(textSchema), false},
	{"without", "Actions taken away; wins over every give.", oneOrMore(textSchema), false},
	{"at_most", "Lowers: the role on these sites is never above this one; noaccess takes all away.", textSchema, false},
	{"token_ceiling", "Through a token, this rule gives no more than this.", enum("inherit", "noaccess", "view", "write", "admin", "superuser"), false},
	{"token_at_most", "Lowers what any token may do on these sites.", textSchema, false},
	{"sites", "The sites: all, ids, slugs, {set}, {labels}, {slug}, or {capture}.", ref("sites"), false},
	{"starts", "When it begins: a date or a time.", ref("time"), false},
	{"until", "When it ends: a date, to its end, or a time.", ref("time"), false},
	{"for", "How long it lasts from joining the group: 14d, 36h.", ref("duration"), false},
}

var groupKeys = keys{
	{"glob", "The whole name matches: * any run, ? any one; case does not matter.", textSchema, false},
	{"regexp", "The whole name matches this regular expression (RE2).", textSchema, false},
	{"dn", "The group has this distinguished name.", textSchema, false},
	{"dn_under", "The group is somewhere below this distinguished name.", textSchema, false},
	{"id", "The group has this immutable id.", scalarSchema, false},
	{"name", "Beside id: what people call the group.", textSchema, false},
	{"any", "In at least one of these groups.", ref("groups"), false},
	{"all", "In all of these groups.", ref("groups"), false},
	{"not", "Not in this group.", ref("group"), false},
}

var matcherKeys = keys{
	{"equals", "The value is this; case does not matter.", scalarSchema, false},
	{"not_equals", "The value is not this.", scalarSchema, false},
	{"glob", "The whole value matches this glob.", textSchema, false},
	{"not_glob", "The value does not match this glob.", textSchema, false},
	{"regexp", "The whole value matches this regular expression; case does not matter.", textSchema, false},
	{"not_regexp", "The value does not match this regular expression.", textSchema, false},
}

var testKeys = keys{
	{"name", "What the test says.", textSchema, true},
	{"person", "Who is asked about: one account, or a list of a person's accounts.", oneOrMore(ref("account")), true},
	{"at", "When; without it, now.", ref("time"), false},
	{"expect", "The level on each site.", mapOf(ref("level")), false},
	{"expect_token", "The level through a token that itself limits nothing.", mapOf(ref("level")), false},
}

var accountKeys = keys{
	{"from", "The source.", textSchema, true},
	{"groups", "The groups it is in.", object{"type": "array", "items": ref("group")}, false},
	{"attributes", "Its attributes: email, login, display, department or a SCIM path.", mapOf(scalarSchema), false},
}

const idPattern = `^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`
