package controller_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/awslambda"
	"sealift.dev/sealift/controller/internal/awstest"
	"sealift.dev/sealift/controller/internal/plan"
)

// hello is a config that wants to be scrubbed.
func (b *branch) helloManifest() manifest {
	return manifest{name: "hello", function: "hello", kmsKey: "alias/sealift-bundle", patch: true, env: map[string]string{"LOG_LEVEL": "info"},
		sealed: b.seal("hello", map[string]string{"TOKEN": canary}), more: scrub}
}

// also makes the head a commit with other files too.
func (b *branch) also(files map[string]string) {
	c := b.line[0]
	c.files = maps.Clone(c.files)
	for name, text := range files {
		c.files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	b.line[0] = b.register(c)
}

// TestWhatIsLeft has what is taken away of a function, and above all what is not.
func TestWhatIsLeft(t *testing.T) {
	const kept, taken = "kept", "taken"
	tests := map[string]struct {
		then func(b *branch, m manifest) // what becomes of the branch once m was applied
		want string                      // kept or taken
		says string                      // why it is kept, or the error
	}{
		"removed":     {then: func(b *branch, m manifest) { b.push("code") }, want: taken},
		"still there": {then: func(b *branch, m manifest) { b.push("code", m) }, want: kept},
		"retained": {then: func(b *branch, m manifest) {
			m.more = ""
			b.push("code", m)
			b.push("code")
		}, want: kept, says: "deletionPolicy: Retain"},
		"suspended": {then: func(b *branch, m manifest) {
			m.more = scrub + "  suspend: true\n"
			b.push("code", m)
			b.push("code")
		}, want: kept, says: "it was suspended"},
		"asked for later than it was applied": {then: func(b *branch, m manifest) {
			applied := m.with("LOG_LEVEL", "debug")
			applied.more = ""
			b.push("code", applied)
			b.applyHead()
			applied.more = scrub
			b.push("code", applied)
			b.push("code")
		}, want: taken},
		"in another file": {then: func(b *branch, m manifest) {
			b.push("code")
			b.also(map[string]string{"manifests/moved.yaml": string(m.file().Data)})
		}, want: kept},
		"in a folder that is not selected": {then: func(b *branch, m manifest) {
			b.push("code")
			b.also(map[string]string{"elsewhere/moved.yaml": string(m.file().Data)})
		}, want: kept},
		"on another function": {then: func(b *branch, m manifest) {
			b.createFunction("other")
			m.function = "other"
			b.push("code", m)
		}, want: taken},
		"of another config": {then: func(b *branch, m manifest) {
			m.name, m.sealed = "heir", b.seal("heir", map[string]string{"TOKEN": canary})
			b.push("code", m)
		}, want: kept},
		"of a config in a folder that is not selected": {then: func(b *branch, m manifest) {
			m.name, m.sealed = "heir", b.seal("heir", map[string]string{"TOKEN": canary})
			b.push("code")
			b.also(map[string]string{"elsewhere/heir.yaml": string(m.file().Data)})
		}, want: kept},
		"invalid": {then: func(b *branch, m manifest) {
			b.push("code")
			b.also(map[string]string{"manifests/hello.yaml": string(m.file().Data) + "  typo: true\n"})
		}, want: kept},
		"invalid in another file": {then: func(b *branch, m manifest) {
			b.push("code")
			b.also(map[string]string{"manifests/moved.yaml": string(m.file().Data) + "  typo: true\n"})
		}, want: kept},
		"another repository's": {then: func(b *branch, m manifest) {
			b.line = nil
			b.push("other repository")
		}, want: kept},
		"another branch's": {then: func(b *branch, m manifest) { // whose history has the config too, and the same function
			m.env = map[string]string{"LOG_LEVEL": "debug"}
			b.line = nil
			b.push("other branch", m)
			b.push("other branch")
		}, want: kept, says: "is not in the history of the branch"},
		"handed over by hand": {then: func(b *branch, m manifest) {
			b.push("code")
			b.mark(func(marker *plan.Marker) { marker.Config = "payments/heir" })
		}, want: kept},
		"marked by a newer sealift": {then: func(b *branch, m manifest) {
			b.push("code")
			b.setEnvironment(func(env map[string]string) { env[plan.MarkerVariable] = "9.x" })
			b.dropAlias()
		}, want: kept},
		"long ago": {then: func(b *branch, m manifest) {
			m.name, m.function, m.sealed = "keeper", "keeper", nil
			for i := range 60 {
				m.env = map[string]string{"NUM": fmt.Sprint(i)}
				b.push("code", m)
			}
		}, want: taken},
		"too long ago": {then: func(b *branch, m manifest) {
			m.name, m.function, m.sealed = "keeper", "keeper", nil
			for i := range 201 {
				m.env = map[string]string{"NUM": fmt.Sprint(i)}
				b.push("code", m)
			}
		}, want: kept},
		"routed to two versions": {then: func(b *branch, m manifest) {
			b.push("code")
			b.weigh()
		}, want: kept, says: "alias live of us-east-2/hello routes calls to two versions"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(f *fixture) {
				b := &branch{fixture: f}
				m := b.helloManifest()
				b.push("code", m)
				b.applyHead()
				test.then(b, m)
				calls := len(b.aws.Calls())
				said := b.sweepAndSay()
				got := taken
				if made := b.callsSince(calls); len(made) == 0 {
					got = kept
				}
				if got != test.want || test.says == "" && said != "" || !strings.Contains(said, test.says) {
					f.t.Errorf("%s, and said %q; want %s, %q", got, said, test.want, test.says)
				}
				if has := b.carries("", bundleFile); (has == "FOREIGN") != (test.want == taken) {
					f.t.Errorf("carries %s", has)
				}
			})
		})
	}
}

