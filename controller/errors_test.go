package controller_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/localaws"
	"sealift.dev/sealift/controller/internal/plan"
)

// nightly reports whether tests have the night to run.
func nightly() bool { return os.Getenv("SEALIFT_TEST_NIGHTLY") == "1" }

// occasion is when a fault of the matrix happens.
type occasion struct {
	name     string
	from, to int
	retried  bool // by the SDK, as it does by default
}

func occasions() []occasion {
	return []occasion{{"first", 1, 1, false}, {"second", 2, 2, false}, {"first, with retries", 1, 1, true}, {"permanent", 1, 0, true}, {"from the second on", 2, 0, false}}
}

// TestErrorMatrix lets every call that an apply makes fail in every way that AWS and what
// is between can, once, later, and for as long as it lasts. CI runs a share of it.
func TestErrorMatrix(t *testing.T) {
	count := 0
	for _, scenario := range scenarios() {
		for _, operation := range scenario.calls {
			for i := range mishaps(operation) {
				for j := range occasions() {
					if nightly() || scenario.share(operation, i, j) {
						count++
					}
				}
			}
		}
	}
	t.Logf("survival: errors injected, each then recovered from: %d cases", count)
	if count < 500 {
		t.Errorf("%d cases, want 500", count)
	}
	for _, scenario := range scenarios() {
		t.Run(scenario.name, func(t *testing.T) {
			operations := scenario.operations(t)
			if !slices.Equal(operations, scenario.calls) {
				t.Fatalf("it calls %q, want %q", operations, scenario.calls)
			}
			for _, operation := range operations {
				for i, mishap := range mishaps(operation) {
					for j, when := range occasions() {
						if !nightly() && !scenario.share(operation, i, j) {
							continue
						}
						name := operation + ", " + mishap.name + ", " + when.name
						t.Run(name, func(t *testing.T) {
							t.Parallel()
							synctest.Test(t, func(t *testing.T) {
								c := errorCase{fixture: newFixture(t, retries(when.retried)), scenario: scenario, mishap: mishap, when: when, operation: operation}
								c.run()
							})
						})
					}
				}
			}
		})
	}
}

// retries has the SDK try again as by default, or not at all: then a test sees each answer.
func retries(as bool) func(*aws.Config) {
	return func(cfg *aws.Config) {
		cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
		if as {
			cfg.Retryer = func() aws.Retryer { return retry.NewStandard() }
		}
	}
}

// errorCase is one case of the matrix.
type errorCase struct {
	*fixture
	scenario  scenario
	mishap    mishap
	when      occasion
	operation string

	version string // that was live at first, "" for none
	values  []string
	live    []string // versions that have been
	made    []string // the calls of the last pass
	theirs  string   // what another writer has set
	fenced  bool     // whether a move of the alias was refused for one
}

func (c *errorCase) run() {
	c.scenario.before(c.fixture)
	c.version = c.look("before")
	fault := c.mishap.fault
	fault.Operation, fault.From, fault.To = c.operation, c.when.from, c.when.to
	if fault.Kind == localaws.FaultMeanwhile {
		fault.Meanwhile = c.meanwhile
	}
	target, token := c.want(1)
	other, otherToken := target, token
	if !c.scenario.begun {
		other, otherToken = c.want(2)
	}
	c.faults.Set(fault)
	if c.when.to == 0 {
		c.last(target)
	} else {
		c.once(target)
		if c.faults.Fired() == 0 {
			target, token = other, otherToken
			c.once(target)
		}
	}
	fired := c.faults.Fired()
	if met := fired > 0; !met && c.when.from == 1 {
		c.t.Fatal("no call met the fault")
	}
	if fault.Kind == localaws.FaultMeanwhile && c.operation == "UpdateAlias" && fired > 0 && !c.fenced {
		c.t.Error("the alias of another writer is moved unseen")
	}
	c.faults.Set()
	c.converge(target, token, fired)
}

// want commits the nth state that is wanted.
func (c *errorCase) want(n int) (controller.Target, string) {
	token := fmt.Sprintf("%s-%d", canary, n)
	c.values = append(c.values, token)
	target := c.scenario.change(c.fixture, n, token)
	if c.scenario.begun {
		c.faults.Set(localaws.Fault{Operation: "UpdateFunctionConfiguration", Code: "AccessDeniedException", Status: 403})
		if _, err := c.r.Apply(c.t.Context(), target, c.trusted); plan.ClassOf(err) != plan.Stalled {
			c.t.Fatalf("cut off: %v", err)
		}
		c.faults.Set()
	}
	return target, token
}

