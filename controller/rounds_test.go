package controller_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"sealift.dev/sealift/controller/internal/plan"
)

// 199 configs that are in sync, of an account's 200 functions, cost four calls a look: for
// who starts from nothing, and at each interval. What lists leave out is looked at once soon
// after the start, and then within each hour, ten a second at most.
func TestRoundIsOneList(t *testing.T) {
	const n, pages = 199, 4
	inFleet(t, n, 200, nil, func(fl *fleet) {
		t := fl.t
		targets := fl.targets()
		since := len(fl.aws.Calls())
		seen := fl.glancer().Glance(t.Context(), targets, false)
		for _, target := range seen {
			if p, err := fl.r.Plan(t.Context(), target); err != nil || !p.InSync() {
				t.Errorf("%s: %v, %v", target.Key(), p.Items, err)
			}
		}
		if made := fl.reads(since); made > pages+2 {
			t.Errorf("%d calls: %v", made, fl.counted(since))
		}
		since = len(fl.aws.Calls())
		fl.begin()
		after(1500 * time.Millisecond)
		if made := fl.reads(since); made > pages+40 {
			t.Errorf("the first look costs %d calls: %v", made, fl.counted(since))
		}
		if got := fl.ready()["Unknown"]; got < n-20 || got >= n {
			t.Errorf("a moment after the start %d of %d are not known", got, n)
		}
		if got := fl.said("f198"); !strings.HasSuffix(got, "NotObserved: as listed it is what the config says; its alias and the state of its last update are still to be looked at") {
			t.Error(got)
		}
		after(25 * time.Second)
		made := fl.counted(since)
		if made["ListFunctions"] != pages || made["GetFunction"]+made["GetFunction qualified"] != 2*n || fl.reads(since) != pages+2*n {
			t.Errorf("the first round: %v", made)
		}
		if got := fl.ready()["True"]; got != n {
			t.Errorf("%d of %d are ready", got, n)
		}
		since = len(fl.aws.Calls())
		began := time.Now()
		after(time.Hour)
		made = fl.counted(since)
		if made["ListFunctions"] > 14*pages || made["ListFunctions"] < 11*pages || fl.reads(since) != made["ListFunctions"]+made["GetFunction"]+made["GetFunction qualified"] || made["GetFunction qualified"] > 2*n {
			t.Errorf("an hour: %v", made)
		}
		for _, one := range fl.operator.Status().Configs {
			if one.Looked == nil || one.Looked.Time.Before(began) {
				t.Errorf("%s was last looked at %v, and it is %s", one.Config, one.Looked, time.Now())
			}
		}
	})
}

// A list is read where it costs less of its quota than a look at each function.
func TestListOrLookAtEach(t *testing.T) {
	for _, test := range []struct {
		n, of           int
		lists, gets     int
		denied, aliases bool
	}{
		{n: 10, of: 200, lists: 1, gets: 10}, // the first page says that there are more
		{n: 30, of: 200, lists: 4},
		{n: 6, of: 40, gets: 6},
		{n: 7, of: 40, lists: 1},
		{n: 30, of: 40, gets: 30, denied: true},
		{n: 30, of: 40, lists: 1, gets: 30, aliases: true},
	} {
		t.Run(fmt.Sprintf("%d of %d, denied %t, aliases %t", test.n, test.of, test.denied, test.aliases), func(t *testing.T) {
			inFleet(t, test.n, test.of, nil, func(fl *fleet) {
				t := fl.t
				if test.denied {
					fl.deny("ListFunctions")
				}
				g, targets := fl.glancer(), fl.targets()
				for again := range 2 {
					since := len(fl.aws.Calls())
					seen := g.Glance(t.Context(), targets, test.aliases)
					made := fl.counted(since)
					lists := test.lists
					if again > 0 && lists > 0 && test.gets > 0 && !test.aliases {
						lists = 0 // it is remembered
					}
					if test.denied && again == 0 {
						lists = 1
					}
					// those of the first page are known by it
					gets := made["GetFunction"] + made["GetFunction qualified"]
					if made["ListFunctions"] != lists || gets > test.gets || test.denied && gets != test.gets {
						t.Errorf("round %d: %v", again, made)
					}
					for _, target := range seen {
						if p, err := fl.r.Plan(t.Context(), target); err != nil || !p.InSync() {
							t.Errorf("%s: %v, %v", target.Key(), p.Items, err)
						}
					}
					if got := fl.counted(since); got["GetAlias"] > 0 {
						t.Errorf("round %d: not all were in sync at a glance: %v", again, got)
					}
				}
				if warned := strings.Count(fl.log.String(), "level=WARN"); test.denied != (warned == 1) {
					t.Errorf("%d warnings: %s", warned, fl.log.String())
				}
			})
		})
	}
}

