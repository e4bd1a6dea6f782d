package samltest

import (
	"bytes"
	"compress/flate"
	"slices"
)

// Vectors is the whole corpus.
func Vectors() []Vector {
	return slices.Concat(good(), input(), wrapping(), signatures(), conditions(), identities(), encrypted())
}

// Deflate is text as the redirect binding has it, before base64.
func Deflate(text string) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	must(err)
	_, err = w.Write([]byte(text))
	must(err)
	must(w.Close())
	return b.Bytes()
}
