package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"grantbridge/ldapsync/ldaptest"
	"grantbridge/saml/oidc/oidctest"
	"grantbridge/store/storetest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"grantbridge": main})
}

// TestScenes plays the scripts of testdata/script on each database. Beside what
// testscript has, they know
//
//	http [-status N] [-soon] [-token T] [-set VAR=PATH] METHOD URL [BODY]
//	                 send a request; BODY is text or @FILE; -set keeps a field
//	                 of the answer, -soon waits up to a second for the status;
//	                 the answer is stdout
//	await URL        wait until it answers 200
//	exits N PROGRAM  run it; its exit code must be N
//	signal HUP|TERM  send it to what runs in the background
//	logged FILE RE   wait until the file has a line like RE
//	keep VAR [PATH]  keep stdout, or a field of its JSON, in a variable
//	drain            stop the server while a request is under way, which must
//	                 still be answered
//	push N           push N users to $URL/scim/v2/okta until the server is gone,
//	                 noting those that were acknowledged in acked.txt
//	acked            all of acked.txt are there, each once
//	openid WORD      an OpenID provider in process: serve (sets $OPENID), and then
//	                 honest, renamed, keyless;
//	                 browse URL goes there as a browser does
//	ldap WORD ARG…   a directory in process: serve (sets $LDAP), person LOGIN…,
//	                 group NAME LOGIN…, delete DN, disable LOGIN, hide, see
//	sql TEXT…        edit the store's tables behind its back
//	saml WORD ARG…   an identity provider in process; script_saml_test.go
//
// and $URL, where a server started in the scene listens, the two example files,
// and the conditions [sqlite] and [postgres].
func TestScenes(t *testing.T) {
	for _, kind := range storetest.Kinds {
		t.Run(kind, func(t *testing.T) {
			dsn := ""
			if kind == "postgres" {
				storetest.DSN(t, kind) // skips, or fails, when there is no server
			}
			testscript.Run(t, testscript.Params{
				Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true,
				UpdateScripts: os.Getenv("UPDATE_SCRIPTS") == "1",
				Condition:     func(c string) (bool, error) { return c == kind, nil },
				Setup: func(e *testscript.Env) error {
					if kind == "postgres" {
						dsn = storetest.DSN(e.T().(testing.TB), kind)
					}
					e.Values[sceneKey{}] = e.T()
					e.Values[directoryKey{}] = &ldaptest.Server{}
					e.Values[identityProviderKey{}] = &identityProvider{}
					e.Values[openIDKey{}] = new(*oidctest.Provider)
					return setUp(e, dsn)
				},
				Cmds: map[string]func(*testscript.TestScript, bool, []string){
					"http": sendHTTP, "await": await, "keep": keep, "exits": exits, "signal": signalAll,
					"logged": logged, "drain": drain, "push": push, "acked": acked, "ldap": editDirectory, "sql": editDatabase, "saml": signInAt, "openid": openID,
				},
			})
		})
	}
}

