package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"grantbridge/scim/verify"
)

func (a *app) scimCommand() *cobra.Command {
	return group("scim", "what identity providers sent, and whether a server speaks SCIM", a.scimLogCommand(), a.scimVerifyCommand())
}

// verifyFlags are the flags of scim verify.
type verifyFlags struct {
	url, tokenFile, user, profile, junit, failOn string
	only                                         []string
	parallel                                     int
	load                                         string
}

func (a *app) scimVerifyCommand() *cobra.Command {
	var f verifyFlags
	profiles := make([]string, len(verify.Profiles))
	for i, p := range verify.Profiles {
		profiles[i] = string(p)
	}
	c := &cobra.Command{
		Use: "verify --url URL", Short: "check whether a SCIM server does what RFC 7643, 7644 and identity providers ask", Args: words(),
		Long: `Verify sends a SCIM server some hundred requests and reports what it does
otherwise than the RFCs say, and what that means for an identity provider. All
that it makes is named gbv-… and deleted again. It exits 1 when a case failed.
With --load it measures instead of judging.`,
		RunE: func(c *cobra.Command, _ []string) error { return a.scimVerify(c.Context(), f) },
	}
	fl := c.Flags()
	fl.StringVar(&f.url, "url", "", "the `URL` that /Users is appended to")
	fl.StringVar(&f.tokenFile, "token-file", "", "`file` with the bearer token, or - for standard input")
	fl.StringVar(&f.user, "user", "", "send HTTP Basic with this `name` and the token as the password")
	fl.StringVar(&f.profile, "profile", string(verify.RFC), strings.Join(profiles, ", "))
	fl.StringSliceVar(&f.only, "only", nil, "only cases whose id or area is like this")
	fl.StringVar(&f.failOn, "fail-on", string(verify.Must), "the least level whose failures count: MUST, PROVIDER or SHOULD")
	fl.Var(atLeast(1, &f.parallel, 1), "parallel", "cases at a time")
	fl.StringVar(&f.junit, "junit", "", "write a JUnit report to this `file` too")
	fl.StringVar(&f.load, "load", "", "measure: users=200,groups=1,memberships=200,per-patch=1,concurrency=4")
	must(c.MarkFlagRequired("url"))
	return c
}

func (a *app) scimVerify(ctx context.Context, f verifyFlags) error {
	c := verify.Config{URL: f.url, Profile: verify.Profile(f.profile), Only: f.only, FailOn: verify.Level(strings.ToUpper(f.failOn)), Parallel: f.parallel}
	var err error
	if c.Load, err = readLoad(f.load); err != nil {
		return err
	}
	if f.tokenFile != "" {
		token, err := a.readInput(f.tokenFile)
		if err != nil {
			return err
		}
		c.Token = strings.TrimSpace(string(token))
	}
	if f.user != "" {
		r := http.Request{Header: http.Header{}}
		r.SetBasicAuth(f.user, c.Token)
		c.Header, c.Token = r.Header, ""
	}
	if isTerminal(a.err) && !a.quiet {
		done := 0
		c.Progress = func(r verify.Result) {
			done++
			fmt.Fprintf(a.err, "\r\x1b[K%d %s", done, r.ID)
		}
	}
	report, err := verify.Run(ctx, c)
	if c.Progress != nil {
		fmt.Fprint(a.err, "\r\x1b[K")
	}
	switch {
	case errors.Is(err, verify.ErrConfig):
		return usage("%v", err)
	case err != nil:
		return err
	}
	return a.writeVerdict(report, f.junit)
}

func (a *app) writeVerdict(report *verify.Report, junit string) error {
	if junit != "" {
		file, err := os.Create(junit)
		if err != nil {
			return fmt.Errorf("write the JUnit report: %w", err)
		}
		if err := cmp.Or(report.WriteJUnit(file), file.Close()); err != nil {
			return fmt.Errorf("write the JUnit report: %w", err)
		}
	}
	var err error
	if a.people() {
		err = report.WriteText(a.out)
	} else {
		err = a.encode(report)
	}
	if err == nil && !report.OK() {
		return errFailed
	}
	return err
}

// readLoad reads "users=200,groups=1"; "" is none.
func readLoad(text string) (*verify.Load, error) {
	if text == "" {
		return nil, nil
	}
	l := &verify.Load{}
	into := map[string]*int{"users": &l.Users, "groups": &l.Groups, "memberships": &l.Memberships, "per-patch": &l.PerPatch, "concurrency": &l.Concurrency}
	for part := range strings.SplitSeq(text, ",") {
		key, value, _ := strings.Cut(part, "=")
		n := into[key]
		if n == nil {
			return nil, usage("--load: no %q; write users=200,groups=1,memberships=200,per-patch=1,concurrency=4", key)
		}
		if _, err := fmt.Sscanf(value+"!", "%d!", n); err != nil || *n < 1 {
			return nil, usage("--load: %s=%s is no number", key, value)
		}
	}
	return l, nil
}
