package main

import (
	"fmt"
	"math"
	"strconv"
)

// bounded is a flag that takes a whole number within bounds; another one is a
// usage error that names them.
type bounded[T int | int64] struct {
	to          *T
	least, most T
}

// atLeast is a flag without an upper bound that is def unless it is given.
func atLeast[T int | int64](least T, to *T, def T) *bounded[T] {
	*to = def
	return &bounded[T]{to, least, math.MaxInt}
}

func (b *bounded[T]) String() string {
	if b.to == nil { // as the help asks of a zero value
		return ""
	}
	return strconv.FormatInt(int64(*b.to), 10)
}

// Set takes a number within the bounds.
func (b *bounded[T]) Set(text string) error {
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err == nil && n >= int64(b.least) && n <= int64(b.most):
		*b.to = T(n)
		return nil
	case b.most == math.MaxInt:
		return fmt.Errorf("write a number from %d on", b.least)
	}
	return fmt.Errorf("write a number from %d to %d", b.least, b.most)
}

// Type is what the help calls the value.
func (b *bounded[T]) Type() string { return "int" }
