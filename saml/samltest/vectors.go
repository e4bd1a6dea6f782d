package samltest

import "slices"

// Vectors is the whole corpus.
func Vectors() []Vector {
	return slices.Concat(good(), wrapping())
}

// good are messages that must be accepted: a corpus that is all refusals proves
// little.
func good() []Vector {
	return []Vector{
		{Name: "a signed assertion is accepted"},
		{Name: "a signed response is accepted", Sign: SignResponse},
		{Name: "both signed is accepted", Sign: SignBoth},
		{Name: "an encrypted signed assertion is accepted", Encrypt: &Encryption{}},
		{Name: "an encrypted assertion in a signed response is accepted", Sign: SignResponse, Encrypt: &Encryption{}},
	}
}
