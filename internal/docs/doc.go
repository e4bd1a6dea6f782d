// Package docs holds the documents to the code. It has no code of its own.
//
// Every relative link must resolve. Every fenced block is used as what it says
// it is:
//
//	```console        run, each "$ " line with the binary on the PATH, in a folder
//	                  of its own; the lines below are what must come out, where …
//	                  stands for any text, and a line that is only … for any lines.
//	                  A command must succeed unless the next one is "$ echo $?".
//	```console more   the same, in the folder of the block before
//	```yaml           a mapping when it has rules:, a configuration when it has
//	                  listen:, store: or sources:, and else just YAML
//	```yaml fragment  a piece of one; just YAML
//	```json, ```go, ```sh   parsed
//
// A table below a line <!-- executed --> is a truth table of the grant model and
// is asked of the evaluator, row by row; model_test.go has its words.
package docs
