package scim

import (
	"fmt"
	"strings"
)

// Rule is one of the twelve ways in which identity providers depart from the
// RFCs and are understood nevertheless.
type Rule uint8

// The rules, each with who is known to need it.
const (
	// RuleOpCase reads "Add", "REPLACE" (Entra).
	RuleOpCase Rule = 1 + iota
	// RuleOperationsCase reads "operations" for "Operations".
	RuleOperationsCase
	// RuleBooleanText reads "True" and "false" as booleans, in filters too (Entra).
	RuleBooleanText
	// RuleShape reads a one-element array or {"value": x} for a single value, one
	// object for an array of one, a number for its text (Entra's manager).
	RuleShape
	// RuleReferenceText reads "id" for {"value": "id"}, and "" for nothing
	// (Entra's manager).
	RuleReferenceText
	// RuleBareExtension reads department and manager as the enterprise
	// extension's (Entra).
	RuleBareExtension
	// RuleFlatKeys reads dotted and URN-prefixed keys and value paths in a
	// value without path, and the bare URN of an extension as a path (Entra with
	// aadOptscim062020).
	RuleFlatKeys
	// RuleMemberValues reads remove of members with a value list as the removal
	// of those (Entra, authentik); by the RFC it would empty the group.
	RuleMemberValues
	// RuleCreateElement makes the element that emails[type eq "work"].value is
	// to be set on, when there is none (Entra).
	RuleCreateElement
	// RuleEcho ignores id, meta, groups and schemas in the value of an operation
	// (Okta, authentik).
	RuleEcho
	// RuleUnknown keeps attributes and schemas that nobody defined, and reads
	// older and misspelt schema URNs (OneLogin, custom attributes).
	RuleUnknown
	// RuleLoose reads the rest: unquoted and single-quoted literals and doubled
	// spaces in filters, & and / at the end, JSON text in roles[].value (Entra's
	// documentation, OneLogin).
	RuleLoose
	lastRule = RuleLoose
)

var ruleNames = [...]string{"", "op-case", "operations-case", "boolean-text", "shape", "reference-text", "bare-extension",
	"flat-keys", "member-values", "create-element", "echo", "unknown", "loose"}

func (r Rule) String() string {
	if int(r) < len(ruleNames) && r > 0 {
		return ruleNames[r]
	}
	return fmt.Sprintf("rule(%d)", uint8(r))
}

// ParseRule reads a rule's name.
func ParseRule(name string) (Rule, error) {
	for i, n := range ruleNames {
		if n == name && i > 0 {
			return Rule(i), nil
		}
	}
	return 0, fmt.Errorf("unknown rule %q; the rules are %s", name, strings.Join(ruleNames[1:], ", "))
}

// Rewrite is one application of a rule to one request.
type Rewrite struct {
	Rule   Rule
	Detail string
}

func (r Rewrite) String() string { return r.Rule.String() + ": " + r.Detail }

// rules is a set of rules.
type rules uint16

const allRules rules = 1<<(lastRule+1) - 2

func (s rules) has(r Rule) bool { return s&(1<<r) != 0 }
func (s rules) without(r ...Rule) rules {
	for _, r := range r {
		s &^= 1 << r
	}
	return s
}

// reader reads what one request says under one policy, and keeps what it had
// to rewrite.
type reader struct {
	policy
	of       *resource
	rewrites []Rewrite
}

// use reports whether rule r holds, and records that it was needed.
func (n *reader) use(r Rule, format string, args ...any) bool {
	if !n.rules.has(r) {
		return false
	}
	n.note(r, format, args...)
	return true
}

func (n *reader) note(r Rule, format string, args ...any) {
	const most = 100 // a body may need a rule ten thousand times
	if len(n.rewrites) < most {
		n.rewrites = append(n.rewrites, Rewrite{r, fmt.Sprintf(format, args...)})
	}
}
