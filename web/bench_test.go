package web_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// BenchmarkEvaluation asks over loopback HTTP, with a bare handler that decodes
// and encodes the same JSON beside it: the difference is ours.
func BenchmarkEvaluation(b *testing.B) {
	w := newWorld(b)
	body := question("alice", "write", "1")
	b.Run("bare", func(b *testing.B) { benchHTTP(b, echo(), "", body, 1) })
	b.Run("single", func(b *testing.B) { benchHTTP(b, w, w.secrets["pep"], body, 1) })
	b.Run("explained", func(b *testing.B) { benchHTTP(b, w, w.secrets["auditor"], body, 1) })
}

// BenchmarkEvaluations reports the time for one evaluation of a batch.
func BenchmarkEvaluations(b *testing.B) {
	w := newWorld(b)
	for _, n := range []int{10, 100, 1000} {
		items := make([]string, n)
		for i := range items {
			items[i] = question([]string{"alice", "bob", "hal"}[i%3], []string{"view", "write"}[i%2], []string{"1", "2"}[i%2])
		}
		body := `{"evaluations":[` + strings.Join(items, ",") + `]}`
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchHTTP(b, w, w.secrets["pep"], body, n) })
	}
}

func echo() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q struct {
			Subject, Resource struct{ Type, ID string }
			Action            struct{ Name string }
		}
		body, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(body, &q); err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(q)
	})
}

func benchHTTP(b *testing.B, h http.Handler, secret, body string, evaluations int) {
	srv := httptest.NewServer(h)
	defer srv.Close()
	b.ReportAllocs()
	for b.Loop() {
		r, err := http.NewRequestWithContext(b.Context(), "POST", srv.URL+"/access/v1/evaluations", strings.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+secret)
		res, err := srv.Client().Do(r)
		if err != nil {
			b.Fatal(err)
		}
		_, err = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != 200 {
			b.Fatal(res.Status, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(evaluations), "ns/evaluation")
}
