package main

import (
	"bufio"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"grantbridge/internal/browsertest"
)

var signInLine = regexp.MustCompile(`sign in +(http://\S+)/login .* (http://\S+)$`)

// demoBeside runs the demo as a program of its own, until the test ends.
func demoBeside(t *testing.T) (base, idp string) {
	t.Helper()
	c := &exec.Cmd{Path: os.Args[0], Args: []string{"grantbridge", "demo", "--port", "0"}, Stderr: os.Stderr,
		Env: append(os.Environ(), "TMPDIR="+t.TempDir())}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(os.Interrupt)
		if err := c.Wait(); err != nil {
			t.Errorf("the demo: %v", err)
		}
	})
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if m := signInLine.FindStringSubmatch(lines.Text()); m != nil {
			base, idp = m[1], m[2]
		}
		if strings.HasPrefix(lines.Text(), "Press Ctrl-C") {
			return base, idp
		}
	}
	t.Fatalf("the demo ended:\n%s", said.String())
	return "", ""
}

func TestTheDemoInARealBrowser(t *testing.T) {
	chromium := browsertest.Start(t)
	base, idp := demoBeside(t)
	b := chromium.Profile(t)
	enter := func() {
		b.Go(base + "/login")
		b.Click("#ways a")
		b.Wait("#people")
	}

	enter()
	b.Shot("demo-people")
	b.Readable()
	b.Click("#people li:nth-child(2) button") // a superuser
	b.Wait("#who")
	b.Shot("demo-superuser")
	b.Readable()
	if n := b.Count("tr.site"); n != 24 {
		t.Errorf("a superuser sees %d sites", n)
	}
	b.Click("#logout button")
	b.Wait("#out")

	enter()
	b.Type("#q", "clara.mor\r")
	b.Wait("#people li:only-child")
	b.Click("#people button")
	b.Wait("#who")
	b.Shot("demo-clara")
	if got := b.Text("#login") + " " + b.Text("#tokens tbody"); !strings.HasPrefix(got, "clara.moreau") || !strings.Contains(got, demoToken) || b.Count("tr.site") != 9 {
		t.Errorf("clara sees %s and %d sites", got, b.Count("tr.site"))
	}

	// From the portal, as somebody else whom SCIM has not pushed: the source
	// bounces, and the bounced request is refused in words.
	b.Go(idp)
	b.Readable()
	b.Type("#q", "new.hire\r")
	b.Wait("#people li:only-child")
	b.Click("#people button")
	b.Wait("#app")
	b.Type("#q", "new.hire\r")
	b.Wait("#people li:only-child")
	b.Click("#people button")
	b.Wait("#says")
	if !b.Has("#trace") {
		t.Error("the refusal has no trace")
	}
}
