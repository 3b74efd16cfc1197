package controller_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sealift.dev/sealift/controller"
)

// A region with three changes is done with in the time that these take, though another has
// many times more than workers and does not answer.
func TestOneRegionHoldsUpNoOther(t *testing.T) {
	const stuck = 5 * workers
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		op := newOperation(f)
		list := op.configs(3)
		for i := range stuck {
			name := fmt.Sprintf("a%02d", i) // ahead of the others
			list = append(list, manifest{name: name, function: name, kmsKey: "alias/sealift-bundle", more: "  suspend: false\n"})
		}
		ctx, cancel := context.WithCancel(t.Context())
		op.operator = controller.NewOperator(controller.OperatorOptions{
			Branch: op, Selection: controller.Selection{Paths: []string{"manifests"}, DefaultRegion: op.defaultRegion},
			Reconciler: func(ctx context.Context, t controller.Target) (*controller.Reconciler, error) {
				if t.Region() == region {
					return op.r.Reconciler, nil
				}
				<-ctx.Done()
				return nil, ctx.Err()
			},
			SealingKeys: op.trusted, Interval: time.Minute, Workers: workers, Recorder: op, Now: time.Now, Log: op.logger,
		})
		c := op.revision("code", list...)
		for name, file := range c.files {
			if strings.HasPrefix(name, "manifests/a") {
				file.Data = []byte(strings.Replace(string(file.Data), region, "eu-west-1", 1))
			}
		}
		op.moveTo(op.register(c))
		ended := make(chan struct{})
		go func() {
			op.operator.Run(ctx, ctx)
			close(ended)
		}()
		time.Sleep(30 * time.Second)
		op.state.Lock()
		if len(op.passes) != 3 {
			t.Errorf("%d passes ended in half a minute, want those of the 3 functions whose region answers", len(op.passes))
		}
		op.state.Unlock()
		cancel()
		<-ended
	})
}
