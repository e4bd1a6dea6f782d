package main

import (
	"cmp"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"grantbridge/store/storetest"
)

type sceneKey struct{}

// editDatabase is the sql command of scenes.
func editDatabase(ts *testscript.TestScript, _ bool, args []string) {
	t := ts.Value(sceneKey{}).(testing.TB)
	dsn := cmp.Or(ts.Getenv("GRANTBRIDGE_STORE"), "sqlite:"+ts.MkAbs("grantbridge.db"))
	storetest.Exec(t, storetest.Raw(t, dsn), args...)
}
