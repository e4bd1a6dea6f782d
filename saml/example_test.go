package saml_test

import (
	"context"
	"fmt"

	"grantbridge/saml"
	"grantbridge/saml/samltest"
)

// A sign-in: the browser goes to the identity provider, comes back with a
// SAMLResponse, and that counts once.
func Example() {
	ctx, l, store := context.Background(), samltest.NewLab(), &samltest.Memory{}
	p, err := saml.NewProvider(l.Config())
	if err != nil {
		fmt.Println(err)
		return
	}
	message, request, err := p.Login("handle-of-this-sign-in", saml.LoginOptions{}, samltest.Now)
	fmt.Println(message.Binding == saml.Redirect, request.Source, err)

	answer := samltest.Encode(l.Good(true, false, "Analysts", "Marketing EMEA"))
	waiting := samltest.Requests() // what Login returned, as kept on the server
	id, rejection := p.Accept(ctx, answer, waiting, store, samltest.Now)
	fmt.Println(id.Subject.Value, id.Groups.State, id.Groups.Values, rejection == nil)

	_, rejection = p.Accept(ctx, answer, waiting, store, samltest.Now)
	fmt.Println(rejection.Reason)
	fmt.Println(rejection.Says())
	// Output:
	// true okta <nil>
	// G-1f0c2b present [Analysts Marketing EMEA] true
	// replayed
	// This sign-in is too old or was used already. Please start again.
}

// What an administrator reads of a refusal.
func ExampleRejection() {
	l := samltest.NewLab()
	p := l.Provider(func(c *saml.Config) { c.EntityID = "https://bridge.example/saml/entra/metadata" })
	_, r := p.Judge(samltest.Encode(l.Good(true, false)), samltest.Requests(), samltest.Now)
	fmt.Println(r)
	fmt.Println(r.Fix())
	// Output:
	// audience: expected https://bridge.example/saml/entra/metadata, got https://bridge.example/saml/okta/metadata
	// Set the audience (SP entity id) at the identity provider to our entity id, to the letter.
}