func (b *branch) client(handler http.Handler) *awslambda.Client {
	return awslambda.New(awstest.Config(handler, region), awslambda.Options{HTTP: awstest.Client(handler)})
}

// options are those of an operator on the branch b.
func (op *operated) options(b *branch) controller.OperatorOptions {
	functions := b.client(op.aws)
	return controller.OperatorOptions{
		Branch: op, Selection: controller.Selection{Paths: []string{"manifests"}, DefaultRegion: op.defaultRegion},
		Reconciler:  func(context.Context, controller.Target) (*controller.Reconciler, error) { return op.r.Reconciler, nil },
		SealingKeys: op.trusted, Interval: time.Minute, Workers: workers, Recorder: op, Now: time.Now, Log: op.logger,
		Lineage: b.lineage, Lister: func(context.Context, string) (controller.Lister, error) { return functions, nil },
	}
}

// sweepAndSay sweeps, and returns what it says of what stays.
func (b *branch) sweepAndSay() string {
	b.t.Helper()
	_, err := b.sweep(b.whole())
	if err != nil {
		return err.Error()
	}
	return ""
}

func (b *branch) setEnvironment(change func(map[string]string)) {
	b.t.Helper()
	env := maps.Clone(b.get("").Configuration.Environment.Variables)
	change(env)
	_, err := b.direct().UpdateFunctionConfiguration(b.t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("hello"), Environment: &types.Environment{Variables: env}})
	if err != nil {
		b.t.Fatal(err)
	}
	time.Sleep(5 * time.Second)
}

func (b *branch) mark(change func(*plan.Marker)) {
	b.setEnvironment(func(env map[string]string) {
		m, err := plan.ParseMarker(env[plan.MarkerVariable])
		if err != nil {
			b.t.Fatal(err)
		}
		change(&m)
		env[plan.MarkerVariable] = m.String()
	})
}

func (b *branch) dropAlias() {
	b.t.Helper()
	if _, err := b.direct().DeleteAlias(b.t.Context(), &lambda.DeleteAliasInput{FunctionName: aws.String("hello"), Name: aws.String("live")}); err != nil {
		b.t.Fatal(err)
	}
}

