package store

import (
	"context"
	"fmt"
)

// start makes the work of an operation.
func start(op Op) (work, error) {
	switch op := op.(type) {
	case *ChangeAccount:
		return &accountWork{op: op}, nil
	case *ChangeGroup:
		return &groupWork{op: op}, nil
	case *PutSource:
		return &putSource{op: op}, nil
	case *PutSites:
		return &putSites{op: op}, nil
	case *RemoveSite:
		return &removeSite{op: op}, nil
	case *SetMapping:
		return &setMapping{op: op}, nil
	case *AddManual:
		return &addManual{op: op}, nil
	case *EndManual:
		return &endManual{op: op}, nil
	case *FinishSync:
		return &finishSync{op: op}, nil
	case *LockPerson:
		return &lockPerson{op: op}, nil
	case *AddPerson:
		return &addPerson{op: op}, nil
	case *LinkAccount:
		return &linkAccount{op: op}, nil
	case *LinkSubject:
		return &linkSubject{op: op}, nil
	case *StaleGroups:
		return &staleGroups{op: op}, nil
	case *RefuseSubject:
		return &refuseSubject{op: op}, nil
	case *RevokeSessions:
		return &revokeSessions{op: op}, nil
	case *TrustSAMLKeys:
		return &trustSAMLKeys{op: op}, nil
	case *MintToken:
		return &mintToken{op: op}, nil
	case *RevokeToken:
		return &revokeToken{op: op}, nil
	case *MintSCIMToken:
		return &mintSCIMToken{op: op}, nil
	case *RevokeSCIMToken:
		return &revokeSCIMToken{op: op}, nil
	case *PutHold:
		return &putHold{op: op}, nil
	case *SettleHold:
		return &settleHold{op: op}, nil
	case *SettleEntry:
		return &settleEntry{op: op}, nil
	}
	return nil, fmt.Errorf("no operation %T", op)
}

// rare is part of the work of operations that are rare or look at much: they
// are alone in their batch, and so need no claims.
type rare struct{}

func (rare) cost() (int, bool) { return 1, true }

// guard calls an operation's own check, which sees the revision that holds.
func (d *decision) guard(f func(ctx context.Context, revision int64) error) error {
	if f == nil {
		return nil
	}
	return f(d.ctx, d.b.head.rev)
}
