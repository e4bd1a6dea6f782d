package inspect

import (
	"context"
	"encoding/json"
	"fmt"

	"grantbridge/store"
)

// Read reads one request whole; store.ErrNotFound.
func Read(ctx context.Context, st *store.Store, id int64) (q store.SCIMRequest, e *Entry, err error) {
	err = st.Read(ctx, func(v *store.View) error {
		q, err = v.SCIMRequest(ctx, id)
		return err
	})
	if err != nil {
		return q, nil, err
	}
	e, err = EntryOf(q)
	return q, e, err
}

// EntryOf is what is kept of q.
func EntryOf(q store.SCIMRequest) (*Entry, error) {
	e := &Entry{}
	if err := json.Unmarshal(q.Detail, e); err != nil {
		return nil, fmt.Errorf("read SCIM request %d: %w", q.ID, err)
	}
	return e, nil
}