func setUp(e *testscript.Env, dsn string) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	e.Setenv("GRANTBRIDGE_LISTEN", fmt.Sprintf("127.0.0.1:%d", port))
	e.Setenv("URL", fmt.Sprintf("http://127.0.0.1:%d", port))
	e.Setenv("NO_COLOR", "1")
	e.Setenv("HOME", e.WorkDir)
	if dsn != "" {
		e.Setenv("GRANTBRIDGE_STORE", dsn)
	}
	for _, f := range []string{"config.example.yaml", "mapping.example.yaml"} {
		text, err := os.ReadFile(filepath.Join("..", "..", f))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(e.WorkDir, f), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// freePort is below the ephemeral range, where a client that keeps dialling can
// connect to itself, and where another client may take the port meanwhile.
func freePort() (int, error) {
	for range 100 {
		port := 22000 + rand.IntN(10000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("no free port")
}

// request is what the http command's words say.
type request struct {
	status            int
	soon              bool // try again for a second
	token, set        string
	method, url, body string
}

func parseRequest(ts *testscript.TestScript, args []string) request {
	r := request{status: http.StatusOK}
	for len(args) > 1 && strings.HasPrefix(args[0], "-") {
		if args[0] == "-soon" {
			r.soon, args = true, args[1:]
			continue
		}
		switch args[0] {
		case "-status":
			_, err := fmt.Sscan(args[1], &r.status)
			ts.Check(err)
		case "-token":
			r.token = args[1]
		case "-set":
			r.set = args[1]
		default:
			ts.Fatalf("http: no flag %s", args[0])
		}
		args = args[2:]
	}
	if len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: http [flags] METHOD URL [BODY]")
	}
	r.method, r.url = args[0], args[1]
	if len(args) == 3 {
		r.body = args[2]
		if f, ok := strings.CutPrefix(r.body, "@"); ok {
			r.body = os.Expand(ts.ReadFile(f), ts.Getenv)
		}
	}
	return r
}

// sendHTTP gives a running server a second to see what a command beside it did.
func sendHTTP(ts *testscript.TestScript, _ bool, args []string) {
	r := parseRequest(ts, args)
	deadline := time.Now().Add(time.Second)
	status, body := r.send(ts)
	for r.soon && status != r.status && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
		status, body = r.send(ts)
	}
	fmt.Fprintf(ts.Stdout(), "%d\n%s\n", status, body)
	if status != r.status {
		ts.Fatalf("%s %s: got %d, want %d\n%s", r.method, r.url, status, r.status, body)
	}
	if name, path, ok := strings.Cut(r.set, "="); ok {
		ts.Setenv(name, fieldOf(ts, body, path))
	}
}

func (r request) send(ts *testscript.TestScript) (status int, body []byte) {
	req, err := http.NewRequest(r.method, r.url, strings.NewReader(r.body))
	ts.Check(err)
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	if r.body != "" {
		req.Header.Set("Content-Type", "application/json")
		if strings.Contains(r.url, "/scim/") {
			req.Header.Set("Content-Type", "application/scim+json; charset=utf-8")
		}
	}
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	ts.Check(err)
	return resp.StatusCode, body
}

// fieldOf is the value at a dotted path of a JSON document.
func fieldOf(ts *testscript.TestScript, doc []byte, path string) string {
	var v any
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	ts.Check(d.Decode(&v))
	for _, key := range strings.Split(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[key]
		case []any:
			var i int
			_, err := fmt.Sscan(key, &i)
			ts.Check(err)
			if i >= len(x) {
				ts.Fatalf("no element %d in %s", i, doc)
			}
			v = x[i]
		}
	}
	if v == nil {
		ts.Fatalf("no %s in %s", path, doc)
	}
	return fmt.Sprint(v)
}

// patience is how long a scene waits for what must come: the demo alone takes half
// a minute under the race detector on a busy machine.
const patience = 3 * time.Minute

func await(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: await URL")
	}
	last := ""
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		resp, err := http.Get(args[0])
		if err != nil {
			last = err.Error()
		} else {
			last = resp.Status
			resp.Body.Close()
		}
		if (last == "200 OK") != neg {
			return
		}
	}
	ts.Fatalf("await %s: %s", args[0], last)
}

func exits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits N PROGRAM [ARG…]")
	}
	got := 0
	err := ts.Exec(args[1], args[2:]...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got, err = exit.ExitCode(), nil
	}
	ts.Check(err)
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("%s: exit code %d, want %s", strings.Join(args[1:], " "), got, args[0])
	}
}

func signalAll(ts *testscript.TestScript, _ bool, args []string) {
	sig, ok := map[string]os.Signal{"HUP": syscall.SIGHUP, "TERM": syscall.SIGTERM}[strings.Join(args, " ")]
	if !ok {
		ts.Fatalf("usage: signal HUP|TERM")
	}
	for _, c := range ts.BackgroundCmds() {
		ts.Check(c.Process.Signal(sig))
	}
}

