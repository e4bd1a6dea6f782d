package mapping

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	earliest = 1970
	latest   = 9999
	longest  = 100 * 366 * 24 * time.Hour
)

// when reads starts, until and for.
func (r *reader) when(out *rule, n *node) {
	if v := n.at("starts"); v != nil {
		out.starts, _ = r.time(v, "starts", false)
	}
	if v := n.at("until"); v != nil {
		out.until, _ = r.time(v, "until", true)
	}
	if !out.starts.IsZero() && !out.until.IsZero() && !out.starts.Before(out.until) {
		r.fail("GB142", n.at("until"), "the rule ends before it starts")
	}
	v := n.at("for")
	if v == nil {
		return
	}
	out.lasts = r.duration(v, "for")
	if out.group == nil || out.person != nil || !out.group.single() {
		r.fail("GB104", n.keyOf("for"), "for runs from joining one group; it does not go with all, not or person")
	}
}

var dateForm = regexp.MustCompile(`^\d{4}-\d\d-\d\d$`)

// stampForms are RFC 3339 and what people shorten it to. Without an offset the
// time is in the zone of the mapping.
var stampForms = []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04"}

// time reads a date or a time. The end of a date is the beginning of the next.
func (r *reader) time(n *node, key string, end bool) (time.Time, bool) {
	text := strings.TrimSpace(n.text)
	if n.shape != isText {
		r.fail("GB140", n, "%s is a date like 2026-12-31 or a time like 2026-12-31T18:00:00Z", key)
		return time.Time{}, false
	}
	t, err := time.Time{}, error(nil)
	if dateForm.MatchString(text) {
		if t, err = time.ParseInLocation(time.DateOnly, text, r.zone); err == nil {
			day := t.Day()
			if end {
				day++
			}
			t = time.Date(t.Year(), t.Month(), day, 0, 0, 0, 0, r.zone)
		}
	} else {
		for _, form := range stampForms {
			if t, err = time.ParseInLocation(form, text, r.zone); err == nil {
				break
			}
		}
	}
	if err != nil || t.Year() < earliest || t.Year() > latest {
		r.fail("GB140", n, "%s: no date or time %s; write 2026-12-31 or 2026-12-31T18:00:00Z", key, shown(text))
		return time.Time{}, false
	}
	return t, true
}

var durationForm = regexp.MustCompile(`^([0-9]{1,6})([mhdw])$`)

// duration reads 90m, 36h, 14d or 2w.
func (r *reader) duration(n *node, key string) time.Duration {
	m := durationForm.FindStringSubmatch(strings.TrimSpace(n.text))
	if m == nil || n.shape != isText {
		r.fail("GB141", n, "%s is a number of minutes, hours, days or weeks: 90m, 36h, 14d, 2w", key)
		return 0
	}
	count, _ := strconv.Atoi(m[1])
	d := time.Duration(count) * map[string]time.Duration{"m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}[m[2]]
	if d <= 0 || d > longest {
		r.fail("GB141", n, "%s: %s is not between a minute and 100 years", key, n.text)
	}
	return d
}
