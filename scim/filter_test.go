package scim

import (
	"fmt"
	"strings"
	"testing"

	"grantbridge/directory"
)

func lenientReader(of *resource) *reader { return &reader{policy: policyOf(Auto, nil), of: of} }

func strictReader(of *resource) *reader { return &reader{policy: policyOf(Strict, nil), of: of} }

// show writes a filter so that a test can say what it wants.
func show(f directory.Filter) string {
	words := map[directory.Op]string{directory.OpAnd: "and", directory.OpOr: "or", directory.OpEq: "eq", directory.OpNe: "ne", directory.OpCo: "co",
		directory.OpSw: "sw", directory.OpEw: "ew", directory.OpGt: "gt", directory.OpGe: "ge", directory.OpLt: "lt", directory.OpLe: "le"}
	switch f.Op {
	case directory.OpNone:
		return "nothing"
	case directory.OpNot:
		return "not(" + show(f.Args[0]) + ")"
	case directory.OpPr:
		return f.Path + " pr"
	case directory.OpElem:
		return f.Path + "[" + show(f.Args[0]) + "]"
	case directory.OpAnd, directory.OpOr:
		var parts []string
		for _, a := range f.Args {
			parts = append(parts, show(a))
		}
		return "(" + strings.Join(parts, " "+words[f.Op]+" ") + ")"
	}
	return fmt.Sprintf("%s %s %q", f.Path, words[f.Op], f.Text)
}

