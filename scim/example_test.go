package scim_test

import (
	"encoding/json"
	"fmt"
	"strings"

	"grantbridge/scim"
)

// Entra's default way to deactivate somebody and to take somebody out of a
// group, read under the automatic profile.
func ExampleNormalise() {
	for _, group := range []bool{false, true} {
		body := `{"Operations":[{"op":"Replace","path":"active","value":"False"}]}`
		if group {
			body = `{"Operations":[{"op":"Remove","path":"members","value":[{"$ref":null,"value":"f648f8d5"}]}]}`
		}
		var v any
		d := json.NewDecoder(strings.NewReader(body))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			panic(err)
		}
		c, err := scim.Normalise(scim.Auto, scim.Request{Method: "PATCH", Group: group, Body: v})
		if err != nil {
			panic(err)
		}
		fmt.Println(c.Profile, "revokes:", c.Revokes, "removes:", c.Members.Remove)
		for _, r := range c.Rewrites {
			fmt.Println(" ", r)
		}
	}
	// Output:
	// entra revokes: true removes: []
	//   op-case: "Replace" read as replace
	//   boolean-text: active "False" read as false
	// entra revokes: true removes: [f648f8d5]
	//   op-case: "Remove" read as remove
	//   member-values: remove members with a list of values
}
