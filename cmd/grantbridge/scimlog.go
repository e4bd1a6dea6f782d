package main

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"grantbridge/scim"
	"grantbridge/scim/inspect"
	"grantbridge/store"
)

func (a *app) scimLogCommand() *cobra.Command {
	var f scimLogFlags
	c := &cobra.Command{
		Use: "log", Short: "what identity providers sent over SCIM, newest first", Args: subcommand,
		Long: `Log lists the requests of the last days, as scim_log in the configuration keeps
them: how each was read, what it changed, and how many people's access that
moved. show has one in full, follow waits for new ones, replay tells what one
would do now.`,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.read(c.Context(), func(b *bridge, v *store.View) error {
				q, err := f.query(b)
				if err != nil {
					return err
				}
				found, err := v.SCIMLog(c.Context(), q)
				if err != nil {
					return err
				}
				return a.listSCIMLog(found)
			})
		},
	}
	f.add(c)
	c.Flags().Var(atLeast(1, &f.limit, 50), "limit", "how many")
	c.Flags().Var(atLeast(1, &f.before, 0), "before", "only below this `ID`: the next page")
	c.AddCommand(a.scimLogShowCommand(), a.scimLogFollowCommand(), a.scimLogReplayCommand())
	return c
}

// scimLogFlags pick requests.
type scimLogFlags struct {
	source, status, resource, person, since, until, request string
	failed                                                  bool
	limit                                                   int
	before                                                  int64
}

func (f *scimLogFlags) add(c *cobra.Command) {
	fl := c.Flags()
	fl.StringVar(&f.source, "source", "", "only of this source")
	fl.StringVar(&f.status, "status", "", "only with this `status`: 409, or 4xx")
	fl.StringVar(&f.resource, "resource", "", "only about the resource of this `id`")
	fl.StringVar(&f.person, "person", "", "only about this person's accounts and access")
	fl.StringVar(&f.request, "request", "", "only the one of this request `id`, as X-Request-Id and the audit have it")
	fl.StringVar(&f.since, "since", "", "not before this `time`, day, or -2h")
	fl.StringVar(&f.until, "until", "", "before this `time`, or up to the end of a day")
	fl.BoolVar(&f.failed, "failed", false, "only those answered 400 or above")
}

func (f *scimLogFlags) query(b *bridge) (q store.SCIMLogQuery, err error) {
	q = store.SCIMLogQuery{Source: f.source, Resource: f.resource, Request: f.request, Limit: f.limit, Before: f.before}
	if f.failed {
		q.Status, q.StatusTo = 400, 599
	}
	if f.status != "" {
		if q.Status, q.StatusTo, err = readStatus(f.status); err != nil {
			return q, err
		}
	}
	if q.Since, q.Until, err = b.between(f.since, f.until); err != nil {
		return q, err
	}
	q.Person, err = b.personID(f.person)
	return q, err
}

// readStatus reads 409, or 4xx as 400 to 499.
func readStatus(text string) (from, to int, err error) {
	if len(text) == 3 && text[1:] == "xx" && text[0] >= '1' && text[0] <= '5' {
		from = 100 * int(text[0]-'0')
		return from, from + 99, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 100 || n > 599 {
		return 0, 0, usage("%q is no status; write 409, or 4xx", text)
	}
	return n, n, nil
}

// scimLogRow is a request for machines.
type scimLogRow struct {
	ID         int64     `json:"id"`
	At         time.Time `json:"at"`
	TookMS     float64   `json:"took_ms"`
	Request    string    `json:"request"`
	Source     string    `json:"source"`
	Credential string    `json:"credential,omitempty"`
	Profile    string    `json:"profile,omitempty"`
	Method     string    `json:"method"`
	Route      string    `json:"route,omitempty"`
	Resource   string    `json:"resource,omitempty"`
	Status     int       `json:"status"`
	Revision   int64     `json:"revision,omitempty"`
	Changed    int       `json:"changed"`
	Moved      int       `json:"people_moved"`
	Says       string    `json:"says,omitempty"`
}

func rowOfRequest(r store.SCIMRequest) scimLogRow {
	return scimLogRow{r.ID, r.At, float64(r.Took.Microseconds()) / 1000, r.Request, r.Source, r.Credential, r.Profile, r.Method, r.Route, r.Resource,
		r.Status, r.Revision, r.Changed, r.Moved, r.Says}
}

var scimLogColumns = []column[scimLogRow]{
	{"ID", func(r scimLogRow) string { return strconv.FormatInt(r.ID, 10) }},
	{"AT", func(r scimLogRow) string { return r.At.UTC().Format("2006-01-02 15:04:05Z") }},
	{"SOURCE", func(r scimLogRow) string { return r.Source }},
	{"REQUEST", func(r scimLogRow) string {
		if r.Route == "" {
			return r.Method
		}
		return r.Route
	}},
	{"STATUS", func(r scimLogRow) string { return strconv.Itoa(r.Status) }},
	{"RESOURCE", func(r scimLogRow) string { return orDash(r.Resource) }},
	{"ACCESS", func(r scimLogRow) string {
		if r.Moved == 0 {
			return "-"
		}
		return count(r.Moved, "person")
	}},
	{"SAYS", func(r scimLogRow) string { return orDash(r.Says) }},
}

func (a *app) listSCIMLog(found []store.SCIMRequest) error {
	rows := make([]scimLogRow, len(found))
	for i, r := range found {
		rows[i] = rowOfRequest(r)
	}
	return list(a, rows, scimLogColumns...)
}

func (a *app) scimLogFollowCommand() *cobra.Command {
	var f scimLogFlags
	c := &cobra.Command{
		Use: "follow", Short: "new requests as they come, with --since those from then on first, until interrupted", Args: words(),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), existing, func(b *bridge) error { return a.followSCIMLog(c.Context(), b, f) })
		},
	}
	f.add(c)
	c.Flags().Var(atLeast(1, &f.limit, 0), "count", "end after so many")
	return c
}

