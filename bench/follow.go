package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"grantbridge/provision"
	"grantbridge/store"
)

// runFollow measures from the end of a commit here until the snapshot of another
// process answers with it: with hints (PostgreSQL's NOTIFY) and by polling, which
// is all that SQLite has.
func runFollow(args []string) error {
	f := flag.NewFlagSet("follow", flag.ExitOnError)
	n := f.Int("n", 200, "commits")
	server := postgresFlag(f)
	_ = f.Parse(args)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DATABASE\tHEARD BY\tP50\tP99\tWORST\tBUDGET P99")
	for _, kind := range places(*server) {
		lags, err := follow(kind, *server, *n)
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		by, budget := "polling", "1.5 s"
		if kind == "postgres" {
			by, budget = "NOTIFY", "250 ms"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", kind, by, percentile(lags, .5).Round(10*time.Microsecond), percentile(lags, .99).Round(10*time.Microsecond), percentile(lags, 1).Round(10*time.Microsecond), budget)
	}
	err := w.Flush()
	fmt.Printf("load %s\n", load())
	return err
}

func follow(kind, server string, n int) ([]time.Duration, error) {
	p, err := newPlace(kind, server)
	if err != nil {
		return nil, err
	}
	defer p.drop()
	c, err := openGrouped(p.dsn)
	if err != nil {
		return nil, err
	}
	defer c.close()
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "follow-child", p.dsn)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(stdout)
	lines.Scan() // it follows
	var lags []time.Duration
	for i := range n {
		time.Sleep(time.Duration(i%17) * 10 * time.Millisecond) // at no time of the poll in particular
		if err := c.create(fmt.Sprint("user", i)); err != nil {
			return nil, err
		}
		committed := time.Now()
		if !lines.Scan() {
			return nil, fmt.Errorf("the follower ended: %w", cmd.Wait())
		}
		rev, at, _ := strings.Cut(lines.Text(), " ")
		ns, err := strconv.ParseInt(at, 10, 64)
		if err != nil || rev != strconv.Itoa(i+1) {
			return nil, fmt.Errorf("the follower said %q after revision %d", lines.Text(), i+1)
		}
		lags = append(lags, max(0, time.Unix(0, ns).Sub(committed)))
	}
	_ = stdin.Close()
	return lags, cmd.Wait()
}

// followChild follows, and prints each revision that its snapshot shows with the
// time, on the machine's one clock.
func followChild(dsn string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	st, err := store.Open(ctx, dsn, store.Options{})
	if err != nil {
		return err
	}
	defer st.Close()
	e, err := provision.New(ctx, st, provision.Config{})
	if err != nil {
		return err
	}
	followed := make(chan error)
	go func() { followed <- e.Run(ctx) }()
	go func() {
		_, _ = bufio.NewReader(os.Stdin).ReadByte()
		cancel()
	}()
	time.Sleep(300 * time.Millisecond) // until it listens
	fmt.Println("following")
	var last int64
	for ctx.Err() == nil {
		snap, _ := e.Holder().Snapshot(time.Now())
		for rev := snap.Revision(); last < rev; {
			last++
			fmt.Println(last, time.Now().UnixNano())
		}
		time.Sleep(200 * time.Microsecond)
	}
	return <-followed
}