// What a list shows is found in the next round, and set right by the usual pass.
func TestRoundFindsDrift(t *testing.T) {
	const n = 24
	for name, test := range map[string]struct {
		delivery string
		drift    func(*fleet)
	}{
		"a variable": {"environment", func(fl *fleet) { fl.edit("f03", func(env map[string]string) { env["LOG_LEVEL"] = "theirs" }) }},
		"the marker": {"environment", func(fl *fleet) { fl.edit("f03", func(env map[string]string) { delete(env, plan.MarkerVariable) }) }},
		"no variables": {"environment", func(fl *fleet) {
			fl.edit("f03", func(env map[string]string) { clear(env) })
		}},
		"the code": {"package", func(fl *fleet) {
			fl.codeOf("f03")
		}},
		"the layer": {"layer", func(fl *fleet) {
			_, err := fl.direct().UpdateFunctionConfiguration(fl.t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("f03"), Layers: []string{}})
			if err != nil {
				fl.t.Fatal(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inFleet(t, n, n, func(m *manifest) { m.delivery = test.delivery }, func(fl *fleet) {
				t := fl.t
				fl.begin()
				after(time.Minute)
				since := len(fl.aws.Calls())
				test.drift(fl)
				theirs := len(fl.callsSince(since))
				after(6 * time.Minute)
				if made := fl.callsSince(since)[theirs:]; len(made) == 0 {
					t.Errorf("not set right: %q", made)
				}
				if made := fl.counted(since); made["ListFunctions"] != 1 && made["ListFunctions"] != 2 || made["GetAlias"] > 3 {
					t.Errorf("found by something else than a list: %v", made)
				}
				if got := fl.said("f03"); !strings.HasPrefix(got, "Ready=True") {
					t.Error(got)
				}
				since = len(fl.aws.Calls())
				after(6 * time.Minute)
				fl.reads(since)
			})
		})
	}
}

// What no list shows is found within the hour: an alias that was moved, and an update that
// failed.
func TestRotationFindsWhatIsNotListed(t *testing.T) {
	const n = 24
	for name, drift := range map[string]func(*fleet){
		"the alias": func(fl *fleet) { fl.pointAlias("f03", "1") },
		"a failed update": func(fl *fleet) {
			fl.answer(func(call, answer string) string {
				if call == "GET functions/f03" {
					return strings.Replace(answer, `"LastUpdateStatus":"Successful"`, `"LastUpdateStatus":"Failed"`, 1)
				}
				return answer
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			inFleet(t, n, n, nil, func(fl *fleet) {
				t := fl.t
				for i := range fl.manifests {
					fl.manifests[i] = fl.manifests[i].with("LOG_LEVEL", "debug")
				}
				fl.push("code", fl.manifests...)
				if failed, err := fl.operator.Once(t.Context(), t.Context()); failed > 0 || err != nil {
					t.Fatal(failed, err)
				}
				fl.begin()
				after(time.Minute)
				before := fl.aliased("f03")
				since := len(fl.aws.Calls())
				drift(fl)
				theirs := len(fl.callsSince(since))
				after(time.Hour)
				if made := fl.callsSince(since)[theirs:]; len(made) == 0 || name == "the alias" && fl.aliased("f03") != before {
					t.Errorf("not found: %q, alias at %s", made, fl.aliased("f03"))
				}
			})
		})
	}
}

// An apply that was cut off ahead of its alias is ended in the first round of an operator
// that is started then: to a list it looks done.
func TestFirstRoundEndsWhatWasCutOff(t *testing.T) {
	const n = 24
	inFleet(t, n, n, nil, func(fl *fleet) {
		t := fl.t
		before := fl.aliased("f03")
		fl.manifests[3] = fl.manifests[3].with("LOG_LEVEL", "debug")
		fl.push("code", fl.manifests...)
		target := fl.targets()[3]
		if _, err := fl.r.Apply(fl.cutOffAt("PUT live", 1), target, fl.trusted); err == nil {
			t.Fatal("not cut off")
		}
		fl.intercept(func(string) {})
		if fl.aliased("f03") != before {
			t.Fatal("the alias was moved")
		}
		fl.begin()
		after(20 * time.Second)
		if fl.aliased("f03") == before {
			t.Errorf("the alias is still at version %s: %s", before, fl.said("f03"))
		}
	})
}

// A function that somebody changed, though not in what sealift owns, is looked at whole at
// once: its RevisionId is another one.
func TestAnotherRevisionIsLookedAt(t *testing.T) {
	const n = 24
	inFleet(t, n, n, nil, func(fl *fleet) {
		t := fl.t
		fl.begin()
		after(time.Minute)
		looked := func() time.Time { return fl.operator.Status().Configs[3].Looked.Time }
		first := looked()
		_, err := fl.direct().UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("f03"), MemorySize: aws.Int32(256)})
		if err != nil {
			t.Fatal(err)
		}
		since := len(fl.aws.Calls())
		for range 6 {
			after(time.Minute)
			if looked().After(first) {
				break
			}
		}
		made := fl.counted(since)
		if !looked().After(first) || made["ListFunctions"] != 1 {
			t.Errorf("looked at %s, and again at %s; %v", first, looked(), made)
		}
	})
}

// codeOf deploys somebody's code.
func (fl *fleet) codeOf(function string) {
	fl.t.Helper()
	other := fl.fetch(fl.downloadOf("hello"))
	if _, err := fl.direct().UpdateFunctionCode(fl.t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: &function, ZipFile: other}); err != nil {
		fl.t.Fatal(err)
	}
}

func (fl *fleet) downloadOf(function string) string {
	out, err := fl.direct().GetFunction(fl.t.Context(), &lambda.GetFunctionInput{FunctionName: &function})
	if err != nil {
		fl.t.Fatal(err)
	}
	return *out.Code.Location
}
