package controller_test

import (
	"crypto/rand"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/awslambda"
	"sealift.dev/sealift/controller/internal/awstest"
)

const years = 365 * 24 * time.Hour

// clock is this machine's, which somebody sets.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// set sets the clock that far from the right time.
func (c *clock) set(ahead time.Duration) { c.ahead.Store(int64(ahead)) }

// clocked has the fixture's Reconciler go by a clock, and AWS by the right time.
func (f *fixture) clocked() *clock {
	c := &clock{}
	functions := awslambda.New(awstest.Config(f.aws, region), awslambda.Options{HTTP: awstest.Client(f.aws)})
	f.r.Reconciler = controller.New(controller.Options{
		Observer: functions, Downloader: functions, Writer: functions, Releaser: functions, Canary: functions, Layers: functions, Signing: functions, Published: functions, Cleaner: functions, Keys: f.kms, Uploads: f.uploads, Objects: f.s3,
		Rand: rand.Reader, Now: c.now, Log: f.logger,
	})
	return c
}

// A clock that jumps draws no data key that is not due: one that is set back none at all,
// one that is set forward a single one. A key from a time to come is not due before its age.
func TestClockJumps(t *testing.T) {
	for _, delivery := range []string{"package", "layer"} {
		t.Run(delivery, func(t *testing.T) {
			inBubble(t, func(f *fixture) {
				c := f.clocked()
				sealed := f.seal("hello", map[string]string{"TOKEN": canary})
				target := f.delivered(delivery, func(m *manifest) { m.maxAge = "720h" }, sealed)
				f.apply(target)
				steps := []struct {
					name  string
					ahead time.Duration
					drawn bool
				}{
					{"ten years back", -10 * years, false},
					{"before all that Unix knows", -100 * years, false},
					{"right again", 0, false},
					{"a month ahead", 31 * 24 * time.Hour, true},
					{"right again, the key is of a month to come", 0, false},
					{"ten years ahead", 10 * years, true},
					{"still ahead", 10*years + time.Hour, false},
					{"right again, the key is of years to come", 0, false},
					{"two hundred years ahead", 200 * years, true},
					{"right at last", 0, false},
				}
				for _, step := range steps {
					c.set(step.ahead)
					_, calls := f.apply(target)
					drawn := 0
					for _, call := range calls {
						if call == "GenerateDataKey" {
							drawn++
						}
					}
					if drawn > 1 || drawn == 1 != step.drawn || drawn == 0 && len(calls) > 0 {
						f.t.Errorf("%s: %v", step.name, calls)
					}
					if got := f.opens("live"); got["TOKEN"] != canary {
						f.t.Errorf("%s: what is live does not open", step.name)
					}
					status, _, err := f.r.Status(f.t.Context(), target)
					if err != nil || status.DataKey == nil {
						f.t.Errorf("%s: %v", step.name, err)
					}
				}
			})
		})
	}
}

// An operator whose clock jumps goes on with its passes, and is not taken for stuck.
func TestOperatorWhoseClockJumps(t *testing.T) {
	inBubble(t, func(f *fixture) {
		c := f.clocked()
		op := &operated{fixture: f, now: c.now}
		op.operator = op.newOperator()
		defer func() { op.halt() }()
		op.push("code 1", op.configs(1)...)
		op.start()
		after(time.Minute)
		for _, ahead := range []time.Duration{-10 * years, 10 * years, 0} {
			c.set(ahead)
			op.edit("f00", func(env map[string]string) { env["LOG_LEVEL"] = "theirs" })
			after(10 * time.Minute)
			if _, _, env := op.live("f00"); env["LOG_LEVEL"] != "info" || op.said("f00") != well {
				t.Errorf("%s: LOG_LEVEL=%s, %s", ahead, env["LOG_LEVEL"], op.said("f00"))
			}
			if err := op.operator.Healthy(); err != nil {
				t.Errorf("%s: %v", ahead, err)
			}
		}
		if strings.Contains(op.log.String(), "internal error") {
			t.Errorf("it panicked:\n%s", &op.log)
		}
	})
}