func logged(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: logged FILE RE")
	}
	re := regexp.MustCompile("(?m)" + args[1])
	var text []byte
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if text, _ = os.ReadFile(ts.MkAbs(args[0])); re.Match(text) {
			return
		}
	}
	ts.Fatalf("%s never had %s:\n%s", args[0], args[1], text)
}

func keep(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile("stdout")
	switch len(args) {
	case 1:
		ts.Setenv(args[0], strings.TrimSpace(text))
	case 2:
		ts.Setenv(args[0], fieldOf(ts, []byte(text), args[1]))
	default:
		ts.Fatalf("usage: keep VAR [PATH]")
	}
}

// drain waits for the server's 100 Continue, which it sends when it begins to
// read the body, before it stops the server.
func drain(ts *testscript.TestScript, _ bool, _ []string) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(ts.Getenv("URL"), "http://"))
	ts.Check(err)
	defer conn.Close()
	body := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"late","active":true}`
	_, err = fmt.Fprintf(conn, "POST /scim/v2/okta/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/scim+json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", ts.Getenv("TOKEN"), len(body))
	ts.Check(err)
	answers := bufio.NewReader(conn)
	resp, err := http.ReadResponse(answers, nil)
	ts.Check(err)
	if resp.StatusCode != http.StatusContinue {
		ts.Fatalf("drain: got %s, want 100", resp.Status)
	}
	signalAll(ts, false, []string{"TERM"})
	await(ts, true, []string{ts.Getenv("URL") + "/readyz"}) // no new requests are taken
	_, err = io.WriteString(conn, body)
	ts.Check(err)
	resp, err = http.ReadResponse(answers, nil)
	ts.Check(err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		ts.Fatalf("drain: got %s, want 201", resp.Status)
	}
}

const ackedFile = "acked.txt"

// push pushes users until the server is gone, and notes the acknowledged ones.
func push(ts *testscript.TestScript, _ bool, args []string) {
	var n int
	_, err := fmt.Sscan(args[0], &n)
	ts.Check(err)
	var out strings.Builder
	for i := range n {
		if !pushUser(ts, i) {
			break
		}
		fmt.Fprintf(&out, "p%d\n", i)
		if i == n/4 {
			// Enough is acknowledged: from here on the server is shot at.
			for _, c := range ts.BackgroundCmds() {
				time.AfterFunc(20*time.Millisecond, func() { _ = c.Process.Kill() })
			}
		}
	}
	if strings.Count(out.String(), "\n") == n {
		ts.Fatalf("all %d users were pushed before the server was killed; push more", n)
	}
	ts.Check(os.WriteFile(ts.MkAbs(ackedFile), []byte(out.String()), 0o644))
}

func pushUser(ts *testscript.TestScript, i int) bool {
	body := fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"p%d","externalId":"x%d","active":true}`, i, i)
	req, err := http.NewRequest(http.MethodPost, ts.Getenv("URL")+"/scim/v2/okta/Users", strings.NewReader(body))
	ts.Check(err)
	req.Header.Set("Authorization", "Bearer "+ts.Getenv("TOKEN"))
	req.Header.Set("Content-Type", "application/scim+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		ts.Fatalf("push user %d: %s", i, resp.Status)
	}
	return true
}

var totalResults = regexp.MustCompile(`"totalResults":\s*1\b`)

// acked asks for every acknowledged user.
func acked(ts *testscript.TestScript, _ bool, _ []string) {
	users := strings.Fields(ts.ReadFile(ackedFile))
	for _, u := range users {
		req, err := http.NewRequest(http.MethodGet, ts.Getenv("URL")+"/scim/v2/okta/Users?filter=userName+eq+%22"+u+"%22", nil)
		ts.Check(err)
		req.Header.Set("Authorization", "Bearer "+ts.Getenv("TOKEN"))
		resp, err := http.DefaultClient.Do(req)
		ts.Check(err)
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		ts.Check(err)
		if !totalResults.Match(body) {
			ts.Fatalf("user %s was acknowledged and is not there once: %s", u, body)
		}
	}
	ts.Logf("%d acknowledged users are there", len(users))
}
