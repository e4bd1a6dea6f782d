// Grantbridge takes people and groups from identity providers and says who may
// do what on which site.
//
// Start with `grantbridge demo`; `grantbridge serve` is the server, everything
// else works beside it on the same store. docs/operations.md explains the rest.
package main

import (
	"context"
	"os"
)

func main() {
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.LookupEnv}
	os.Exit(a.run(context.Background(), os.Args[1:]))
}
