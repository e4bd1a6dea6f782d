package verify

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string     `xml:"name,attr"`
	Class   string     `xml:"classname,attr"`
	Time    string     `xml:"time,attr"`
	Failure *junitText `xml:"failure"`
	Error   *junitText `xml:"error"`
	Skipped *junitText `xml:"skipped"`
	Output  string     `xml:"system-out,omitempty"`
}

type junitText struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes the report as JUnit XML: an area is a test suite. What
// fails without counting (see Config.FailOn) is skipped, its text kept as output,
// so that a build agrees with OK. A load run has a case for each phase.
func (r *Report) WriteJUnit(w io.Writer) error {
	suites := junitSuites{Name: "scim verify " + r.URL, Time: seconds(r.Took)}
	at := map[string]int{}
	for _, res := range r.junitResults() {
		i, ok := at[res.Area]
		if !ok {
			i = len(suites.Suites)
			at[res.Area] = i
			suites.Suites = append(suites.Suites, junitSuite{Name: res.Area})
		}
		suites.Suites[i].add(res, r.counts(res.Level))
	}
	for _, s := range suites.Suites {
		suites.Tests += s.Tests
		suites.Failures += s.Failures + s.Errors
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(suites); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// junitResults are the results, and the phases of a load run as if they were.
func (r *Report) junitResults() []Result {
	list := r.Results
	if r.Load == nil {
		return list
	}
	for _, p := range r.Load.Phases {
		res := Result{Case: Case{ID: p.Name, Title: p.Name, Area: "Load", Level: Must}, Status: Passed, Took: p.Took}
		if p.Errors > 0 {
			res.Status, res.Expected, res.Got = Failed, "no request fails", fmt.Sprintf("%d of %d failed: %s", p.Errors, p.Requests, p.Example)
		}
		list = append(list, res)
	}
	return list
}

func (s *junitSuite) add(res Result, counts bool) {
	c := junitCase{Name: res.ID + ": " + res.Title, Class: "scim." + strings.ReplaceAll(res.Area, " ", "_"), Time: seconds(res.Took)}
	var b strings.Builder
	res.writeText(&b)
	text := &junitText{Message: shorten("expected "+res.Expected+"; got "+res.Got, 300), Type: string(res.Level), Text: b.String()}
	s.Tests++
	switch {
	case res.Status == Passed:
	case res.Status == NotApplicable:
		s.Skipped++
		c.Skipped = &junitText{Message: res.Got}
	case !counts:
		s.Skipped++
		c.Skipped = &junitText{Message: string(res.Status) + ", but " + string(res.Level) + " does not count"}
		c.Output = b.String()
	case res.Status == Blocked:
		s.Errors++
		c.Error = text
	default:
		s.Failures++
		c.Failure = text
	}
	s.Cases = append(s.Cases, c)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
