package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/awskms"
	"sealift.dev/sealift/controller/internal/awslambda"
	"sealift.dev/sealift/controller/internal/plan"
)

// maxSkew is how far a clock may be off before AWS refuses what it signs
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html);
// notable is what is worth a word.
const (
	maxSkew = 5 * time.Minute
	notable = 30 * time.Second
)

// clients are those of a region.
type clients struct {
	functions *awslambda.Client
	kms       *awskms.Client
}

// account checks the credentials and the clock. Without credentials there is nothing
// else to check.
func (d *doctor) account(ctx context.Context, region string) bool {
	cfg, err := d.awsConfig(ctx, region)
	if err != nil {
		d.fail("credentials", "", hintOf(err), "%v", err)
		return false
	}
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		// Nobody can be denied this call: it fails for want of valid credentials or of an answer.
		d.fail("credentials", "", "renew the credentials, and check the network, the clock and AWS_ENDPOINT_URL: aws sts get-caller-identity", "sts GetCallerIdentity: %s", cmp.Or(callCode(err), "no answer"))
		return false
	}
	d.ok("credentials", "", "account %s, as %s, in %s", aws.ToString(out.Account), aws.ToString(out.Arn), region)
	if at, known := awsmiddleware.GetServerTime(out.ResultMetadata); known {
		d.clock(d.now().Sub(at))
	}
	return true
}

// clock takes how far the clock is ahead, as exactly as an answer's Date and the time
// that it took to come let it be known.
func (d *doctor) clock(off time.Duration) {
	off = off.Abs()
	about := off.Round(time.Minute)
	const fix = "set the clock, by NTP for example"
	switch {
	case off > maxSkew:
		d.fail("clock", "", fix, "about %s off AWS's; AWS refuses calls that are signed %s off", about, maxSkew)
	case off > notable:
		d.warn("clock", "", fix, "about %s off AWS's", about)
	default:
		d.ok("clock", "", "as AWS's")
	}
}

// in returns the clients of a region.
func (d *doctor) in(ctx context.Context, region string) (clients, error) {
	if c, made := d.clients[region]; made {
		return c, nil
	}
	cfg, err := d.awsConfig(ctx, region)
	if err != nil {
		return clients{}, err
	}
	c := clients{functions: awslambda.New(cfg, awslambda.Options{Principal: d.principal(cfg)}), kms: d.keysIn(cfg)}
	d.clients[region] = c
	return c, nil
}

// of returns the clients for a config's function and bundle key.
func (d *doctor) of(ctx context.Context, t controller.Target) (clients, error) {
	if t.Config.Spec.Function.RoleARN == "" {
		return d.in(ctx, t.Region())
	}
	x, err := d.access(ctx, t.Region(), t.Config, d.source.tree(), path.Dir(t.File))
	if err != nil {
		return clients{}, err
	}
	d.ok("role", t.Key(), "may be assumed: %s", t.Config.Spec.Function.RoleARN)
	return clients{functions: x.functions(false), kms: x.bundleKeys()}, nil
}

// target checks a config, its function and its keys.
func (d *doctor) target(ctx context.Context, t controller.Target) {
	c, err := d.of(ctx, t)
	if err != nil && t.Config.Spec.Function.RoleARN != "" {
		d.errored("role", t.Key(), err)
		d.sealingKeys(ctx, t)
		return
	}
	if err != nil {
		d.errored("region", t.Key(), err)
		return
	}
	f, err := c.functions.Details(ctx, t.Config.Spec.Function.Name)
	if err != nil {
		d.errored("function", t.Key(), err)
	} else {
		d.function(t, f)
		d.signing(ctx, c, t)
		d.deployers(ctx, c, t, f)
		d.planned(ctx, t, f)
	}
	d.sealingKeys(ctx, t)
	d.bundleKey(ctx, c, t, f)
}

