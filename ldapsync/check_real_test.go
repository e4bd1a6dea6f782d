package ldapsync

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"grantbridge/directory"
)

// ldapsearch runs a line that Check prints, as an administrator does, and returns
// how many entries came.
func (s *place) ldapsearch(line string, c Config) int {
	s.t.Helper()
	tool, err := exec.LookPath("ldapsearch")
	if err != nil {
		if os.Getenv("GRANTBRIDGE_REQUIRE_SERVERS") == "1" {
			s.t.Fatal("ldapsearch is not there; scripts/slapd.sh installs it (package ldap-utils)")
		}
		s.t.Skip("left out: ldapsearch is not there (package ldap-utils)")
	}
	line = strings.Replace(strings.Replace(line, "ldapsearch", tool, 1), " -W", " -w "+c.Bind.Password, 1)
	cmd := exec.CommandContext(s.t.Context(), "sh", "-c", line)
	if c.ServerName != "" { // ldapsearch cannot be told it
		cmd.Env = append(cmd.Environ(), "LDAPTLS_REQCERT=never")
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Errorf("%s\n%s\n%v", line, out, err)
	}
	return len(regexp.MustCompile(`(?m)^dn:`).FindAll(out, -1))
}

// populate makes five people, one of them disabled, and three groups, one in
// another; crew is bob's primary group where people have one.
func populate(s realServer) {
	dn := map[string]string{}
	for _, name := range []string{"ada", "bob", "eve", "kim", "off"} {
		dn[name] = s.person(name)
	}
	s.disable(dn["off"])
	staff := s.group("staff", dn["ada"], dn["off"])
	s.group("all", staff, dn["eve"])
	crew := s.group("crew", dn["bob"])
	if p, ok := s.(interface{ primary(person, group string) }); ok {
		p.primary(dn["bob"], crew)
	}
}

// The lines that Check prints are for copying into a shell, and give there what
// Check has counted.
func TestLdapsearchFindsWhatCheckCounts(t *testing.T) {
	eachServer(t, func(t *testing.T, s realServer) {
		populate(s)
		c := s.config()
		c.Bind, c.Page = s.clerk(), 2
		r := Check(t.Context(), c)
		if !r.Trusted {
			t.Fatalf("%+v", r)
		}
		want := map[string]struct {
			verdict Verdict
			says    string
			entries int
		}{
			"directory": {Good, string(r.Kind), 1},
			"users":     {Good, "5 people, 1 of them disabled", 5},
			"groups":    {Good, "3 groups with ", 3},
		}
		for _, stage := range r.Stages {
			t.Log(stage.Name, stage.Verdict, stage.Says)
			w, listed := want[stage.Name]
			if stage.Search == "" {
				continue
			}
			n := s.at().ldapsearch(stage.Search, c)
			if !listed || stage.Verdict != w.verdict || !strings.Contains(stage.Says, w.says) || n != w.entries {
				t.Errorf("%+v: ldapsearch found %d, want %+v", stage, n, w)
			}
			delete(want, stage.Name)
		}
		if len(want) > 0 {
			t.Errorf("not said: %v", want)
		}
	})
}

// A directory that shows nothing is not trusted, and the line is there to see it.
func TestCheckDoesNotTrustAServerThatShowsNothing(t *testing.T) {
	eachServer(t, func(t *testing.T, s realServer) {
		populate(s)
		c := s.config()
		c.Bind = s.clerk()
		for _, way := range []blindness{searchOnly, hiddenTree} {
			s.blind(way)
			r := Check(t.Context(), c)
			i := slices.IndexFunc(r.Stages, func(st Stage) bool { return st.Verdict == Bad && st.Search != "" })
			if r.Trusted || i < 0 || r.Stages[i].Name != "users" || r.Stages[i].Do == "" {
				t.Errorf("%s: %+v", way, r)
			} else {
				t.Logf("%s: %s: %s → %s", way, r.Stages[i].Name, r.Stages[i].Says, r.Stages[i].Do)
			}
			s.heal()
		}
	})
}

// What User finds for one person by climbing is what a reading of everything
// finds by closing.
func TestUserFindsTheGroupsThatAReadingFinds(t *testing.T) {
	eachServer(t, func(t *testing.T, s realServer) {
		populate(s)
		c := s.config()
		c.Bind = s.clerk()
		state := follow(t, c, directory.State{}).Next
		for _, a := range state.Accounts {
			var want []string
			for _, g := range state.Groups {
				for _, m := range state.Members(g.ID) {
					if m.Account == a.ID {
						want = append(want, fmt.Sprint(strings.TrimSuffix(g.Name, s.at().tag), " through ", len(m.Via)))
					}
				}
			}
			u, err := User(t.Context(), c, a.Login)
			s.at().must(err)
			var got []string
			for _, w := range u.Groups {
				got = append(got, fmt.Sprint(strings.TrimSuffix(w.Group.Name, s.at().tag), " through ", len(w.Via)))
			}
			slices.Sort(got)
			slices.Sort(want)
			if diff := cmp.Diff(got, want); diff != "" || u.Account.ID != a.ID || u.Account.Activity != a.Activity {
				t.Errorf("%s: User -, a reading +\n%s", a.Login, diff)
			}
			t.Logf("%s: %q", a.Login, got)
		}
	})
}

// What the directory locks after is read where it is shown: by everybody in Active
// Directory, and by whom the policies' access rules let in OpenLDAP.
func TestCheckComparesTheLockOutWithOurs(t *testing.T) {
	says := func(t *testing.T, c Config, a Attempts, v Verdict, says string) {
		t.Helper()
		r := Check(t.Context(), c)
		r.PasswordLogin(a)
		if last := r.Stages[len(r.Stages)-1]; last.Verdict != v || !strings.Contains(last.Says+" "+last.Do, says) {
			t.Errorf("%+v, want %s with %q", last, v, says)
		}
	}
	t.Run("samba", func(t *testing.T) {
		s := openSamba(t)
		c := clerkReads(s)
		says(t, c, Attempts{}, Good, "shows no lock-out")
		threshold := s.value(sambaDomain, "lockoutThreshold")
		s.replace(sambaDomain, "lockoutThreshold", "5")
		defer s.replace(sambaDomain, "lockoutThreshold", threshold)
		says(t, c, Attempts{}, Good, "5 wrong passwords within 30m0s")
		says(t, c, Attempts{Window: 15 * time.Minute}, Warn, "set password_login.attempts below 5 and window to 30m0s or more")
		says(t, c, Attempts{Account: 5, Window: time.Hour}, Warn, "below 5")
	})
	t.Run("slapd", func(t *testing.T) {
		s := openSlapd(t)
		c := clerkReads(s)
		c.Users.Base = s.base
		// Other tests' policies are seen too; none is as strict.
		s.policy("pwdLockout", "TRUE", "pwdMaxFailure", "1", "pwdFailureCountInterval", "600")
		says(t, c, Attempts{}, Warn, "1 wrong passwords within 10m0s")
		s.policy("pwdLockout", "TRUE", "pwdMaxFailure", "1", "pwdFailureCountInterval", "3600")
		says(t, c, Attempts{}, Warn, "below 1 and window to 1h0m0s")
		s.lockAfter(1)
		says(t, c, Attempts{}, Warn, "no window is long enough")
	})
}