// pass applies target as an operator does, and then looks whether all is well with what is live.
func (c *errorCase) pass(target controller.Target) error {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 30*time.Minute)
	defer cancel()
	calls := len(c.aws.Calls())
	_, err := c.r.Apply(ctx, target, c.trusted)
	c.made = c.callsSince(calls)
	c.fenced = c.fenced || slices.Contains(c.made, "UpdateAlias PreconditionFailedException")
	if got := c.get("").Configuration.Environment.Variables["THEIRS"]; got != c.theirs {
		c.t.Errorf("another writer's variable is %q, and was set to %q", got, c.theirs)
	}
	live := c.look(fmt.Sprintf("after %v", err))
	if ambiguous := strings.HasSuffix(c.operation, "Alias"); err != nil && !ambiguous && live != c.version {
		c.t.Errorf("version %s is live, and was %s: %v", live, c.version, err)
	}
	c.version = live
	time.Sleep(time.Minute)
	return err
}

// look returns the version that is live, which has to open and to have what is foreign.
func (c *errorCase) look(when string) string {
	c.t.Helper()
	out, err := c.direct().GetFunction(context.Background(), &lambda.GetFunctionInput{FunctionName: aws.String("hello"), Qualifier: aws.String("live")})
	if err != nil {
		return "" // there is no alias yet
	}
	version := *out.Configuration.Version
	c.live = append(c.live, version)
	if got := c.opens("live")["TOKEN"]; !slices.Contains(append(c.values, c.scenario.token()), got) {
		c.t.Errorf("%s: version %s does not open", when, version)
	}
	if out.Configuration.State != types.StateActive {
		c.t.Errorf("%s: version %s is live, and %s", when, version, out.Configuration.State)
	}
	marker, err := plan.ParseMarker(out.Configuration.Environment.Variables[plan.MarkerVariable])
	if err != nil || marker.CodeSHA256 != *out.Configuration.CodeSha256 {
		c.t.Errorf("%s: version %s has the marker of another package, %v", when, version, err)
	}
	if out.Configuration.Environment.Variables["FOREIGN"] != "kept" {
		c.t.Errorf("%s: a foreign variable is gone", when)
	}
	return version
}

// meanwhile is another writer, who waits for the end of what it writes.
func (c *errorCase) meanwhile() {
	time.Sleep(5 * time.Second)
	env := maps.Clone(c.get("").Configuration.Environment.Variables)
	c.theirs += "x"
	env["THEIRS"] = c.theirs
	_, err := c.direct().UpdateFunctionConfiguration(context.Background(), &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("hello"), Environment: &types.Environment{Variables: env}})
	if err == nil && c.operation == "UpdateAlias" {
		_, err = c.direct().UpdateAlias(context.Background(), &lambda.UpdateAliasInput{FunctionName: aws.String("hello"), Name: aws.String("live"), Description: aws.String("theirs")})
	}
	if err != nil {
		c.t.Error(err)
	}
	time.Sleep(5 * time.Second)
}

// once is a fault of one call: one pass fails, or none does as the apply itself looks again.
func (c *errorCase) once(target controller.Target) {
	c.t.Helper()
	want := c.mishap.class(c.operation)
	err := c.pass(target)
	met := c.faults.Fired() > 0
	switch {
	case err == nil && (!met || want == "" || want == either || want == reobserve || c.when.retried):
		return
	case err == nil:
		c.t.Errorf("no error, want %s", want)
	case !met:
		c.t.Errorf("without a fault: %v", err)
	default:
		c.check(err, want)
	}
	if err := c.pass(target); err != nil {
		c.t.Errorf("second pass: %v", err)
	}
}

// last is a fault that lasts: the passes go on failing the same way.
func (c *errorCase) last(target controller.Target) {
	c.t.Helper()
	want := c.mishap.class(c.operation)
	if c.mishap.lasting != nil {
		want = c.mishap.lasting(c.operation)
	} else if want == reobserve {
		want = plan.Transient
	}
	if c.when.from > 1 && want != plan.Invalid {
		want = either // what was read or written ahead of it is as it should be
	}
	for range 3 {
		err := c.pass(target)
		if err == nil && (want == "" || want == either || c.faults.Fired() == 0) {
			continue
		}
		c.check(err, want)
	}
}