// function checks what a function is.
func (d *doctor) function(t controller.Target, f awslambda.Details) {
	switch {
	case f.State == "Failed":
		d.fail("function", t.Key(), "see its StateReason: aws lambda get-function-configuration --function-name "+t.Config.Spec.Function.Name, "%s is in the state Failed", f.ARN)
	case f.LastUpdateStatus == "Failed":
		d.warn("function", t.Key(), "see its LastUpdateStatusReason: aws lambda get-function-configuration --function-name "+t.Config.Spec.Function.Name, "the last update of %s failed; apply uploads again", f.ARN)
	case !settled(f):
		d.warn("function", t.Key(), "run the command again in a while", "%s is being created or updated", f.ARN)
	default:
		d.ok("function", t.Key(), "%s", f.ARN)
	}
	switch {
	case f.PackageType == "Image" && configurationAlone(t):
		d.ok("package", t.Key(), "a container image, and the bundle goes into the environment")
	case f.PackageType == "Image":
		d.fail("package", t.Key(), "set spec.bundle.delivery to environment and leave spec.package out, or deploy the function as a .zip package",
			"a container image, which has no package to put a bundle into and takes no layers")
	default:
		d.ok("package", t.Key(), "%s", cmp.Or(f.PackageType, "Zip"))
		d.runtime(t, f.Runtime)
	}
	if f.Role == "" {
		d.fail("role", t.Key(), "give the function a role", "the function has none, so it can't call KMS")
	}
}

// configurationAlone reports whether applies write the function's configuration and neither
// code nor layers.
func configurationAlone(t controller.Target) bool {
	return t.Config.Spec.Bundle.Delivery == v1alpha1.DeliveryEnvironment && t.Config.Spec.Package.Source() == ""
}

func settled(f awslambda.Details) bool {
	return f.State != "Pending" && f.LastUpdateStatus != "InProgress"
}

var (
	nodeRuntime = regexp.MustCompile(`^nodejs([0-9]{1,3})\.x$`)
	// pythonRuntime is Python 3.9 or later, which the reader needs.
	pythonRuntime = regexp.MustCompile(`^python3\.(9|[1-9][0-9])$`)
)

// firstNode is the first Node.js whose runtime has the AWS SDK that the reader calls
// (https://docs.aws.amazon.com/lambda/latest/dg/lambda-nodejs.html).
const firstNode = 18

// runtime checks that there is a reader for a runtime. Those of Lambda's own system are
// for Go and whatever else brings its program along.
func (d *doctor) runtime(t controller.Target, name string) {
	node := nodeRuntime.FindStringSubmatch(name)
	switch {
	case t.Config.Spec.Bundle.Wrapper != "" && !strings.HasPrefix(name, "provided."):
		d.ok("runtime", t.Key(), "%s: started by the exec wrapper of spec.bundle.wrapper", name)
	case node != nil:
		if version, _ := strconv.Atoi(node[1]); version < firstNode {
			d.fail("runtime", t.Key(), fmt.Sprintf("move the function to nodejs%d.x or later", firstNode), "%s has no AWS SDK v3, with which the reader asks KMS", name)
			return
		}
		d.ok("runtime", t.Key(), "%s: `sealift vendor node` puts the reader beside the code", name)
	case pythonRuntime.MatchString(name):
		d.ok("runtime", t.Key(), "%s: `sealift vendor python` puts the reader beside the code", name)
	case strings.HasPrefix(name, "provided."):
		d.ok("runtime", t.Key(), "%s: `sealift vendor go` puts the reader beside the code", name)
	default:
		d.warn("runtime", t.Key(), "have the function open its bundle as api/SPEC.md has it", "there is no reader for %s", cmp.Or(name, "this runtime"))
	}
}

func (d *doctor) signing(ctx context.Context, c clients, t controller.Target) {
	policy, err := c.functions.CodeSigning(ctx, t.Config.Spec.Function.Name)
	switch {
	case err != nil:
		d.errored("code signing", t.Key(), err)
	case policy == "Enforce" && configurationAlone(t):
		d.ok("code signing", t.Key(), "Lambda refuses packages and layers without a signature, and none is written")
	case policy == "Enforce":
		d.fail("code signing", t.Key(), "take the code signing configuration off the function, or set it to Warn", "Lambda refuses packages without a signature, and sealift signs none")
	case policy != "":
		d.warn("code signing", t.Key(), "", "Lambda notes that the packages have no signature (%s)", policy)
	default:
		d.ok("code signing", t.Key(), "not in use")
	}
}

