package main

import (
	"context"
	"sync"
)

// together does n jobs, atOnce of them at a time, and none anew once one failed.
func together(ctx context.Context, atOnce, n int, job func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan int)
	var workers sync.WaitGroup
	for range min(atOnce, n) {
		workers.Go(func() {
			for i := range queue {
				if ctx.Err() != nil {
					continue
				}
				if err := job(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := range n {
		queue <- i
	}
	close(queue)
	workers.Wait()
	return context.Cause(ctx)
}
