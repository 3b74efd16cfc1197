package controller_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// Drift is told from a change in git also where the manifest's file was renamed since, and
// nothing is done while it can't be told because git can't be read.
func TestOperatorReportsDriftAfterRename(t *testing.T) {
	inBubble(t, func(f *fixture) {
		t := f.t
		op := newOperation(f)
		defer func() { op.halt() }()
		m := op.configs(1)[0]
		m.more = "  driftPolicy: Report\n"
		op.push("code 1", m)
		op.start()
		after(time.Minute)
		c := op.head
		c.files = maps.Clone(c.files)
		delete(c.files, "manifests/f00.yaml")
		c.files["manifests/renamed.yaml"] = m.file()
		c.files["manifests/a.yaml"] = &fstest.MapFile{Data: []byte("# f00\nkind: Deployment\n")}
		op.moveTo(op.register(c))
		after(time.Minute)
		if file := op.operator.Status().Configs[0].File; file != "manifests/renamed.yaml" {
			t.Errorf("the status says %s", file)
		}
		op.edit("f00", func(env map[string]string) { env["LOG_LEVEL"] = "trace" })
		calls := len(op.aws.Calls())
		after(10 * time.Minute)
		want := "Ready=False Sealed=True Drifted=True Stalled=False Drifted: " + driftText + "environment"
		if op.said("f00") != want {
			t.Error(op.said("f00"))
		}
		op.unreadable.Store(true)
		c.files = maps.Clone(c.files)
		c.files["README.md"] = &fstest.MapFile{Data: []byte("text")}
		op.moveTo(op.register(c))
		after(10 * time.Minute)
		if made := op.callsSince(calls); len(made) != 0 || !strings.HasSuffix(op.said("f00"), ": read the applied revision: object damaged") {
			t.Errorf("calls %v, %s", made, op.said("f00"))
		}
	})
}

// A panic is the failure of one pass or of one look. Its own text is not told.
func TestOperatorPanics(t *testing.T) {
	inBubble(t, func(f *fixture) {
		t := f.t
		op := newOperation(f)
		defer func() { op.halt() }()
		list := op.configs(3)
		op.push("code 1", list...)
		op.panics.Store(1)
		op.start()
		after(4 * time.Second)
		var ill []string
		for _, m := range list {
			if got := op.said(m.name); strings.Contains(got, "internal error: panic with a string in controller_test.(*operated).newOperator.func1 (operator_test.go:") {
				ill = append(ill, got)
			}
		}
		if len(ill) != 1 || !strings.HasPrefix(ill[0], "Ready=Unknown") {
			t.Errorf("ill: %v", ill)
		}
		op.lookPanics.Store(true)
		after(time.Minute)
		if !strings.Contains(op.log.String(), "controller.(*Operator).work (operator.go:") || strings.Contains(op.log.String(), canary) {
			t.Errorf("the log has no stack, or the panic's text:\n%s", &op.log)
		}
		for _, m := range list {
			if got := op.said(m.name); got != well {
				t.Errorf("%s: %s", m.name, got)
			}
		}
		if err := op.operator.Ready(); err == nil || !strings.HasPrefix(err.Error(), "internal error: runtime error: index out of range [4] with length 0 in controller_test.(*operated).Head (") {
			t.Errorf("Ready() = %v", err)
		}
		op.lookPanics.Store(false)
		op.push("code 1", list[1:]...)
		after(time.Minute)
		if got := op.said("f00"); got != "not followed" || op.operator.Ready() != nil {
			t.Errorf("%s, %v", got, op.operator.Ready())
		}
	})
}

