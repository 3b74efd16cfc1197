package controller_test

import (
	"strings"
	"testing"
	"time"
)

// A variable that another controller sets back each time is not corrected for ever.
func TestOperatorStopsWhatFlaps(t *testing.T) {
	inBubble(t, func(f *fixture) {
		t := f.t
		op := newOperation(f)
		defer func() { op.halt() }()
		m := op.configs(1)[0]
		op.push("code 1", m)
		op.start()
		after(75 * time.Second)

		// They look each minute, and write where their value is not there.
		rewrite := func(value string, d time.Duration) (corrected int) {
			calls := len(op.aws.Calls())
			for range int(d / time.Minute) {
				op.edit("f00", func(env map[string]string) { env["LOG_LEVEL"] = value })
				after(time.Minute)
			}
			for _, call := range op.callsSince(calls) {
				if call == "PublishVersion" {
					corrected++
				}
			}
			return corrected
		}
		if n := rewrite(canary, 55*time.Minute); n != 3 {
			t.Errorf("corrected %d times in 55 minutes", n)
		}
		said := op.said("f00")
		const want = "Ready=False Sealed=True Drifted=True Stalled=True Flapping: the same change was made and undone again and again, so it is not made once more before 2000-"
		const sides = ": change env LOG_LEVEL (changed outside sealift (live value hidden) → info); change alias live (version "
		if !strings.HasPrefix(said, want) || !strings.Contains(said, sides) {
			t.Errorf("%s", said)
		}
		if n := strings.Count(op.log.String(), "reason=Flapping"); n != 1 || strings.Contains(op.log.String(), canary) || strings.Contains(said, canary) {
			t.Errorf("logged %d times, or with the live value:\n%s", n, &op.log)
		}

		t.Log("one more try behind the pause, which then is twice as long")
		if n := rewrite(canary, 150*time.Minute); n != 1 {
			t.Errorf("corrected %d times in 150 minutes more", n)
		}

		t.Log("what is found differs")
		if n := rewrite("other", 6*time.Minute); n < 1 || n > 2 {
			t.Errorf("another value corrected %d times", n)
		}
		rewrite(canary, 6*time.Minute)
		if got := op.said("f00"); !strings.Contains(got, "Flapping") {
			t.Errorf("%s", got)
		}

		t.Log("git says something new")
		op.push("code 1", m.with("OTHER", "x"))
		after(2 * time.Minute)
		if got := op.said("f00"); got != well {
			t.Errorf("%s", got)
		}
	})
}

// A person who edits a function once an hour has it corrected each time.
func TestOperatorCorrectsAPerson(t *testing.T) {
	inBubble(t, func(f *fixture) {
		t := f.t
		op := newOperation(f)
		defer func() { op.halt() }()
		op.push("code 1", op.configs(1)[0])
		op.start()
		after(time.Minute)
		for hour := range 24 {
			op.edit("f00", func(env map[string]string) { env["LOG_LEVEL"] = "theirs" })
			after(time.Hour)
			if got := op.said("f00"); got != well {
				t.Fatalf("hour %d: %s", hour, got)
			}
		}
	})
}

// While a rollback holds the alias the operator writes nothing, also where it was moved once
// more by hand; it goes on with the next commit that says something new.
func TestOperatorHeld(t *testing.T) {
	for _, policy := range []string{"", "  driftPolicy: Report\n"} {
		t.Run("policy "+policy, func(t *testing.T) {
			inBubble(t, func(f *fixture) {
				t := f.t
				op := newOperation(f)
				defer func() { op.halt() }()
				m := manifest{name: "hello", function: "hello", kmsKey: "alias/sealift-bundle", more: policy,
					env: map[string]string{"LOG_LEVEL": "info"}, sealed: op.seal("hello", map[string]string{"TOKEN": canary})}
				op.push("code 1", m)
				op.start()
				after(2 * time.Minute)
				op.push("code 2", m)
				after(2 * time.Minute)
				if _, err := op.rollback(op.load(op.head), "", "slow"); err != nil {
					t.Fatal(err)
				}
				calls := len(op.aws.Calls())
				after(time.Hour)
				const held = "Ready=False Sealed=True Drifted=False Stalled=False Held: held at version 1 (slow), until a commit changes what this config wants, or `sealift rollback --resume payments/hello`"
				if got := op.said("hello"); got != held {
					t.Errorf("%s", got)
				}
				if made := op.callsSince(calls); len(made) != 0 {
					t.Errorf("calls: %v", made)
				}
				if n := strings.Count(op.log.String(), "rolled back; the function is left as it is"); n != 1 {
					t.Errorf("logged %d times", n)
				}
				op.push("code 3", m)
				after(2 * time.Minute)
				if version, description := op.alias(); version != "3" || description != "" || op.said("hello") != well {
					t.Errorf("version %s, %q, %s", version, description, op.said("hello"))
				}
				if !strings.Contains(op.log.String(), `msg="config is well again" config=payments/hello`) {
					t.Errorf("%s", &op.log)
				}
			})
		})
	}
}
