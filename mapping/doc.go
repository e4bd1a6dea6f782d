// Package mapping is the administrators' language: rules that map groups of
// identity providers to roles on sites and to token ceilings.
//
// Parse reads a mapping, strictly, and reports every problem in one pass with
// line, column and what to do. A Set compiles against groups, never against
// people: ForGroup gives the access rules of one group, Rest those that need
// more than one. Diff compares two snapshots and gives the Plan: who gains and
// who loses what.
//
// The package does no I/O and has no clock.
package mapping
