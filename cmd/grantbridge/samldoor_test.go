package main

import (
	"net/http"
	"testing"
)

func TestAReloadDoesNotBeginTheLimitsOfSigningInAnew(t *testing.T) {
	dir := t.TempDir()
	s := runServer(t, dir, "listen: 127.0.0.1:0\nstore: sqlite:"+dir+"/store.db\ntrusted_proxies: [127.0.0.0/8]\n")
	base := s.url(s.live.Load().cfg)
	let := func(address string, tries int) (in int) {
		t.Helper()
		for range tries {
			r, err := http.NewRequestWithContext(t.Context(), "GET", base+"/finish", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("X-Forwarded-For", address)
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if answer.StatusCode != http.StatusTooManyRequests {
				in++
			}
		}
		return in
	}
	// Sixty at once and two more a second: this takes seconds on no machine.
	if in := let("192.0.2.7", 90); in == 90 {
		t.Fatal("an address behind a trusted proxy has no limit")
	}
	s.reload(t.Context())
	if in := let("192.0.2.7", 50); in == 50 {
		t.Error("a reload begins the limit of an address anew")
	}
	l := s.live.Load().cfg
	s.reopen(l, nil)
	if in := let("192.0.2.7", 50); in == 50 {
		t.Error("other metadata begin the limit of an address anew")
	}
	if in := let("192.0.2.8", 1); in != 1 {
		t.Error("another address is refused")
	}
}
