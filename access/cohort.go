package access

import (
	"errors"
	"fmt"
	"slices"
)

// maxExprDepth is how deep a cohort's expression may nest.
const maxExprDepth = 64

// cohortFacts is a cohort with what follows from its expression. Its rules stand
// in the edges under its pivots: subjects of which whoever is in the cohort has
// at least one. So a change of rules touches no people, and a check evaluates
// only the cohorts that a subject of the person points to.
type cohortFacts struct {
	Cohort
	pivots []subjectKey
}

func compileCohort(c Cohort) (*cohortFacts, error) {
	if c.ID <= 0 || c.ID > MaxID {
		return nil, fmt.Errorf("cohort %d: ids go from 1 to %d", c.ID, MaxID)
	}
	if err := c.Expr.check(maxExprDepth); err != nil {
		return nil, fmt.Errorf("cohort %d: %w", c.ID, err)
	}
	c.Expr = c.Expr.clone()
	pivots, _ := c.Expr.pivots()
	slices.Sort(pivots)
	return &cohortFacts{c, slices.Compact(pivots)}, nil
}

// holds reports whether w is in the cohort. The public is in none.
func (c *cohortFacts) holds(w *who) bool { return !w.anonymous && c.Expr.holds(w) }

func (e *Expr) holds(w *who) bool {
	switch e.Op {
	case Is:
		return w.has(e.Subject.key())
	case AllOf:
		for i := range e.Args {
			if !e.Args[i].holds(w) {
				return false
			}
		}
		return len(e.Args) > 0
	case AnyOf:
		for i := range e.Args {
			if e.Args[i].holds(w) {
				return true
			}
		}
		return false
	case NotOf:
		return !e.Args[0].holds(w)
	}
	return false
}

// names reports whether the expression asks for k.
func (e *Expr) names(k subjectKey) bool {
	return e.Op == Is && e.Subject.key() == k || slices.ContainsFunc(e.Args, func(a Expr) bool { return a.names(k) })
}

// pivots returns subjects of which everyone for whom e holds has one, and how
// many people they may lead to, guessed: a built-in is everybody.
func (e *Expr) pivots() (keys []subjectKey, cost int) {
	const everybody = 1 << 20
	switch e.Op {
	case Is:
		if e.Subject.Kind >= SignedIn {
			return []subjectKey{keySignedIn}, everybody
		}
		return []subjectKey{e.Subject.key()}, 1
	case AllOf:
		for i := range e.Args {
			k, c := e.Args[i].pivots()
			if i == 0 || c < cost {
				keys, cost = k, c
			}
		}
		return keys, cost
	case AnyOf:
		for i := range e.Args {
			k, c := e.Args[i].pivots()
			keys, cost = append(keys, k...), cost+c
		}
		return keys, cost
	case NotOf:
		return []subjectKey{keySignedIn}, everybody
	}
	return nil, 0
}

func (e *Expr) check(depth int) error {
	if depth == 0 {
		return fmt.Errorf("nested deeper than %d", maxExprDepth)
	}
	switch {
	case e.Op > NotOf:
		return fmt.Errorf("no operator %d", e.Op)
	case e.Op == Is && e.Subject.Kind == TheCohort:
		return errors.New("a cohort is not made of cohorts")
	case e.Op == Is:
		return e.Subject.check()
	case e.Op == NotOf && len(e.Args) != 1:
		return fmt.Errorf("not of %d expressions, wants one", len(e.Args))
	}
	for i := range e.Args {
		if err := e.Args[i].check(depth - 1); err != nil {
			return err
		}
	}
	return nil
}

func (e Expr) clone() Expr {
	e.Args = slices.Clone(e.Args)
	for i := range e.Args {
		e.Args[i] = e.Args[i].clone()
	}
	return e
}
