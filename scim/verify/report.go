package verify

import (
	"encoding/json"
	"io"
	"time"
)

// Status is what came of a case.
type Status string

// The statuses. Blocked means that the case could not be judged because its
// groundwork failed, such as creating the user it would have patched.
const (
	Passed        Status = "passed"
	Failed        Status = "failed"
	NotApplicable Status = "not applicable"
	Blocked       Status = "blocked"
)

// Result is what came of one case.
type Result struct {
	Case
	Status    Status        `json:"status"`
	Request   string        `json:"request,omitempty"`  // the request line judged
	Expected  string        `json:"expected,omitempty"` // what should have come
	Got       string        `json:"got,omitempty"`      // what came, or why it was not applicable
	Took      time.Duration `json:"took_ns"`
	Exchanges []Exchange    `json:"exchanges,omitempty"`
}

// Report is what came of a run.
type Report struct {
	URL      string        `json:"url"`
	Profile  Profile       `json:"profile"`
	Run      string        `json:"run"`
	Started  time.Time     `json:"started"`
	Took     time.Duration `json:"took_ns"`
	Requests int64         `json:"requests"`
	FailOn   Level         `json:"fail_on"`
	Features []string      `json:"features"` // what the server advertises
	Results  []Result      `json:"results,omitempty"`
	Load     *LoadReport   `json:"load,omitempty"`
	// Stopped says why the run ended before its last case, or is empty.
	Stopped string `json:"stopped,omitempty"`
	// Left lists what the run made and could not delete.
	Left []string `json:"left,omitempty"`
}

// Tally counts results of one level.
type Tally struct{ Passed, Failed, NotApplicable, Blocked int }

// Total is how many cases were run.
func (t Tally) Total() int { return t.Passed + t.Failed + t.NotApplicable + t.Blocked }

func (t *Tally) add(s Status) {
	switch s {
	case Passed:
		t.Passed++
	case Failed:
		t.Failed++
	case NotApplicable:
		t.NotApplicable++
	case Blocked:
		t.Blocked++
	}
}

// Tally counts the results of a level; of all levels when it is empty.
func (r *Report) Tally(l Level) Tally {
	var t Tally
	for _, res := range r.Results {
		if l == "" || res.Level == l {
			t.add(res.Status)
		}
	}
	return t
}

// OK reports whether the server passes: no case of a level that counts (see
// Config.FailOn) failed or was blocked, the run was not cut short, and no
// request of a load run failed.
func (r *Report) OK() bool {
	if r.Stopped != "" || r.Load != nil && !r.Load.OK() {
		return false
	}
	for _, res := range r.Results {
		if r.counts(res.Level) && (res.Status == Failed || res.Status == Blocked) {
			return false
		}
	}
	return true
}

func (r *Report) counts(l Level) bool {
	switch r.FailOn {
	case Should:
		return true
	case Provider:
		return l != Should
	}
	return l == Must
}

// Failures lists the results that failed or were blocked.
func (r *Report) Failures() []Result {
	var list []Result
	for _, res := range r.Results {
		if res.Status == Failed || res.Status == Blocked {
			list = append(list, res)
		}
	}
	return list
}

// WriteJSON writes the whole report, the captured requests of failures too.
func (r *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(r)
}