// deployers looks for the marks of other tools that deploy the function.
func (d *doctor) deployers(ctx context.Context, c clients, t controller.Target, f awslambda.Details) {
	tags, err := c.functions.Tags(ctx, f.ARN)
	if err != nil {
		d.errored("deployers", t.Key(), err)
		return
	}
	switch tool := deployerOf(tags); {
	case tool == "":
		d.ok("deployers", t.Key(), "no tag of another tool")
	case t.Config.Spec.Package.Source() != "":
		d.warn("deployers", t.Key(), "leave spec.package out, so that what it deploys is patched; or take the code out of its hands", "%s deploys the function too, and spec.package would replace its code", tool)
	case t.Config.Spec.Bundle.Delivery != v1alpha1.DeliveryPackage:
		d.ok("deployers", t.Key(), "%s deploys the function, and its code stays as it is", tool)
	default:
		d.ok("deployers", t.Key(), "%s deploys the function, and its package is patched", tool)
	}
}

// deployerOf names the tool that tags tell of, or "". CloudFormation's own tags can't be
// set by anybody else; the others are habits.
func deployerOf(tags map[string]string) string {
	formation := ""
	if slices.ContainsFunc(slices.Collect(maps.Keys(tags)), func(name string) bool { return strings.HasPrefix(name, "aws:cloudformation:") }) {
		formation = "CloudFormation"
	}
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		switch value := strings.ToLower(tags[name]); {
		case name == "lambda:createdBy" && value == "sam":
			return "SAM"
		case strings.HasPrefix(name, "serverless:"), name == "STAGE" && formation != "":
			return "Serverless"
		case strings.EqualFold(name, "terraform"), managedBy.MatchString(name) && strings.Contains(value, "terraform"):
			return "Terraform"
		}
	}
	return formation
}

var managedBy = regexp.MustCompile(`(?i)^(managed|created|deployed|provisioned)[-_ ]?by$`)

// planned checks what an apply would meet. A function in the middle of an update is not
// waited for.
func (d *doctor) planned(ctx context.Context, t controller.Target, f awslambda.Details) {
	if !settled(f) {
		return
	}
	r, err := d.newPass(d.source.uploads, d.source.tree(), false, nil).in(ctx, t)
	var status plan.Status
	var p plan.Plan
	if err == nil {
		status, p, err = r.Status(ctx, t)
	}
	if err != nil {
		d.errored("plan", t.Key(), err)
		return
	}
	if alias := p.Observed.Alias; alias != nil && alias.Weighted {
		d.fail("alias", t.Key(), "finish or undo that deployment, so that the alias names one version", "alias %s routes calls to two versions", alias.Name)
	} else if alias != nil {
		d.ok("alias", t.Key(), "%s names version %s", alias.Name, alias.Version)
	}
	d.marked(t, p.Observed)
	one := controller.NewConfigStatus(t, status, p)
	if stalled := one.Condition(plan.ConditionStalled); stalled.Status == metav1.ConditionTrue {
		d.problem(ctx, r, t)
		if stalled.Reason == "EnvironmentUnreadable" {
			return // there is nothing to measure
		}
	} else {
		d.ok("plan", t.Key(), "%s", one.Condition(plan.ConditionReady).Message)
	}
	d.headroom(t, p)
}

// problem looks again for what a person has to do: a status does not say it.
func (d *doctor) problem(ctx context.Context, r *controller.Reconciler, t controller.Target) {
	_, err := r.Plan(ctx, t)
	var problem plan.Problem
	switch {
	case errors.As(err, &problem):
		d.fail("plan", t.Key(), problem.Fix, "%s", problem.Error())
	case err != nil:
		d.errored("plan", t.Key(), err)
	}
}

// marked says whose the function is. That it is another config's is a problem of the plan.
func (d *doctor) marked(t controller.Target, o plan.Observed) {
	switch owner := o.Marker().Config; owner {
	case "":
		d.ok("marker", t.Key(), "none yet: no config was applied to the function")
	case t.Key():
		d.ok("marker", t.Key(), "applied at %.7s", o.Marker().Revision)
	}
}

// little is how few bytes left in the environment are worth a word.
const little = 256

func (d *doctor) headroom(t controller.Target, p plan.Plan) {
	const fix = "move values from spec.environment to spec.sealed: a bundle holds up to 1 MiB"
	left, err := p.Headroom(d.now())
	switch {
	case err != nil:
		d.errored("environment", t.Key(), err)
	case left < 0:
		d.fail("environment", t.Key(), fix, "%d bytes over Lambda's limit of 4 KB, with the marker", -left)
	case left < little:
		d.warn("environment", t.Key(), fix, "%d bytes left of Lambda's 4 KB, with the marker", left)
	default:
		d.ok("environment", t.Key(), "%d bytes left of Lambda's 4 KB, with the marker", left)
	}
}
