package store_test

import (
	"flag"
	"testing"

	"grantbridge/store/storetest"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		_ = f.Value.Set("20") // each opens two databases
	}
	storetest.Main(m)
}
