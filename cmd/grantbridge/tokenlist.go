package main

import (
	"context"
	"strconv"
	"time"

	"grantbridge/access"
	"grantbridge/store"
)

// tokenFilter picks tokens. Zero fields do not restrict, but for all.
type tokenFilter struct {
	who, unused string
	due, all    bool
}

func (a *app) listTokens(ctx context.Context, b *bridge, v *store.View, f tokenFilter) error {
	var owner access.PersonID
	if f.who != "" {
		p, err := b.FindMeant(f.who)
		if err != nil {
			return err
		}
		owner = p.ID
	}
	idle, err := parseSpan(f.unused)
	switch {
	case f.unused != "" && err != nil:
		return err
	case idle < 0:
		return usage("--unused %s is not a time that has passed; write 90d", f.unused)
	}
	tokens, err := v.Tokens(ctx, 0)
	if err != nil {
		return err
	}
	var items []tokenRow
	for _, t := range tokens {
		row := b.tokenRow(t)
		if owner != 0 && owner != t.Person || !f.all && row.State != "live" || f.unused != "" && now().Sub(lastSeen(t)) < idle {
			continue
		}
		due := true
		if f.due {
			if due, err = b.due(ctx, t); err != nil {
				return err
			}
		}
		if due {
			items = append(items, row)
		}
	}
	return list(a, items, tokenColumns...)
}

// lastSeen is when a token was used, or made.
func lastSeen(t store.Token) time.Time {
	if t.LastUsed.IsZero() {
		return t.Created
	}
	return t.LastUsed
}

const day = 24 * time.Hour

// cadence is how long a secret may serve, by the most that it reaches.
func cadence(most access.Level) time.Duration {
	switch most {
	case access.Superuser:
		return 90 * day
	case access.Admin:
		return 180 * day
	}
	return 365 * day
}

// due reports whether t is to be rotated.
func (b *bridge) due(ctx context.Context, t store.Token) (bool, error) {
	p, _ := b.PersonByID(t.Person)
	reach, err := b.WhatCan(ctx, p.UID, strconv.FormatInt(int64(t.ID), 10))
	if err != nil {
		return false, err
	}
	most := access.NoAccess
	for _, h := range reach {
		most = max(most, h.Level)
	}
	return now().Sub(t.Created) >= cadence(most), nil
}
