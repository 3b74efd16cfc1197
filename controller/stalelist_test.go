package controller_test

import (
	"strings"
	"testing"
	"time"
)

// No list that was begun ahead of a pass's end counts for that config, and an old one costs a
// look, and no more.
func TestStaleListOfOwnWrite(t *testing.T) {
	const n = 24
	inFleet(t, n, n, nil, func(fl *fleet) {
		t := fl.t
		fl.begin()
		after(time.Minute)
		old := ""
		fl.answer(func(call, answer string) string {
			if !strings.HasPrefix(call, "GET functions/?") && call != "GET functions/" && call != "GET functions" {
				return answer
			}
			if old == "" {
				old = answer
			}
			return old
		})
		after(6 * time.Minute) // a list is kept
		if old == "" {
			t.Fatal("no list")
		}
		fl.manifests[3] = fl.manifests[3].with("LOG_LEVEL", "debug")
		fl.push("code", fl.manifests...)
		since := len(fl.aws.Calls())
		after(2 * time.Minute)
		made := fl.callsSince(since)
		if len(made) == 0 {
			t.Fatal("not applied")
		}
		since = len(fl.aws.Calls())
		after(11 * time.Minute)
		if fl.reads(since); fl.counted(since)["GetAlias"] == 0 {
			t.Errorf("an old list was believed: %v", fl.counted(since))
		}
		if got := fl.ready()["True"]; got != n {
			t.Errorf("%d of %d are ready", got, n)
		}
	})
}

// A pass that ends while a list is on its way is what counts.
func TestPassDuringARound(t *testing.T) {
	const n = 24
	inFleet(t, n, n, nil, func(fl *fleet) {
		t := fl.t
		fl.begin()
		after(2 * time.Minute)
		fl.delay(func(call string) {
			if strings.HasPrefix(call, "GET functions?") || call == "GET functions/" || call == "GET functions" {
				time.Sleep(3 * time.Minute) // a commit is applied meanwhile
			}
		})
		after(3*time.Minute - 40*time.Second)
		fl.manifests[3] = fl.manifests[3].with("LOG_LEVEL", "debug")
		fl.push("code", fl.manifests...)
		after(2 * time.Minute)
		looked, since := fl.operator.Status().Configs[3].Looked, len(fl.aws.Calls())
		after(2 * time.Minute) // the list has come
		for _, c := range fl.aws.Calls()[since:] {
			if strings.Contains(c.Resource, ":f03") {
				t.Errorf("%s %s: the list from before the pass counted", c.Operation, c.Resource)
			}
		}
		after(2 * time.Minute)
		if fl.aliased("f03") != "2" || fl.ready()["True"] != n {
			t.Errorf("alias at %s, %v", fl.aliased("f03"), fl.ready())
		}
		if got := fl.operator.Status().Configs[3]; got.Status.Revision != fl.head.id || got.Looked.Before(looked) {
			t.Errorf("the status is of revision %.7s, looked at %v", got.Status.Revision, got.Looked)
		}
	})
}
