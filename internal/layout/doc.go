// Package layout holds the house rules as tests: which room may know which,
// where each library lives, what a package and a file look like. It has no code
// of its own; read layout_test.go from the top, the rules are its tables.
//
// The tests parse the files themselves: what a child process such as `go list`
// reads is invisible to the test cache, and a rule that is cached is no rule.
package layout