var namesCall = regexp.MustCompile(`(lambda|kms):[A-Z][A-Za-z]+ on (arn:aws:(lambda|kms):us-east-2:000000000000:(function:hello|layer:sealift-hello|key/[0-9a-f-]{36})|(hello|layer sealift-hello|alias/sealift-bundle) in us-east-2)( as arn:aws:[!-~]+)?: |s3:(GetObjectVersion|PutObject) on arn:aws:s3:::builds/hello[!-~]* in us-east-2: |s3://builds/hello.zip has the SHA-256 |download the package of |verify |publish hello|wait for hello|the environment of us-east-2/hello can't be read`)

// check compares an error with the class that it is to have. It names what was done and
// to what, has a next step where one is known, and nothing of the answer.
func (c *errorCase) check(err error, want plan.Class) {
	c.t.Helper()
	if want == reobserve {
		c.t.Errorf("%v, and the apply was to look again", err)
	}
	if got := plan.ClassOf(err); got != want && (want != either || got == plan.Invalid) {
		c.t.Errorf("class %q, want %q: %v", got, want, err)
	}
	if err == nil {
		return
	}
	opaque := want == plan.Invalid // what does not open is not told apart
	if text := err.Error(); !opaque && !namesCall.MatchString(text) || !strings.HasPrefix(text, "payments/hello: ") || strings.Contains(text, answered) {
		c.t.Errorf("text %q", text)
	}
	refused := c.mishap.fault.Kind == localaws.FaultError && !errors.Is(err, plan.ErrReobserve) && !opaque
	if refused && c.operation != localaws.DownloadOperation && !strings.Contains(err.Error(), ":"+strings.TrimSuffix(c.operation, "ByArn")+" on ") && !strings.Contains(err.Error(), ":"+c.operation+"Version on ") {
		c.t.Errorf("%q does not name %s", err, c.operation)
	}
	var hinted interface{ Hint() string }
	if !errors.Is(err, plan.ErrReobserve) && !opaque && (!errors.As(err, &hinted) || hinted.Hint() == "") {
		c.t.Errorf("no hint: %v", err)
	}
}

// converge is what comes when the fault has ended: the next pass brings the function to
// what is wanted, and the one behind it does nothing. A fault costs one version at most,
// and one layer version.
func (c *errorCase) converge(target controller.Target, token string, fired int) {
	c.t.Helper()
	if err := c.pass(target); err != nil {
		c.t.Errorf("first pass without the fault: %v", err)
	}
	if len(c.made) > 9 {
		c.t.Errorf("%d calls to converge: %q", len(c.made), c.made)
	}
	if err := c.pass(target); err != nil {
		c.t.Errorf("second pass without the fault: %v", err)
	}
	if len(c.made) > 0 {
		c.t.Errorf("in sync, and yet: %q", c.made)
	}
	if got := c.opens("live")["TOKEN"]; got != token {
		c.t.Errorf("live is %q, want %q", got, token)
	}
	versions, layers := c.orphans()
	if versions > fired || layers > fired || fired == 1 && versions+layers > 1 {
		c.t.Errorf("%d versions and %d layer versions that were never live, of %d faults", versions, layers, fired)
	}
}

// orphans counts versions of the function that were never live, and layer versions that
// none of those that were has.
func (c *errorCase) orphans() (versions, layers int) {
	c.t.Helper()
	list, err := c.direct().ListVersionsByFunction(context.Background(), &lambda.ListVersionsByFunctionInput{FunctionName: aws.String("hello")})
	if err != nil {
		c.t.Fatal(err)
	}
	used := map[string]bool{}
	for _, v := range list.Versions[1:] { // behind $LATEST
		if !slices.Contains(c.live, *v.Version) {
			versions++
			continue
		}
		for _, layer := range v.Layers {
			used[*layer.Arn] = true
		}
	}
	published, err := c.direct().ListLayerVersions(context.Background(), &lambda.ListLayerVersionsInput{LayerName: aws.String("sealift-hello")})
	if err != nil {
		return versions, 0 // no such layer
	}
	for _, layer := range published.LayerVersions {
		if !used[*layer.LayerVersionArn] {
			layers++
		}
	}
	return versions, layers
}
