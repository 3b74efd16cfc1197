package controller_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/awslambda"
	"sealift.dev/sealift/controller/internal/awstest"
	"sealift.dev/sealift/controller/internal/localaws"
	"sealift.dev/sealift/controller/internal/plan"
)

// fleet is an operator with configs that are in sync, and an AWS between them whose answers a
// test may change.
type fleet struct {
	*operated
	manifests []manifest
	client    *awslambda.Client

	answers sync.Mutex
	rewrite func(call, answer string) string // nil: as it is
	hold    func(call string)                // ahead of the answer; nil: none
}

// inFleet runs a test on n configs, of a function each, in an account of so many functions.
// All were applied by an operator that has ended.
func inFleet(t *testing.T, n, of int, edit func(*manifest), test func(*fleet)) {
	synctest.Test(t, func(t *testing.T) {
		fl := &fleet{operated: newOperation(newFixture(t))}
		fl.client = awslambda.New(fl.config(), awslambda.Options{HTTP: awstest.Client(fl.aws)})
		for _, m := range fl.configs(n) {
			m.delivery, m.patch = "environment", true
			if edit != nil {
				edit(&m)
			}
			fl.manifests = append(fl.manifests, m)
		}
		for i := range of - n - 1 { // the fixture has one of its own
			fl.createFunction(fmt.Sprintf("other%03d", i))
		}
		fl.push("code", fl.manifests...)
		if failed, err := fl.operator.Once(t.Context(), t.Context()); failed > 0 || err != nil {
			t.Fatalf("%d failed, %v", failed, err)
		}
		time.Sleep(time.Minute)
		defer func() {
			if fl.ended != nil {
				fl.halt()
			}
		}()
		test(fl)
	})
}

func (fl *fleet) config() aws.Config {
	cfg := awstest.Config(fl, region)
	cfg.Retryer = func() aws.Retryer { return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = 1 }) }
	return cfg
}

func (fl *fleet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := r.Method + " " + strings.TrimPrefix(r.URL.RequestURI(), "/2015-03-31/")
	fl.answers.Lock()
	rewrite, hold := fl.rewrite, fl.hold
	fl.answers.Unlock()
	answer := httptest.NewRecorder()
	fl.faults.Over(fl.aws).ServeHTTP(answer, r)
	if hold != nil {
		hold(call)
	}
	body := answer.Body.String()
	if rewrite != nil {
		body = rewrite(call, body)
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.Header().Del("Content-Length")
	w.WriteHeader(answer.Code)
	_, _ = w.Write([]byte(body))
}

// answer has answers changed from now on.
func (fl *fleet) answer(rewrite func(call, answer string) string) {
	fl.answers.Lock()
	defer fl.answers.Unlock()
	fl.rewrite = rewrite
}

// delay has answers held back from now on.
func (fl *fleet) delay(hold func(call string)) {
	fl.answers.Lock()
	defer fl.answers.Unlock()
	fl.hold = hold
}

// lists returns the Lister of the fleet.
func (fl *fleet) lists(context.Context, string) (controller.Lister, error) { return fl.client, nil }

func (fl *fleet) reconciles(context.Context, controller.Target) (*controller.Reconciler, error) {
	return fl.reconciler(fl.client), nil
}

// begin starts an operator that knows nothing.
func (fl *fleet) begin() {
	fl.operator = controller.NewOperator(controller.OperatorOptions{
		Branch: fl.operated, Selection: controller.Selection{Paths: []string{"manifests"}}, Reconciler: fl.reconciles,
		SealingKeys: fl.trusted, Interval: time.Minute, Workers: workers, Recorder: fl.operated, Now: time.Now, Log: fl.logger, Lister: fl.lists,
	})
	fl.start()
}

func (fl *fleet) glancer() *controller.Glancer {
	return controller.NewGlancer(controller.GlancerOptions{Reconciler: fl.reconciles, Lister: fl.lists, Now: time.Now, Log: fl.logger})
}

// targets are those of the branch's head.
func (fl *fleet) targets() []controller.Target {
	fl.t.Helper()
	targets, err := controller.Load(fl.t.Context(), fl.head, fl.history, controller.Selection{Paths: []string{"manifests"}})
	if err != nil {
		fl.t.Fatal(err)
	}
	return targets
}

// counted returns how often each operation was called since, and of GetFunction with a
// qualifier as "GetFunction qualified".
func (fl *fleet) counted(since int) map[string]int {
	calls := make(map[string]int)
	for _, c := range fl.aws.Calls()[since:] {
		name := c.Operation
		if c.Operation == "GetFunction" && strings.Count(c.Resource, ":") > 6 {
			name = "GetFunction qualified"
		}
		calls[name]++
	}
	return calls
}

// reads returns how many calls were made since, and fails if one of them was no read of
// Lambda's.
func (fl *fleet) reads(since int) int {
	fl.t.Helper()
	if made := fl.callsSince(since); len(made) > 0 {
		fl.t.Errorf("calls that write or ask KMS: %q", made)
	}
	if n := fl.counted(since)["Download"]; n > 0 {
		fl.t.Errorf("%d downloads", n)
	}
	return len(fl.aws.Calls()) - since
}

// pointAlias moves the alias of a function by hand.
func (fl *fleet) pointAlias(function, version string) {
	fl.t.Helper()
	_, err := fl.direct().UpdateAlias(fl.t.Context(), &lambda.UpdateAliasInput{FunctionName: &function, Name: aws.String("live"), FunctionVersion: &version})
	if err != nil {
		fl.t.Fatal(err)
	}
}

// aliased returns the version that the alias of a function names.
func (fl *fleet) aliased(function string) string {
	fl.t.Helper()
	out, err := fl.direct().GetAlias(fl.t.Context(), &lambda.GetAliasInput{FunctionName: &function, Name: aws.String("live")})
	if err != nil {
		fl.t.Fatal(err)
	}
	return *out.FunctionVersion
}

// ready counts the configs by Ready's status.
func (fl *fleet) ready() map[string]int {
	n := make(map[string]int)
	for _, one := range fl.operator.Status().Configs {
		n[string(one.Condition(plan.ConditionReady).Status)]++
	}
	return n
}

// deny has an operation refused.
func (fl *fleet) deny(operation string) {
	fl.faults.Set(localaws.Fault{Operation: operation, Code: "AccessDeniedException", Status: 403})
}
