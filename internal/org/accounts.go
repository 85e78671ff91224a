package org

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// ForEachAccount visits all accounts, at most so many at a time, beginning with them in
// order. What a visit returns is handed to took, in the order of the accounts
// and one at a time: so what is not kept there is let go as soon as those
// before it are done.
func ForEachAccount[T any](ctx context.Context, accounts []string, concurrency int, visit func(ctx context.Context, account string) T, took func(account string, result T)) {
	results := make([]chan T, len(accounts))
	for i := range results {
		results[i] = make(chan T, 1)
	}
	// One slow account does not stop the others, but they run ahead of it only
	// so far, as their results wait for it.
	ahead := make(chan struct{}, aheadPerVisit*max(1, concurrency))
	var group errgroup.Group
	group.SetLimit(max(1, concurrency))
	go func() {
		for i, account := range accounts {
			ahead <- struct{}{}
			group.Go(func() error {
				results[i] <- visit(ctx, account)
				return nil
			})
		}
	}()
	for i, account := range accounts {
		took(account, <-results[i])
		<-ahead
	}
}

const aheadPerVisit = 8
