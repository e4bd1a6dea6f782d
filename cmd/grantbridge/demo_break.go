package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"grantbridge/cmd/grantbridge/internal/demo"
	"grantbridge/internal/handler"
	"grantbridge/provision"
)

// controlFile in the demo's directory says where it can be told to break.
const controlFile = "demo.json"

// control is what stands in it.
type control struct {
	URL   string `json:"url"`
	Token string `json:"token"`
}

// broken is what came of breaking the demo's directory.
type broken struct {
	Fault  string                `json:"fault"`
	Says   string                `json:"says"`
	Report *provision.SyncReport `json:"report"`
	// Before and After are how many people may see some site.
	Before int `json:"before"`
	After  int `json:"after"`
}

// serveControl takes orders on loopback, from who can read the control file,
// until ctx ends.
func (d *demoRun) serveControl(ctx context.Context, s *server) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	c := control{"http://" + l.Addr().String(), rand.Text()}
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	file := filepath.Join(d.dir, controlFile)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("POST /break/{fault}", handler.Adapter{Log: s.log}.Handler(func(w http.ResponseWriter, r *http.Request) error {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+c.Token)) == 0 {
			return &handler.Problem{Status: http.StatusForbidden, Code: "forbidden", Detail: "the token is in " + controlFile}
		}
		out, err := d.breakIt(r.Context(), s.live.Load(), r.PathValue("fault"))
		if err != nil {
			return err
		}
		return json.NewEncoder(w).Encode(out)
	}))
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: headerTime}
	s.work.Go(func() { _ = srv.Serve(l) })
	s.work.Go(func() {
		<-ctx.Done()
		_ = os.Remove(file)
		_ = srv.Close()
	})
	return nil
}

// breakIt breaks the directory and reads it at once.
func (d *demoRun) breakIt(ctx context.Context, g *generation, name string) (*broken, error) {
	out := &broken{Before: holders(g.Engine)}
	f, err := d.directory.Break(name)
	if err != nil {
		return nil, &handler.Problem{Status: http.StatusNotFound, Code: "not_found", Detail: err.Error()}
	}
	out.Fault, out.Says = f.Name, f.Says
	if out.Report, err = readDirectory(ctx, g); out.Report == nil {
		return nil, err // what the report says is no error here
	}
	if err := g.Sync(ctx, 0); err != nil {
		return nil, err
	}
	out.After = holders(g.Engine)
	return out, nil
}

func (a *app) demoBreakCommand() *cobra.Command {
	var names, long []string
	for _, f := range demo.Faults {
		names = append(names, f.Name)
		long = append(long, fmt.Sprintf("  %-15s %s", f.Name, f.Says))
	}
	c := &cobra.Command{
		Use: "break FAULT", Short: "break the directory of the running demo, and see what becomes of it", Args: words("FAULT"), ValidArgs: names,
		Long: "Break tells the running demo to break its LDAP directory and to read it at once:\n\n" + strings.Join(long, "\n") +
			"\n\n--config names the demo's configuration; without it the one demo that runs is\nfound.",
		RunE: func(c *cobra.Command, args []string) error {
			at, err := a.findDemo()
			if err != nil {
				return err
			}
			out, err := at.send(c.Context(), args[0], names)
			if err != nil {
				return err
			}
			return a.show(out, func(io.Writer) { a.writeBroken(out) })
		},
	}
	return c
}

// findDemo is the demo that --config names, of this folder, or the only one that
// runs.
func (a *app) findDemo() (c control, err error) {
	file, named := a.configPath()
	places := []string{filepath.Join(filepath.Dir(file), controlFile)}
	if !named {
		found, _ := filepath.Glob(filepath.Join(os.TempDir(), demoFolder+"*", controlFile)) // the pattern is right
		places = append(places, found...)
	}
	var all []control
	for _, p := range places {
		text, err := os.ReadFile(p)
		if err != nil || json.Unmarshal(text, &c) != nil {
			continue
		}
		all = append(all, c)
	}
	switch len(all) {
	case 0:
		return c, errors.New("no demo runs here; start one with grantbridge demo, and name its configuration with --config FILE as it says")
	case 1:
		return all[0], nil
	}
	return c, usage("several demos run; say which with --config FILE, as each of them says")
}

// runTime is how long the demo may take to read its directory.
const runTime = time.Minute

func (c control) send(ctx context.Context, fault string, known []string) (*broken, error) {
	ctx, cancel := context.WithTimeout(ctx, runTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+"/break/"+fault, http.NoBody)
	if err != nil {
		return nil, usage("no fault %q; there are %s", fault, strings.Join(known, ", "))
	}
	r.Header.Set("Authorization", "Bearer "+c.Token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("the demo does not answer: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode == http.StatusNotFound:
		return nil, usage("no fault %q; there are %s", fault, strings.Join(known, ", "))
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the demo says %s: %s", resp.Status, bytes.TrimSpace(text))
	}
	var out broken
	return &out, json.Unmarshal(text, &out)
}

func (a *app) writeBroken(b *broken) {
	a.say("%s: %s", b.Fault, b.Says)
	a.writeRun(b.Report)
	change := "as before"
	if b.After != b.Before {
		change = fmt.Sprintf("%s before", thousands(b.Before))
	}
	fmt.Fprintf(a.out, "  %s may see some site, %s\n", count(b.After, "person"), change)
	if b.Fault != demo.Heal.Name {
		fmt.Fprintf(a.out, "  → put it right: grantbridge demo break %s\n", demo.Heal.Name)
	}
}
