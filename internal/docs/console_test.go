package docs

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// command is one "$ " line of a console block, with what must come out.
type command struct {
	line   int
	text   string
	output []string // nil: anything
}

// leaveOut skips what needs a program that is not there; scripts/test.sh installs
// it, so that there it is a failure.
func leaveOut(t *testing.T, program string) {
	if os.Getenv("GRANTBRIDGE_REQUIRE_SERVERS") == "1" {
		t.Fatalf("%s is not installed", program)
	}
	t.Skipf("left out: %s is not installed", program)
}

// commands reads a console block: "$ " begins a command, "> " goes on with it.
func (b block) commands() []command {
	var all []command
	for i, line := range strings.Split(strings.TrimSuffix(b.text, "\n"), "\n") {
		last := len(all) - 1
		switch {
		case strings.HasPrefix(line, "$ "):
			all = append(all, command{line: b.line + i, text: line[2:]})
		case last < 0:
		case all[last].output == nil && (line == ">" || strings.HasPrefix(line, "> ")):
			all[last].text += "\n" + strings.TrimPrefix(strings.TrimPrefix(line, ">"), " ")
		default:
			all[last].output = append(all[last].output, strings.TrimRight(line, " "))
		}
	}
	return all
}

func TestConsoleBlocksDoWhatTheyShow(t *testing.T) {
	_, missing := exec.LookPath("curl")
	for _, d := range documents(t) {
		if missing != nil && slices.ContainsFunc(d.blocks, func(b block) bool { return b.language() == "console" && strings.Contains(b.text, "curl ") }) {
			t.Run(d.path, func(t *testing.T) { leaveOut(t, "curl") })
			continue
		}
		dir := ""
		for _, b := range d.blocks {
			if b.language() != "console" {
				continue
			}
			if b.variant() != "more" || dir == "" {
				dir = t.TempDir()
			}
			if !t.Run(fmt.Sprintf("%s:%d", b.doc, b.line), func(t *testing.T) { dir = runConsole(t, b, dir) }) {
				break // what comes after stands on it
			}
		}
	}
}

const consoleTime = 2 * time.Minute

// runConsole runs the block as one shell session, and returns the folder that
// it ends in.
func runConsole(t *testing.T, b block, dir string) string {
	all := b.commands()
	if len(all) == 0 {
		t.Fatalf("%s:%d: a console block without a $ line", b.doc, b.line)
	}
	var script strings.Builder
	script.WriteString("exec 2>&1\n")
	for i, c := range all {
		fmt.Fprintf(&script, "%s\n__rc=$?; printf '\\n\\001%d %%d\\n' $__rc; (exit $__rc)\n", c.text, i)
	}
	script.WriteString("printf '\\n\\001in %s' \"$PWD\"\n")
	ctx, cancel := context.WithTimeout(t.Context(), consoleTime)
	defer cancel()
	sh := exec.CommandContext(ctx, "bash", "-c", script.String())
	sh.Dir, sh.Env = dir, shellEnv(t, dir)
	sh.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	sh.Cancel = func() error { return syscall.Kill(-sh.Process.Pid, syscall.SIGKILL) }
	sh.WaitDelay = time.Second
	var out bytes.Buffer
	sh.Stdout = &out
	err := sh.Run()
	if sh.Process != nil {
		syscall.Kill(-sh.Process.Pid, syscall.SIGTERM) // a server left in the background
	}
	if ctx.Err() != nil {
		t.Fatalf("%s:%d: not done after %s (%v); so far:\n%s", b.doc, b.line, consoleTime, err, &out)
	}
	shown, end, _ := strings.Cut(out.String(), "\n\x01in ")
	compare(t, b, all, shown)
	return end
}

var mark = regexp.MustCompile("\n\x01([0-9]+) ([0-9]+)\n")

func compare(t *testing.T, b block, all []command, out string) {
	for i, c := range all {
		m := mark.FindStringSubmatchIndex(out)
		if m == nil {
			t.Fatalf("%s:%d: the shell ended at: %s\n%s", b.doc, c.line, c.text, out)
		}
		got := out[:m[0]]
		rc, _ := strconv.Atoi(out[m[4]:m[5]])
		out = out[m[1]:]
		asksCode := i+1 < len(all) && strings.TrimSpace(all[i+1].text) == "echo $?"
		if rc != 0 && !asksCode {
			t.Errorf("%s:%d: $ %s\nexits %d:\n%s", b.doc, c.line, c.text, rc, got)
		}
		if c.output != nil && !pattern(c.output).MatchString(trimLines(got)) {
			t.Errorf("%s:%d: $ %s\nshows:\n%s\nbut the document says:\n%s", b.doc, c.line, c.text, got, strings.Join(c.output, "\n"))
		}
	}
}

// pattern is what a document shows, as an expression: … is any text, and alone
// on a line any lines.
func pattern(lines []string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`\A`)
	for i, line := range lines {
		if strings.TrimSpace(line) == "…" {
			b.WriteString(`(?:.*\n)*?`)
			continue
		}
		b.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*"))
		if i < len(lines)-1 {
			b.WriteString(`\n`)
		} else {
			b.WriteString(`\n?`)
		}
	}
	b.WriteString(`\z`)
	return regexp.MustCompile(b.String())
}

func trimLines(s string) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

// shellEnv is a small environment with the binary on the PATH.
func shellEnv(t *testing.T, dir string) []string {
	return []string{"PATH=" + filepath.Dir(binary(t)) + ":" + os.Getenv("PATH"), "HOME=" + dir, "NO_COLOR=1", "TZ=UTC", "LC_ALL=C.UTF-8", "COLUMNS=120"}
}

var (
	buildOnce sync.Once
	buildPath string
	errBuild  error
)

// binary builds grantbridge once. The sources are read here too: what the
// compiler reads is invisible to the test cache, and a cached answer would be
// about an older binary.
func binary(t *testing.T) string {
	t.Helper()
	buildOnce.Do(func() {
		if errBuild = readSources(); errBuild != nil {
			return
		}
		buildPath = filepath.Join(buildDir, "grantbridge")
		cmd := exec.Command("go", "build", "-o", buildPath, "./cmd/grantbridge")
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			errBuild = fmt.Errorf("build the binary: %w\n%s", err, out)
		}
	})
	if errBuild != nil {
		t.Fatal(errBuild)
	}
	return buildPath
}

func readSources() error {
	return filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "bench") {
			return fs.SkipDir
		}
		switch filepath.Ext(p) {
		case ".go", ".mod", ".sum", ".sql", ".yaml", ".json":
			_, err = os.ReadFile(p)
		}
		return err
	})
}

var buildDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "grantbridge-docs-")
	if err != nil {
		panic(err)
	}
	if buildDir, err = filepath.Abs(dir); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}