func TestFilterIsReadAsTheRFCAndEntraMeanIt(t *testing.T) {
	const ent = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user:"
	for in, want := range map[string]string{
		`userName eq "Bjensen"`:                                          `username eq "bjensen"`,
		`USERNAME EQ "Bjensen"`:                                          `username eq "bjensen"`,
		`externalId eq "Case-Exact"`:                                     `externalid eq "Case-Exact"`,
		`id eq "2819c223"`:                                               `id eq "2819c223"`,
		`name.familyName co "O'Malley"`:                                  `name.familyname co "o'malley"`,
		urnUser + `:userName sw "J"`:                                     `username sw "j"`,
		`title pr`:                                                       `title pr`,
		`not(title pr)`:                                                  `not(title pr)`,
		`not (title pr)`:                                                 `not(title pr)`,
		`title pr and userType eq "Employee"`:                            `(title pr and usertype eq "employee")`,
		`title pr or userType eq "x" and active eq true`:                 `(title pr or (usertype eq "x" and active eq "true"))`,
		`(title pr or userType eq "x") and nickName pr`:                  `((title pr or usertype eq "x") and nickname pr)`,
		`emails[type eq "work" and value co "@example.com"]`:             `emails[(emails.type eq "work" and emails.value co "@example.com")]`,
		`emails[type eq "work"].value eq "A@b"`:                          `emails[(emails.type eq "work" and emails.value eq "a@b")]`,
		`emails[type eq "work" and primary eq true].value eq "A@b"`:      `emails[((emails.type eq "work" and emails.primary eq "true") and emails.value eq "a@b")]`,
		`roles[primary eq "True"].value pr`:                              `roles[(roles.primary eq "true" and roles.value pr)]`,
		`emails eq "a@b"`:                                                `emails.value eq "a@b"`,
		`emails co "b"`:                                                  `emails.value co "b"`,
		urnEnterprise + `:department eq "IT"`:                            ent + `department eq "it"`,
		`active eq true and ` + urnEnterprise + `:manager.value eq "26"`: `(active eq "true" and ` + ent + `manager.value eq "26")`,
		`id eq "x" and manager eq "y"`:                                   `(id eq "x" and ` + ent + `manager.value eq "y")`,
		`department eq "IT"`:                                             ent + `department eq "it"`,
		`meta.lastModified gt "2011-05-13T04:42:34Z"`:                    `meta.lastmodified gt "2011-05-13T04:42:34.000000Z"`,
		`meta.lastModified gt "2011-05-13T04:42:34+02:00"`:               `meta.lastmodified gt "2011-05-13T02:42:34.000000Z"`,
		`meta.resourceType eq "User"`:                                    `not(nothing)`,
		`meta.resourceType eq "Group"`:                                   `nothing`,
		`schemas eq "` + urnUser + `"`:                                   `not(nothing)`,
		`displayName eq "a\"b\u00e9"`:                                    `displayname eq "a\"bé"`,
		`externalId eq jyoung`:                                           `externalid eq "jyoung"`,
		`userName eq 'jo'`:                                               `username eq "jo"`,
		`userName  eq   "jo" `:                                           `username eq "jo"`,
		`userName eq "jo"&`:                                              `username eq "jo"`,
		`( userName eq "jo" )`:                                           `username eq "jo"`,
		`title eq null`:                                                  `not(title pr)`,
		`title ne null`:                                                  `title pr`,
		`active eq "False"`:                                              `active eq "false"`,
		`groups.value eq "g"`:                                            `groups.value eq "g"`,
		`groups[value eq "g"]`:                                           `groups.value eq "g"`,
		`groups[type eq "direct" and value eq "g"]`:                      `groups.value eq "g"`,
		`urn:example:custom:2.0:User:badge eq "X"`:                       `urn:example:custom:2.0:user:badge eq "x"`,
		`urn:scim:schemas:extension:enterprise:1.0:department eq "X"`:    ent + `department eq "x"`,
		`not (userName eq "a") and not (not (active eq false))`:          `(not(username eq "a") and not(not(active eq "false")))`,
	} {
		f, err := lenientReader(users).parseFilter(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got := show(f); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
}

func TestFilterOverMembersOfGroups(t *testing.T) {
	for in, want := range map[string]string{
		`id eq "g1" and members eq "u1"`:           `(id eq "g1" and members.value eq "u1")`,
		`id eq "g1" and members[value eq "u1"]`:    `(id eq "g1" and members.value eq "u1")`,
		`members[value eq "a" or value eq "b"]`:    `(members.value eq "a" or members.value eq "b")`,
		`members[type eq "User" and value eq "a"]`: `members.value eq "a"`,
		`members pr`:            `members.value pr`,
		`displayName eq "Tour"`: `displayname eq "tour"`,
	} {
		f, err := lenientReader(groups).parseFilter(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got := show(f); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
}

func TestFilterThatCannotBeMeantIsRefused(t *testing.T) {
	for _, in := range []string{
		``, ` `, `userName`, `userName eq`, `userName xx "a"`, `userName eq "a`, `userName eq "a" and`, `userName eq "a" or or title pr`,
		`(userName eq "a"`, `userName eq "a")`, `userNam eq "a"`, `active gt true`, `active eq "perhaps"`, `meta.lastModified gt "yesterday"`,
		`meta.lastModified co "2011"`, `emails[type eq "work"`, `emails[emails[type eq "x"]]`, `userName[value eq "a"]`, `addresses eq "x"`,
		`emails[nope eq "x"]`, `password eq "x"`, `groups.display eq "x"`, `groups[value eq "a" and value eq "b"]`, `title gt null`,
		`userName eq "\u0000"`, `eq "a"`, `"a" eq userName`, `not title pr`, `userName eq "a" "b"`,
		strings.Repeat("(", 60) + `title pr` + strings.Repeat(")", 60),
		`title pr` + strings.Repeat(` or title pr`, 200),
		`userName eq "` + strings.Repeat("a", maxFilter) + `"`,
	} {
		if f, err := lenientReader(users).parseFilter(in); err == nil {
			t.Errorf("%s was read as %s", clip(in), show(f))
		} else if e := toError(err); e.Type != "invalidFilter" {
			t.Errorf("%s: %v, want invalidFilter", clip(in), err)
		}
	}
}

func TestStrictFilterIsTheLetter(t *testing.T) {
	for _, in := range []string{
		`userName  eq "a"`, `userName eq 'a'`, `userName eq a`, `active eq "True"`, `department eq "IT"`, `( userName eq "a")`,
		`urn:example:custom:2.0:User:badge eq "X"`, `userName eq "a"&`, `userName eq 5`,
	} {
		if f, err := strictReader(users).parseFilter(in); err == nil {
			t.Errorf("%s was read as %s", in, show(f))
		}
	}
	n := strictReader(users)
	if _, err := n.parseFilter(`not (userName eq "a") and active eq true`); err != nil || len(n.rewrites) > 0 {
		t.Errorf("a filter by the letter: %v, %v", err, n.rewrites)
	}
}

func TestMisspeltAttributeIsSuggested(t *testing.T) {
	_, err := lenientReader(users).parseFilter(`usernam eq "a"`)
	if err == nil || !strings.Contains(err.Error(), "did you mean userName?") {
		t.Errorf("got %v", err)
	}
}

func FuzzFilter(f *testing.F) {
	for _, s := range []string{`userName eq "a"`, `emails[type eq "work"].value eq "x" and not (title pr)`, `a[b eq`, `urn:x:y eq 1`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, of := range []*resource{users, groups} {
			for _, n := range []*reader{lenientReader(of), strictReader(of)} {
				got, err := n.parseFilter(s)
				if err != nil {
					if e, ok := err.(*Error); !ok || e.Status != 400 {
						t.Fatalf("%q: %v", s, err)
					}
					continue
				}
				Eval(got, Record{ID: "x", Values: []directory.Value{{Path: "username", Text: "a"}, {Path: "emails.value", Text: "a"}}})
				again, err := n.parseFilter(s)
				if err != nil || show(again) != show(got) {
					t.Fatalf("%q is read differently the second time", s)
				}
			}
		}
	})
}
