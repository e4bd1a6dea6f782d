package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func mustJSON(text string, into any) {
	if err := json.Unmarshal([]byte(text), into); err != nil {
		panic(err)
	}
}

func runOn(t *testing.T, url string, change func(*Config)) *Report {
	t.Helper()
	cfg := Config{URL: url, Token: fakeToken, Run: "test"}
	if change != nil {
		change(&cfg)
	}
	report, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestAServerWithoutFaultsPasses(t *testing.T) {
	fake, server := startFake(t)
	fake.strangers()
	before := fake.dump()
	report := runOn(t, server.URL, nil)
	for _, f := range report.Failures() {
		if f.ID != "rfc7644-3.4.2.4-delete-between" { // the fake counts places, as most do
			t.Errorf("%s %s\n\t%s\n\texpected %s\n\tgot %s", f.Status, f.ID, f.Request, f.Expected, f.Got)
		}
	}
	if !report.OK() {
		t.Error("the report does not pass")
	}
	if diff := cmp.Diff(before, fake.dump()); diff != "" {
		t.Errorf("the run left or changed something (-before +after):\n%s", diff)
	}
	if len(report.Left) > 0 {
		t.Errorf("left %v", report.Left)
	}
}

func TestCasesAtOnceAnswerAsOneByOne(t *testing.T) {
	_, server := startFake(t)
	report := runOn(t, server.URL, func(c *Config) { c.Parallel, c.Only = 4, []string{"Patch groups", "Filter logic", "Membership"} })
	for _, f := range report.Failures() {
		t.Errorf("%s %s: %s", f.Status, f.ID, f.Got)
	}
}

// strangers puts resources into the fake that are none of the run's.
func (s *fake) strangers() {
	var u, g map[string]any
	mustJSON(`{"schemas":["`+userURN+`"],"userName":"stranger@corp.example","active":true}`, &u)
	mustJSON(`{"schemas":["`+groupURN+`"],"displayName":"Strangers","members":[{"value":"id-1-Xy"}]}`, &g)
	s.create(fakeUsers, u)
	s.create(fakeGroups, g)
}

func (s *fake) dump() (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, row := range s.rows {
		all = append(all, fmt.Sprintf("%d %s", row.version, s.marshal(row.doc)))
	}
	return all
}

func TestWhatIsHonestlyNotOfferedIsNotApplicable(t *testing.T) {
	fake, server := startFake(t)
	fake.without = []string{"bulk", "etag", "sort", "pagination"}
	report := runOn(t, server.URL, func(c *Config) { c.Only = []string{"Bulk", "Versions", "Sorting", "Cursor paging"} })
	for _, res := range report.Results {
		if res.Status != NotApplicable {
			t.Errorf("%s: %s, want not applicable", res.ID, res.Status)
		}
	}
	if n := len(report.Results); n < 70 {
		t.Errorf("%d cases, want 70 or more", n)
	}
	if !report.OK() {
		t.Error("what is not offered fails the report")
	}
}

func TestACancelledRunDeletesWhatItMade(t *testing.T) {
	fake, server := startFake(t)
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	cfg := Config{URL: server.URL, Token: fakeToken, Only: []string{"Filter logic", "Patch groups"}, Progress: func(Result) {
		if n++; n == 10 {
			cancel()
		}
	}}
	report, err := Run(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if report.Stopped == "" || report.OK() {
		t.Errorf("stopped %q, OK %v: want a reason, and no pass", report.Stopped, report.OK())
	}
	if got := fake.dump(); len(got) > 0 {
		t.Errorf("left behind: %v", got)
	}
}

func TestARunEndsWhenItsRequestsAreSpent(t *testing.T) {
	fake, server := startFake(t)
	report := runOn(t, server.URL, func(c *Config) { c.MaxRequests = 60 })
	if report.OK() || !strings.Contains(report.Stopped, "request limit") {
		t.Errorf("stopped %q, OK %v", report.Stopped, report.OK())
	}
	if got := fake.dump(); len(got) > 0 {
		t.Errorf("left behind: %v", got)
	}
}

func TestSecretsDoNotReachAReport(t *testing.T) {
	_, server := startFake(t, passwordShown)
	report := runOn(t, server.URL, func(c *Config) {
		c.KeepAll, c.Only = true, []string{"password", "rfc7644-3.12-document"}
		c.Header = http.Header{"X-Api-Key": {"another-secret"}}
	})
	var all bytes.Buffer
	for _, write := range []func() error{func() error { return report.WriteJSON(&all) }, func() error { return report.WriteText(&all) }, func() error { return report.WriteJUnit(&all) }} {
		if err := write(); err != nil {
			t.Fatal(err)
		}
	}
	for _, secret := range []string{fakeToken, "another-secret", "Tr0ub4dor"} {
		if bytes.Contains(all.Bytes(), []byte(secret)) {
			t.Errorf("the report holds %q", secret)
		}
	}
	if !bytes.Contains(all.Bytes(), []byte("[redacted]")) {
		t.Error("nothing is redacted: the test sees nothing")
	}
}

func TestRunRefusesWhatCannotBeJudged(t *testing.T) {
	_, server := startFake(t)
	for name, c := range map[string]struct {
		cfg  Config
		want error
	}{
		"no URL":              {Config{}, ErrConfig},
		"an URL of no server": {Config{URL: "ftp://host"}, ErrConfig},
		"an unknown profile":  {Config{URL: server.URL, Profile: "gsuite"}, ErrConfig},
		"an unknown level":    {Config{URL: server.URL, FailOn: "MAY"}, ErrConfig},
		"a broken pattern":    {Config{URL: server.URL, Only: []string{"["}}, ErrConfig},
		"a run with a dash":   {Config{URL: server.URL, Run: "a-b"}, ErrConfig},
		"too many members":    {Config{URL: server.URL, Load: &Load{Users: 2, Memberships: 3}}, ErrConfig},
		"a wrong token":       {Config{URL: server.URL, Token: "wrong"}, ErrUnauthorized},
	} {
		if _, err := Run(t.Context(), c.cfg); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	if _, err := Run(t.Context(), Config{URL: "http://127.0.0.1:1", Timeout: time.Second}); err == nil {
		t.Error("a server that is not there: no error")
	}
}

func TestLoadReportsRatesAndLeavesNothing(t *testing.T) {
	fake, server := startFake(t)
	report := runOn(t, server.URL, func(c *Config) {
		c.Load = &Load{Users: 30, Groups: 2, Memberships: 45, PerPatch: 10, Concurrency: 3}
	})
	var names []string
	for _, p := range report.Load.Phases {
		names = append(names, fmt.Sprint(p.Name, " ", p.Requests))
		if p.Errors > 0 || p.Rate <= 0 || p.P50 <= 0 || p.P50 > p.P95 || p.P95 > p.P99 || p.P99 > p.Max {
			t.Errorf("%+v", p)
		}
	}
	want := []string{"create users 30", "create groups 2", "read user 30", "find by userName 30", "list 100 users 30", "add members 5", "remove members 45", "deactivate user 30", "delete groups 2", "delete users 30"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("phases (-want +got):\n%s", diff)
	}
	if got := fake.dump(); len(got) > 0 || !report.OK() {
		t.Errorf("OK %v, left behind %v", report.OK(), got)
	}
}

// TestTheTextReport is what people read of a server with three faults.
func TestTheTextReport(t *testing.T) {
	_, server := startFake(t, membersDoubled, noLocation, sortIgnored, discoveryFiltered)
	report := runOn(t, server.URL, func(c *Config) {
		c.Only = []string{"rfc7644-3.3-create", "rfc7644-3.5.2.1-member-present", "rfc7644-3.4.2.3-username", "rfc7644-4-filter", "rfc7644-3.11"}
	})
	report.Took, report.Requests = 1234*time.Millisecond, 99
	var text, junit bytes.Buffer
	if err := errors.Join(report.WriteText(&text), report.WriteJUnit(&junit)); err != nil {
		t.Fatal(err)
	}
	clock, times := regexp.MustCompile(`2026-[-0-9T:.]+Z`), regexp.MustCompile(`time="[0-9.]+"`)
	golden(t, "report.txt", clock.ReplaceAllString(text.String(), "(instant)"), server.URL)
	golden(t, "report.xml", clock.ReplaceAllString(times.ReplaceAllString(junit.String(), `time="0.000"`), "(instant)"), server.URL)
	if err := xml.Unmarshal(junit.Bytes(), new(junitSuites)); err != nil {
		t.Error(err)
	}
	if report.OK() {
		t.Error("MUST cases failed, and the report passes")
	}
}

// TestTheListOfCases holds ids, levels and sections still: builds refer to them.
func TestTheListOfCases(t *testing.T) {
	var b strings.Builder
	seen := map[string]bool{}
	for _, c := range Cases(All) {
		fmt.Fprintf(&b, "%-9s %-9s %-60s %s\n", c.Profile, c.Level, c.ID, c.Section)
		if seen[c.ID] || c.Title == "" || c.Section == "" || c.Means == "" || c.Area == "" {
			t.Errorf("a case twice or not whole: %+v", c)
		}
		seen[c.ID] = true
	}
	golden(t, "cases.txt", b.String(), "")
	if n := len(Cases(RFC)); n < 400 {
		t.Errorf("%d cases of the RFCs, want 400 or more", n)
	}
}

func golden(t *testing.T, name, got, url string) {
	t.Helper()
	if url != "" {
		got = strings.ReplaceAll(got, url, "https://scim.example/v2")
	}
	file := "testdata/" + name
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(file, []byte(got), 0o644)); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; go test -update writes it anew):\n%s", file, diff)
	}
}

func TestAmongManyStrangersFiltersAreScoped(t *testing.T) {
	fake, server := startFake(t)
	for i := range crowd + 10 {
		var u map[string]any
		mustJSON(fmt.Sprintf(`{"schemas":["%s"],"userName":"stranger%d@corp.example","title":"T","active":true}`, userURN, i), &u)
		fake.create(fakeUsers, u)
	}
	report := runOn(t, server.URL, func(c *Config) { c.Only = []string{"-title", "Filter logic"} })
	for _, f := range report.Failures() {
		t.Errorf("%s %s: %s; %s", f.Status, f.ID, f.Got, f.Request)
	}
}