// What is wrong with a manifest is logged when it comes up and when it is over, and not
// with each commit of others.
func TestOperatorLogsFaultsOnce(t *testing.T) {
	inBubble(t, func(f *fixture) {
		t := f.t
		op := newOperation(f)
		defer func() { op.halt() }()
		list := op.configs(2)
		broken := list[0]
		broken.more = "  suspend: maybe\n"
		op.push("code 1", list...)
		op.start()
		after(90 * time.Second)
		for i := range 3 {
			op.push("code 1", broken, list[1].with("N1", fmt.Sprint(i)))
			after(time.Minute)
		}
		const refused, used = `msg="manifest not used; what was applied before stays" file=manifests/f00.yaml`, `msg="manifest used again" config=payments/f00 file=manifests/f00.yaml`
		logged := func() [2]int {
			return [2]int{strings.Count(op.log.String(), refused), strings.Count(op.log.String(), used)}
		}
		if got := logged(); got != [2]int{1, 0} {
			t.Errorf("logged %v:\n%s", got, &op.log)
		}
		broken.more = "  suspend: perhaps\n  typo: true\n"
		op.push("code 1", broken, list[1])
		after(time.Minute)
		if got := logged(); got != [2]int{2, 0} {
			t.Errorf("another fault: logged %v:\n%s", got, &op.log)
		}
		op.push("code 1", list...)
		after(time.Minute)
		op.push("code 1", broken, list[1])
		after(time.Minute)
		if got := logged(); got != [2]int{3, 1} || op.said("f01") != well {
			t.Errorf("mended and broken again: logged %v:\n%s", got, &op.log)
		}
	})
}

// A config that is suspended is not called well, and one that was never ill not well again.
func TestOperatorLogsSuspension(t *testing.T) {
	inBubble(t, func(f *fixture) {
		t := f.t
		op := newOperation(f)
		defer func() { op.halt() }()
		m := op.configs(1)[0]
		suspended := m
		suspended.more = "  suspend: true\n"
		op.push("code 1", m)
		op.start()
		after(30 * time.Second)
		for range 2 {
			after(time.Minute)
			op.push("code 1", suspended)
			after(time.Minute)
			op.push("code 1", m)
		}
		after(time.Minute)
		if n := strings.Count(op.log.String(), `msg="config suspended; the function keeps what it has" config=payments/f00`); n != 2 || op.said("f00") != well {
			t.Errorf("logged %d times, %s:\n%s", n, op.said("f00"), &op.log)
		}
		if strings.Contains(op.log.String(), "well again") {
			t.Errorf("called well again:\n%s", &op.log)
		}
	})
}

// A region that this machine lacks is no fault of the commit: it is asked for again.
func TestOperatorRegionComesLater(t *testing.T) {
	inBubble(t, func(f *fixture) {
		t := f.t
		op := newOperation(f)
		defer func() { op.halt() }()
		m := op.configs(1)[0]
		op.push("code 1", m)
		c := op.head
		c.files = maps.Clone(c.files)
		c.files["manifests/f00.yaml"] = &fstest.MapFile{Data: []byte(strings.Replace(string(m.file().Data), ", region: us-east-2", "", 1))}
		op.moveTo(op.register(c))
		op.start()
		after(3*time.Minute + 30*time.Second)
		faults := op.operator.Status().Faults
		if len(faults) != 1 || faults[0].Message != `"manifests/f00.yaml": spec.function.region: no AWS region is set` {
			t.Errorf("faults: %v", faults)
		}
		for _, text := range []string{`msg="commit read"`, `msg="manifest not used`} {
			if n := strings.Count(op.log.String(), text); n != 1 {
				t.Errorf("%s is logged %d times:\n%s", text, n, &op.log)
			}
		}
		op.region.Store(true)
		after(2 * time.Minute)
		if got := op.said("f00"); got != well || len(op.operator.Status().Faults) != 0 {
			t.Errorf("%s, %v", got, op.operator.Status().Faults)
		}
		passes := len(op.passes)
		after(2 * time.Minute)
		if made := op.passes[passes:]; len(made) != 0 {
			t.Errorf("passes of what did not change: %v", made)
		}
	})
}
