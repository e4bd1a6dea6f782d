package main

import (
	"runtime"
	"syscall"
)

// rounds is how often each engine is measured; the best counts, because
// neighbours on the machine only ever add.
const rounds = 9

// result is what one engine costs.
type result struct {
	engine
	perCheck      float64 // ns of CPU
	allocs, bytes float64 // a check
	heap          float64 // bytes that the loaded data holds
	load          float64 // seconds of CPU
	compared      int
	wrong         int
}

// measure loads e, compares its answers with the specification's and takes its
// time. What it loaded is dropped before the next.
func measure(e engine, f *facts) (result, error) {
	r := result{engine: e}
	before := heap()
	start := cpu()
	check, err := e.load(f)
	if err != nil {
		return r, err
	}
	r.load = (cpu() - start) / 1e9
	r.heap = heap() - before
	n := min(e.checks, len(f.questions))
	for i := range n {
		if check(&f.questions[i]) != f.answers[i] {
			r.wrong++
		}
	}
	r.compared = n
	for range rounds {
		took, allocs, bytes := timed(check, f.questions, e.checks)
		if r.perCheck == 0 || took < r.perCheck {
			r.perCheck, r.allocs, r.bytes = took, allocs, bytes
		}
	}
	runtime.KeepAlive(check)
	return r, nil
}

func timed(check func(*question) bool, questions []question, n int) (ns, allocs, bytes float64) {
	mask := len(questions) - 1 // a power of two
	var a, b runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&a)
	start := cpu()
	yes := 0
	for i := range n {
		if check(&questions[i&mask]) {
			yes++
		}
	}
	took := cpu() - start
	runtime.ReadMemStats(&b)
	runtime.KeepAlive(yes) // or the compiler takes out what nobody reads
	return took / float64(n), float64(b.Mallocs-a.Mallocs) / float64(n), float64(b.TotalAlloc-a.TotalAlloc) / float64(n)
}

// must ends a run in which a peer could not answer: an error is not a no.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// cpu is the process's CPU time in ns, the collector's included.
func cpu() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return float64(u.Utime.Nano() + u.Stime.Nano())
}

func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
