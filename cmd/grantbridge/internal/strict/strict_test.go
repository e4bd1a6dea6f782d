package strict

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type shape struct {
	Name  string            `yaml:"name"`
	Count int               `yaml:"count"`
	On    bool              `yaml:"on_off"`
	Inner *inner            `yaml:"inner"`
	List  []inner           `yaml:"list"`
	Named map[string]inner  `yaml:"named"`
	Tags  map[string]string `yaml:"tags"`
}

type inner struct {
	Text string `yaml:"text"`
}

func TestDecodeReadsAllKinds(t *testing.T) {
	text := "name: ${N:-x}\ncount: 3\non_off: true\ninner: {text: a}\nlist:\n- text: b\n- text: |\n    c\nnamed: {k: {text: d}}\ntags: {a: 1, b: yes}\n"
	var got shape
	if _, err := Decode("f", []byte(text), &got, func(string) (string, bool) { return "", false }); err != nil {
		t.Fatal(err)
	}
	want := shape{Name: "x", Count: 3, On: true, Inner: &inner{"a"}, List: []inner{{"b"}, {"c\n"}},
		Named: map[string]inner{"k": {"d"}}, Tags: map[string]string{"a": "1", "b": "yes"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatDecodeRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"nam: x":                    "f:1:1: unknown key \"nam\"; did you mean \"name\"?\n    nam: …\n    ^",
		"inner:\n  txet: x":         "f:2:3: unknown key \"txet\"; did you mean \"text\"?\n      txet: …\n      ^",
		"zzzzzzzz: 1":               "f:1:1: unknown key \"zzzzzzzz\"; known here are name, count, on_off, inner, list, named, tags\n    zzzzzzzz: …\n    ^",
		"count: many":               "f:1:8: \"many\" is not a whole number\n    count: many\n           ^",
		"on_off: yes":               "f:1:9: \"yes\" is neither true nor false\n    on_off: yes\n            ^",
		"name: [a]":                 "f:1:7: a plain value is expected here, not a list\n    name: [a]\n          ^",
		"list: x":                   "f:1:7: a list is expected here\n    list: x\n          ^",
		"name: a\n---\nname: b":     "f:3:5: only one document is allowed in this file\n    name: b\n        ^",
		"name: ${1}":                "f:1:7: \"${1}\" is no variable; write ${NAME} or ${NAME:-default}, and $${ for a plain ${\n    name: ${1}\n          ^",
		"inner: {text: a, text: b}": "",
	} {
		_, err := Decode("f", []byte(text), &shape{}, func(string) (string, bool) { return "", false })
		if err == nil || want != "" && err.Error() != want {
			t.Errorf("%q gives\n%v\nwant\n%s", text, err, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("name: x\nlist: [{text: a}]")
	f.Add("named: {a: &x {text: 1}}")
	f.Add("- a\n- b: [")
	f.Fuzz(func(t *testing.T, text string) {
		var s shape
		if _, err := Decode("f", []byte(text), &s, func(string) (string, bool) { return "v", true }); err != nil {
			_ = fmt.Sprint(err)
		}
	})
}

func TestNearest(t *testing.T) {
	for _, c := range []struct{ word, want string }{{"lisen", "listen"}, {"STORE", "store"}, {"sotre", "store"}, {"quite-else", ""}} {
		if got := Nearest(c.word, []string{"listen", "store", "zone"}); got != c.want {
			t.Errorf("Nearest(%q) is %q, want %q", c.word, got, c.want)
		}
	}
}
