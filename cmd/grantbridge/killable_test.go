package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// killableSlapd is an OpenLDAP of one test that keeps its data when it is killed.
type killableSlapd struct {
	t    *testing.T
	dir  string
	url  string
	proc *exec.Cmd
}

const killableConf = `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload syncprov
database mdb
suffix dc=corp,dc=example
rootdn cn=admin,dc=corp,dc=example
rootpw secret
directory %s
maxsize 268435456
limits dn.exact="cn=reader,dc=corp,dc=example" size=unlimited time=unlimited
overlay syncprov
syncprov-sessionlog 10000
`

const killableTree = `dn: dc=corp,dc=example
objectClass: domain
dc: corp

dn: cn=reader,dc=corp,dc=example
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: secret

dn: ou=people,dc=corp,dc=example
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=corp,dc=example
objectClass: organizationalUnit
ou: groups
`

func startSlapd(t *testing.T) *killableSlapd {
	t.Helper()
	const program = "/usr/sbin/slapd"
	if _, err := os.Stat(program); err != nil {
		leftOut(t, "OpenLDAP, which scripts/slapd.sh installs")
	}
	s := &killableSlapd{t: t, dir: t.TempDir(), url: "ldap://127.0.0.1:" + portBelow(t)}
	data := filepath.Join(s.dir, "data")
	conf := filepath.Join(s.dir, "slapd.conf")
	for _, err := range []error{os.Mkdir(data, 0o700), os.WriteFile(conf, fmt.Appendf(nil, killableConf, data), 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	add := exec.Command(program, "-T", "add", "-f", conf)
	add.Stdin = strings.NewReader(killableTree)
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("slapadd: %v\n%s", err, out)
	}
	s.start()
	t.Cleanup(s.kill)
	return s
}

// leftOut skips, or fails where servers are required.
func leftOut(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("GRANTBRIDGE_REQUIRE_SERVERS") == "1" {
		t.Fatal("missing: " + what)
	}
	t.Skip("left out: " + what)
}

// portBelow is below the ephemeral range, so that a client that dials while the
// server is down does not meet itself.
func portBelow(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", 22000+rand.IntN(9000)))
		if err == nil {
			defer l.Close()
			_, port, _ := net.SplitHostPort(l.Addr().String())
			return port
		}
	}
	t.Fatal("no free port")
	return ""
}

func (s *killableSlapd) start() {
	s.t.Helper()
	s.proc = exec.Command("/usr/sbin/slapd", "-f", filepath.Join(s.dir, "slapd.conf"), "-h", s.url, "-d", "0")
	if err := s.proc.Start(); err != nil {
		s.t.Fatal(err)
	}
	answers(s.t, strings.TrimPrefix(s.url, "ldap://"))
}

func answers(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// connected waits until a client's connection stands.
func (s *killableSlapd) connected() {
	s.t.Helper()
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(s.url, "ldap://"))
	n, _ := strconv.Atoi(port)
	here, established := fmt.Sprintf("0100007F:%04X", n), "01"
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		text, _ := os.ReadFile("/proc/net/tcp")
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) > 3 && f[1] == here && f[3] == established {
				return
			}
		}
		if time.Now().After(deadline) {
			s.t.Fatal("nobody connects")
		}
	}
}

func (s *killableSlapd) kill() {
	_ = s.proc.Process.Kill()
	_ = s.proc.Wait()
}

// modify does what LDIF says, as the directory's administrator.
func (s *killableSlapd) modify(ldif string) {
	s.t.Helper()
	c := exec.Command("ldapmodify", "-x", "-H", s.url, "-D", "cn=admin,dc=corp,dc=example", "-w", "secret")
	c.Stdin = strings.NewReader(ldif)
	if out, err := c.CombinedOutput(); err != nil {
		s.t.Fatalf("ldapmodify: %v\n%s", err, out)
	}
}

// killablePostgres is a PostgreSQL of one test.
type killablePostgres struct {
	t         *testing.T
	dir, data string
	port      string
	dsn       string
}

func startPostgres(t *testing.T) *killablePostgres {
	t.Helper()
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb"); len(found) == 0 {
		leftOut(t, "PostgreSQL, which scripts/postgres.sh installs")
	}
	dir, err := os.MkdirTemp("/tmp", "grantbridge-killed-")
	if err != nil {
		t.Fatal(err)
	}
	p := &killablePostgres{t: t, dir: dir, data: filepath.Join(dir, "data"), port: portBelow(t)}
	t.Cleanup(func() {
		p.script("stop", dir)
		_ = os.RemoveAll(dir)
	})
	p.start()
	return p
}

func (p *killablePostgres) script(args ...string) (string, error) {
	c := exec.Command("../../scripts/postgres.sh", args...)
	c.Env = append(os.Environ(), "GRANTBRIDGE_POSTGRES_PORT="+p.port)
	var out, log bytes.Buffer
	c.Stdout, c.Stderr = &out, &log
	c.WaitDelay = time.Second // the server keeps the pipes
	if err := c.Run(); err != nil && out.Len() == 0 {
		return "", fmt.Errorf("scripts/postgres.sh: %w\n%s", err, &log)
	}
	return strings.TrimSpace(out.String()), nil
}

// start starts it; after a kill its children may still hold its memory.
func (p *killablePostgres) start() {
	p.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		dsn, err := p.script(p.dir)
		if err == nil {
			p.dsn = dsn
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatal(err)
		}
	}
}

func (p *killablePostgres) kill() {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.data, "postmaster.pid"))
	if err != nil {
		p.t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil || pid < 2 {
		p.t.Fatalf("postmaster.pid: %q", line)
	}
	proc, err := os.FindProcess(pid)
	if err == nil {
		err = proc.Kill()
	}
	if err != nil {
		p.t.Fatal(err)
	}
}
