package verify

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteText writes the report for people: the failures in full, then a line
// for each area, then the verdict.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "SCIM server %s\nprofile %s, run %s, %s in %s\n", r.URL, r.Profile, r.Run, plural(int(r.Requests), "request"), r.Took.Round(time.Millisecond*100))
	fmt.Fprintf(&b, "offers: %s\n", strings.Join(r.Features, ", "))
	if r.Load != nil {
		r.Load.writeText(&b)
	} else {
		r.writeFailures(&b)
		r.writeAreas(&b)
	}
	r.writeVerdict(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) writeFailures(b *strings.Builder) {
	area := ""
	for _, f := range r.Failures() {
		if f.Area != area {
			area = f.Area
			fmt.Fprintf(b, "\n%s\n%s\n", area, strings.Repeat("-", len(area)))
		}
		f.writeText(b)
	}
}

func (f Result) writeText(b *strings.Builder) {
	fmt.Fprintf(b, "%s %-8s %s\n", strings.ToUpper(string(f.Status)), f.Level, f.ID)
	fmt.Fprintf(b, "    %s\n", f.Title)
	for _, line := range [][2]string{{"request", f.Request}, {"expected", f.Expected + "  [" + f.Section + "]"}, {"got", f.Got}, {"means", f.Means}} {
		if line[1] != "" {
			fmt.Fprintf(b, "    %-9s %s\n", line[0], shorten(line[1], 400))
		}
	}
}

func (r *Report) writeAreas(b *strings.Builder) {
	var order []string
	tallies := map[string]*Tally{}
	for _, res := range r.Results {
		if tallies[res.Area] == nil {
			order = append(order, res.Area)
			tallies[res.Area] = &Tally{}
		}
		tallies[res.Area].add(res.Status)
	}
	tab := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(name string, t Tally) {
		fmt.Fprintf(tab, "%d\t%d\t%d\t%d\t  %s\t\n", t.Passed, t.Failed, t.NotApplicable, t.Blocked, name+strings.Repeat(" ", max(0, 24-len(name))))
	}
	fmt.Fprintf(b, "\n")
	fmt.Fprintf(tab, "passed\tfailed\tn.a.\tblocked\t  %s\t\n", "area"+strings.Repeat(" ", 20))
	for _, name := range order {
		row(name, *tallies[name])
	}
	for _, l := range []Level{Must, Should, Provider} {
		if t := r.Tally(l); t.Total() > 0 {
			row("all "+string(l), t)
		}
	}
	tab.Flush()
}

func (r *Report) writeVerdict(b *strings.Builder) {
	b.WriteString("\n")
	if len(r.Left) > 0 {
		fmt.Fprintf(b, "left behind, to delete by hand: %s\n", strings.Join(r.Left, " "))
	}
	if r.Stopped != "" {
		fmt.Fprintf(b, "stopped early: %s\n", r.Stopped)
	}
	switch {
	case r.OK() && r.Load != nil:
		b.WriteString("PASS: every request succeeded\n")
	case r.OK():
		fmt.Fprintf(b, "PASS: no %s case failed\n", r.counted())
	case r.Load != nil:
		b.WriteString("FAIL: requests failed\n")
	default:
		n := 0
		for _, f := range r.Failures() {
			if r.counts(f.Level) {
				n++
			}
		}
		fmt.Fprintf(b, "FAIL: %s failed or blocked\n", plural(n, r.counted()+" case"))
	}
}

// counted names the levels whose failures count.
func (r *Report) counted() string {
	switch r.FailOn {
	case Should:
		return "MUST, PROVIDER or SHOULD"
	case Provider:
		return "MUST or PROVIDER"
	}
	return "MUST"
}

func (l *LoadReport) writeText(b *strings.Builder) {
	fmt.Fprintf(b, "load: %s, %s, %s (%d a PATCH), %d at a time\n\n", plural(l.Load.Users, "user"), plural(l.Load.Groups, "group"), plural(l.Load.Memberships, "membership"), l.Load.PerPatch, l.Load.Concurrency)
	tab := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(tab, "requests\terrors\tper second\tp50\tp95\tp99\tmax\t  %-18s\t\n", "phase")
	for _, p := range l.Phases {
		fmt.Fprintf(tab, "%d\t%d\t%.0f\t%s\t%s\t%s\t%s\t  %-18s\t\n", p.Requests, p.Errors, p.Rate, ms(p.P50), ms(p.P95), ms(p.P99), ms(p.Max), p.Name)
	}
	tab.Flush()
	for _, p := range l.Phases {
		if p.Example != "" {
			fmt.Fprintf(b, "%s: %s\n", p.Name, p.Example)
		}
	}
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
