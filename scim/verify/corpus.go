package verify

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// corpora holds what many cases read and none changes: made when first asked
// for, deleted when the run ends.
type corpora struct {
	mu   sync.Mutex
	sets map[string]*corpus
}

type corpus struct {
	maker *trial
	value any
}

// shared is the corpus named key, built when it is not there yet. When it could
// not be built, every case that needs it is blocked for the same reason.
func (t *trial) shared(key string, build func(*trial) any) any {
	t.run.corpus.mu.Lock()
	c := t.run.corpus.sets[key]
	if c == nil {
		c = t.run.buildCorpus(t.ctx, key, build)
		if t.run.corpus.sets == nil {
			t.run.corpus.sets = map[string]*corpus{}
		}
		t.run.corpus.sets[key] = c
	}
	t.run.corpus.mu.Unlock()
	switch c.maker.status {
	case Passed:
	case NotApplicable:
		t.notApplicable(c.maker.got)
	default:
		t.mu.Lock()
		t.log = append(t.log, lastOf(c.maker.log, 1)...)
		t.mu.Unlock()
		t.block(c.maker.expected, c.maker.got)
	}
	return c.value
}

func (r *run) buildCorpus(ctx context.Context, key string, build func(*trial) any) *corpus {
	c := &corpus{}
	c.maker = &trial{run: r, tag: "gbv-" + r.cfg.Run + "-" + key, status: Passed}
	c.maker.kase.run = func(t *trial) { c.value = build(t) }
	c.maker.judge(ctx)
	return c
}

// drop deletes every corpus.
func (s *corpora) drop(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.sets {
		c.maker.cleanUp(ctx)
	}
}

// people is a corpus of resources known by a letter, and how to ask for them
// alone.
type people struct {
	endpoint string
	byLetter map[string]resource
	scope    string // a filter that selects them alone, or "" when there is none
	crowded  bool   // the server has too many others to read them all
}

// crowd is how many resources a server may have for us to read all, rather than
// put a scope round a filter, which asks for more than the filter alone.
const crowd = 1000

// letters are the corpus members the resources of a list are, in its order.
func (p people) letters(resources []any) []string {
	var found []string
	for _, e := range resources {
		for letter, r := range p.byLetter {
			if lookupString(e, "id") == r.id {
				found = append(found, letter)
			}
		}
	}
	return found
}

// judgement is a filter and which letters it must and must not select; letters
// in neither are not judged.
type judgement struct {
	filter string
	in     string // such as "AB"
	out    string
	scoped bool // the filter selects strangers too, so ask within the scope
}

// judge asks for the filter and fails unless it selects what it must.
func (p people) judge(t *trial, j judgement) {
	filter := j.filter
	if j.scoped && p.crowded && p.scope != "" {
		filter = p.scope + " and (" + filter + ")"
	}
	found := p.letters(t.list(p.endpoint, "filter", filter))
	var missing, extra []string
	for _, l := range strings.Split(j.in, "") {
		if !slices.Contains(found, l) {
			missing = append(missing, l)
		}
	}
	for _, l := range strings.Split(j.out, "") {
		if slices.Contains(found, l) {
			extra = append(extra, l)
		}
	}
	if len(missing)+len(extra) > 0 {
		t.fail(fmt.Sprintf("filter %s selects %s and not %s", filter, p.names(j.in), p.names(j.out)), fmt.Sprintf("it selected %s", p.names(strings.Join(found, ""))))
	}
}

// names is how a report calls letters: by the name the resource has.
func (p people) names(letters string) string {
	if letters == "" {
		return "none of ours"
	}
	var list []string
	for _, l := range strings.Split(letters, "") {
		list = append(list, p.byLetter[l].name)
	}
	slices.Sort(list)
	return strings.Join(slices.Compact(list), ", ")
}

// list walks the pages of a query and returns the resources of all, up to a
// bound: a server that pages wrongly must not keep us.
func (t *trial) list(endpoint string, params ...string) []any {
	const most, pages = 5000, 50
	var all []any
	for range pages {
		page := t.get(endpoint + queryOf(append(slices.Clip(params), "startIndex", fmt.Sprint(len(all)+1), "count", "200")...))
		page.isStatus(200)
		resources := lookupList(page.doc, "Resources")
		all = append(all, resources...)
		if len(resources) == 0 || len(all) >= lookupInt(page.doc, "totalResults") || len(all) >= most {
			break
		}
	}
	return all
}

// findScope sets a filter that selects the corpus alone, when the server knows
// one that does, and whether it is needed.
func (t *trial) findScope(p *people, attr string) {
	scope := attr + ` sw "` + t.tag + `"`
	res := t.get(p.endpoint + "?filter=" + url.QueryEscape(scope))
	p.crowded = lookupInt(t.get(p.endpoint+"?count=1").doc, "totalResults") > crowd
	if res.Status == 200 && len(p.letters(lookupList(res.doc, "Resources"))) == len(p.byLetter) {
		p.scope = scope
	}
}