const followPause = 300 * time.Millisecond

func (a *app) followSCIMLog(ctx context.Context, b *bridge, f scimLogFlags) error {
	most := f.limit
	f.limit = 0
	q, err := f.query(b)
	if err != nil {
		return err
	}
	q.After = -1 // from the beginning
	if q.Since.IsZero() {
		if last, err := a.lastLogged(ctx, b); err != nil {
			return err
		} else if last > 0 {
			q.After = last
		}
	}
	for seen := 0; ; {
		var found []store.SCIMRequest
		err := b.st.Read(ctx, func(v *store.View) (err error) {
			found, err = v.SCIMLog(ctx, q)
			return err
		})
		if err != nil && !errors.Is(err, store.ErrUnavailable) {
			return ended(ctx, err)
		}
		for _, r := range found {
			if err := a.oneMore(rowOfRequest(r)); err != nil {
				return err
			}
			q.After = r.ID
			if seen++; seen == most {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followPause):
		}
	}
}

// ended makes the end that was asked for no error.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (a *app) lastLogged(ctx context.Context, b *bridge) (id int64, err error) {
	err = b.st.Read(ctx, func(v *store.View) error {
		newest, err := v.SCIMLog(ctx, store.SCIMLogQuery{Limit: 1})
		if len(newest) > 0 {
			id = newest[0].ID
		}
		return err
	})
	return id, err
}

// oneMore writes a request of a stream: a line, or a JSON line.
func (a *app) oneMore(r scimLogRow) error {
	if !a.people() {
		return jsonl(a.out, []scimLogRow{r})
	}
	cells := make([]string, len(scimLogColumns))
	for i, c := range scimLogColumns {
		cells[i] = c.cell(r)
	}
	return table(a.out, a.width(), [][]string{cells})
}

func (a *app) scimLogShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "one request in full, with what it changed", Args: words("ID"),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := logID(args[0])
			if err != nil {
				return err
			}
			return a.with(c.Context(), existing, func(b *bridge) error {
				r, e, err := inspect.Read(c.Context(), b.st, id)
				if err != nil {
					return noRequest(id, err)
				}
				return a.showRequest(b, r, e)
			})
		},
	}
}

func logID(text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 1 {
		return 0, usage("%q is no id; grantbridge scim log shows them", text)
	}
	return id, nil
}

func noRequest(id int64, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return &codeError{exitError, "no SCIM request " + strconv.FormatInt(id, 10) + " is kept; grantbridge scim log shows those that are"}
	}
	return err
}

func (a *app) scimLogReplayCommand() *cobra.Command {
	return &cobra.Command{
		Use: "replay ID", Short: "what a request would do now; nothing is written", Args: words("ID"),
		Long: `Replay sends a request that was kept through the door again, as it is configured
now, over the present state, and takes everything back. It needs the request as
it was sent: one with a password in it cannot be replayed.`,
		RunE: func(c *cobra.Command, args []string) error {
			id, err := logID(args[0])
			if err != nil {
				return err
			}
			return a.with(c.Context(), existing, func(b *bridge) error { return a.replaySCIM(c.Context(), b, id) })
		},
	}
}

func (a *app) replaySCIM(ctx context.Context, b *bridge, id int64) error {
	conf, err := scimConfig(b.cfg, nil)
	if err != nil {
		return err
	}
	conf.BaseURL, conf.Log = b.cfg.URL(b.cfg.Listen), discard
	p, err := scim.New(b.Engine, conf).Replay(ctx, id)
	if errors.Is(err, scim.ErrNotWhole) {
		return &codeError{exitError, err.Error()}
	}
	if err != nil {
		return noRequest(id, err)
	}
	return a.showReplay(b, p)
}
