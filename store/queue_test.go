package store

import (
	"math/rand/v2"
	"testing"
	"time"
)

// The queue learns batches of some batchTime where operations cost, and large
// ones where the batch itself does: there, small ones would have nearly all
// waiting.
func TestTheQueueTellsTheCostOfABatchFromThatOfItsOperations(t *testing.T) {
	for _, tt := range []struct {
		name        string
		fixed, each time.Duration
		least, most int
	}{
		{"dear operations", time.Millisecond, 5 * time.Millisecond, 12, 32},
		{"a slow disk", 80 * time.Millisecond, 100 * time.Microsecond, 200, batchMost},
		{"a very slow disk and dear operations", 300 * time.Millisecond, 5 * time.Millisecond, 35, 110},
		{"nothing costs", time.Millisecond, 10 * time.Microsecond, 200, batchMost},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := newQueue()
			rnd := rand.New(rand.NewPCG(1, 2))
			sum, n := 0, 0
			for i := range 600 {
				waiting := 1 + rnd.IntN(300)
				weight := min(q.limit, waiting)
				took := tt.fixed + time.Duration(weight)*tt.each
				q.learn(weight, time.Duration(float64(took)*(0.8+0.4*rnd.Float64())))
				if i > 200 {
					sum, n = sum+q.limit, n+1
				}
			}
			if mean := sum / n; mean < tt.least || mean > tt.most {
				t.Errorf("the limit is %d on average, want %d to %d", mean, tt.least, tt.most)
			}
		})
	}
}