// weigh publishes another version, and has the alias send a share of the calls there.
func (b *branch) weigh() {
	b.t.Helper()
	b.setEnvironment(func(env map[string]string) { env["FOREIGN"] = "changed" })
	v, err := b.direct().PublishVersion(b.t.Context(), &lambda.PublishVersionInput{FunctionName: aws.String("hello")})
	if err == nil {
		time.Sleep(5 * time.Second)
		_, err = b.direct().UpdateAlias(b.t.Context(), &lambda.UpdateAliasInput{FunctionName: aws.String("hello"), Name: aws.String("live"),
			RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{*v.Version: 0.1}}})
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// TestScrubWithoutTheRightToList finds what the last commits removed all the same, and says
// what it could not read.
func TestScrubWithoutTheRightToList(t *testing.T) {
	inBubble(t, func(f *fixture) {
		b := removed(f, func(m *manifest) { m.patch = true })
		denied := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/functions") {
				w.Header().Set("X-Amzn-ErrorType", "AccessDeniedException")
				w.WriteHeader(http.StatusForbidden)
				return
			}
			b.aws.ServeHTTP(w, r)
		})
		functions := b.client(denied)
		found, err := b.search(functions)
		if err != nil || len(found.Left) != 1 || len(found.Unlisted) != 1 || found.Unlisted[0].Error() != "lambda:ListFunctions on * in us-east-2: access denied" {
			f.t.Fatalf("%+v, %v", found, err)
		}
		if _, err := b.r.Scrub(f.t.Context(), found.Left[0]); err != nil || b.carries("live", bundleFile) != theirsAlone {
			f.t.Errorf("%v, carries %s", err, b.carries("live", bundleFile))
		}
	})
}

// TestOperatorScrubs has the operator take away what a push removes, and one that is started
// behind a push too; what could not be is tried again.
func TestOperatorScrubs(t *testing.T) {
	inBubble(t, func(f *fixture) {
		t := f.t
		op := newOperation(f)
		b := &branch{fixture: f}
		options := op.options(b)
		var scrubbed atomic.Int32
		options.Events = func(e controller.Event) {
			if e.Type == controller.EventScrubbed && e.Config == "payments/f00" && e.Function == "f00" && e.Region == region {
				scrubbed.Add(1)
			}
		}
		op.operator = controller.NewOperator(options)
		defer func() { op.halt() }()
		list := op.configs(3)
		for i := range list[:2] {
			list[i].more = scrub
		}
		op.moveTo(b.push("code", list...))
		op.start()
		after(time.Minute)
		var down atomic.Bool
		down.Store(true)
		op.intercept(func(operation string) {
			if down.Load() && operation == "PUT live" {
				panic(http.ErrAbortHandler)
			}
		})
		op.moveTo(b.push("code", list[1:]...))
		after(2 * time.Minute)
		if left := op.operator.Status().Left; len(left) != 1 || left[0].Scrubbed || left[0].Config != "payments/f00" || !strings.Contains(left[0].Message, "no answer") {
			t.Errorf("left: %+v", left)
		}
		down.Store(false)
		after(10 * time.Minute)
		want := controller.LeftStatus{Config: "payments/f00", Function: "us-east-2/f00", File: "manifests/f00.yaml", Scrubbed: true}
		if left := op.operator.Status().Left; len(left) != 1 || left[0] != want {
			t.Errorf("left: %+v", left)
		}
		if n := scrubbed.Load(); n != 1 {
			t.Errorf("%d events of the scrub", n)
		}
		if _, zipped, env := op.live("f00"); len(env) != 1 || strings.Contains(strings.Join(op.entries(zipped), " "), bundleFile) {
			t.Errorf("live: %v, %v", env, op.entries(zipped))
		}

		t.Log("the last one keeps what it has, and another operator, started behind the push, says the same")
		op.halt()
		op.moveTo(b.push("code", list[0].with("LOG_LEVEL", "debug")))
		op.operator = controller.NewOperator(op.options(b))
		op.start()
		after(2 * time.Minute)
		if got := op.said("f00"); got != well {
			t.Errorf("applied again: %s", got)
		}
		left := op.operator.Status().Left
		if len(left) != 2 || !left[0].Scrubbed || left[1] != (controller.LeftStatus{Config: "payments/f02", Function: "us-east-2/f02", File: "manifests/f02.yaml", Message: "deletionPolicy: Retain"}) {
			t.Errorf("left: %+v", left)
		}
		if _, _, env := op.live("f02"); env[plan.MarkerVariable] == "" {
			t.Error("f02 was scrubbed")
		}
		calls := len(op.aws.Calls())
		after(3 * time.Minute)
		for _, c := range op.aws.Calls()[calls:] {
			if c.Operation == "ListFunctions" {
				t.Error("functions are listed though the branch did not move")
			}
		}
		synctest.Wait()
	})
}
