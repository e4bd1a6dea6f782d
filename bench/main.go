// Command grantbridge-bench asks the same questions of grantbridge and of its
// peers, on the same data, and prints what a question costs each of them.
//
//	cd bench && go run .             100,000 people, 1,000 sites, 5,000 groups
//	cd bench && go run . -size small
//	cd bench && go run . ldap        reading a directory: see ldapMain
//
// Its other words measure the whole product, each beside a baseline:
//
//	go run . store    group commit against a transaction for each operation
//	go run . scim     one member of ten and of 100,000, beside elimity's server
//	go run . follow   from a commit to the snapshot of another process
//	go run . cycle --users 100000 --memberships 1000000
//	go run . ldapsync URL   whole runs of the LDAP worker, into the store
//
// Every answer is compared with the executable specification of the grant model
// (accesstest.Index); a peer that answers otherwise is not a peer, and the
// command exits 1. It is a module of its own, so that what it compares with
// never becomes a dependency of the product.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"text/tabwriter"

	"grantbridge/access/accesstest"
)

func main() {
	commands := map[string]func(args []string) error{
		"store": runStore, "scim": runSCIM, "cycle": runCycle, "follow": runFollow, "ldapsync": runLDAPSync,
		// The processes that the others start.
		"serve-child":    func(args []string) error { return serveChild(args[0]) },
		"follow-child":   func(args []string) error { return followChild(args[0]) },
		"ldapsync-child": ldapSyncChild,
	}
	if len(os.Args) > 1 && commands[os.Args[1]] != nil {
		exit(commands[os.Args[1]](os.Args[2:]))
	}
	if len(os.Args) > 1 && os.Args[1] == "ldap" {
		os.Exit(ldapMain(os.Args[2:]))
	}
	size := flag.String("size", "budget", "small, budget or large")
	seed := flag.Uint64("seed", 1, "of the data")
	only := flag.String("only", "", "one engine: map, grantbridge, cedar, opa or casbin")
	flag.Parse()
	sizes := map[string]accesstest.Size{"small": accesstest.Small, "budget": accesstest.Budget, "large": accesstest.Large}
	z, ok := sizes[*size]
	if !ok {
		fmt.Fprintf(os.Stderr, "no size %q\n", *size)
		os.Exit(2)
	}
	exit(run(z, *seed, *only))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// engine is one that answers: how it is loaded, and how often it is asked,
// because some take a thousand times as long as others.
type engine struct {
	key, name string
	load      func(*facts) (check func(*question) bool, err error)
	checks    int
	unequal   bool // it cannot know the answer; it is there as a measure
}

var engines = []engine{
	{"map", "Go map of all person–site pairs (a measure, not an answer)", loadMap, 1 << 20, true},
	{"grantbridge", "grantbridge access.Snapshot", loadGrantbridge, 1 << 20, false},
	{"cedar", "cedar-go v1.9.0, 6 policies, grants as entity attributes", loadCedar, 20_000, false},
	{"opa", "OPA v1.22.2, prepared query", loadOPA, 4_000, false},
	{"casbin", "casbin v3.10.0, RBAC with deny", loadCasbin, 60, false},
}

func run(z accesstest.Size, seed uint64, only string) error {
	f := newFacts(z, seed)
	fmt.Printf("%d people, %d sites, %d groups, %d memberships, %d rules, %d tokens; %.0f %% of questions are yes\n%s, %s/%s, %d CPUs; CPU time of the process, best of %d rounds\n\n",
		z.People, z.Sites, z.Groups, f.memberships, len(f.world.Rules), z.Tokens, f.yes(), runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), rounds)
	var results []result
	wrong := 0
	for _, e := range engines {
		if only != "" && e.key != only && e.key != "grantbridge" {
			continue
		}
		r, err := measure(e, f)
		if err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
		fmt.Fprintf(os.Stderr, "%s: done\n", e.name)
		results = append(results, r)
		if !e.unequal {
			wrong += r.wrong
		}
	}
	show(results)
	if wrong > 0 {
		return fmt.Errorf("%d answers differ from the specification's", wrong)
	}
	return nil
}

func show(results []result) {
	ours, pairs := 0.0, 0.0
	for _, r := range results {
		switch r.key {
		case "grantbridge":
			ours = r.perCheck
		case "map":
			pairs = r.perCheck
		}
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ENGINE\tCPU A CHECK\t× GRANTBRIDGE\t× MAP\tALLOCATIONS\tBYTES\tHEAP\tLOAD CPU\tASKED\tDIFFERENT")
	for _, r := range results {
		different := fmt.Sprint(r.wrong)
		if r.unequal {
			different = "–"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%.0f\t%.0f\t%.0f MB\t%.2f s\t%d\t%s\n", r.name, duration(r.perCheck), ratio(r.perCheck, ours), ratio(r.perCheck, pairs),
			r.allocs, r.bytes, r.heap/1e6, r.load, r.compared, different)
	}
	w.Flush()
}

func ratio(a, b float64) string {
	switch x := a / b; {
	case b == 0:
		return "–"
	case x < 10:
		return fmt.Sprintf("%.2f", x)
	case x < 100:
		return fmt.Sprintf("%.0f", x)
	default:
		return fmt.Sprintf("%.3g", x)
	}
}

func duration(ns float64) string {
	switch {
	case ns < 1e3:
		return fmt.Sprintf("%.0f ns", ns)
	case ns < 1e6:
		return fmt.Sprintf("%.2f µs", ns/1e3)
	}
	return fmt.Sprintf("%.2f ms", ns/1e6)
}
