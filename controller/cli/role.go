package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/pflag"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/awserr"
	"sealift.dev/sealift/controller/internal/awskms"
	"sealift.dev/sealift/controller/internal/awslambda"
	"sealift.dev/sealift/controller/internal/awss3"
	"sealift.dev/sealift/controller/internal/awssts"
	"sealift.dev/sealift/controller/internal/plan"
)

// registerRoles adds the flag that says which roles may be assumed.
func (f *awsFlags) registerRoles(flags *pflag.FlagSet) {
	flags.Var((*roleList)(&f.Roles), "assume-role", "`ARN` of a role that may be assumed where spec.function.roleARN names it; may be given again")
}

// roleList is a flag that may be given again.
type roleList []string

func (l *roleList) String() string { return strings.Join(*l, " ") }
func (l *roleList) Type() string   { return "ARN" }

// Set adds a role, and refuses what is none.
func (l *roleList) Set(role string) error {
	if !v1alpha1.ValidRoleARN(role) {
		return errors.New("not the ARN of an IAM role (arn:aws:iam::ACCOUNT:role/NAME)")
	}
	*l = append(*l, role)
	return nil
}

// checkRoles refuses what is no role, where it does not come from a flag.
func (f *awsFlags) checkRoles() error {
	for _, role := range f.Roles {
		if err := new(roleList).Set(role); err != nil {
			return fmt.Errorf("--assume-role %q: %w", role, err)
		}
	}
	return nil
}

// assumable returns the roles that may be assumed for a manifest in dir: those of
// --assume-role or, where there is none, those that the nearest settings in root name. root
// is nil where the command line alone is trusted: who can write to a repository that is
// followed must not choose who sealift is.
func (a *app) assumable(root fs.FS, dir string) ([]string, error) {
	if len(a.aws.Roles) > 0 || root == nil {
		return a.aws.Roles, nil
	}
	settings, _, err := controller.FindSettings(root, dir)
	return settings.AssumeRoles, err
}

// checkRole refuses a role that is not among those that may be assumed.
func checkRole(role string, assumable []string) error {
	if role == "" || slices.Contains(assumable, role) {
		return nil
	}
	return plan.Problem{
		Reason:  "UntrustedRole",
		Message: fmt.Sprintf("spec.function.roleARN: %s is not a role that sealift may assume", role),
		Fix:     "allow it, if the function's account is yours: assumeRoles in " + controller.SettingsFile + ", or --assume-role",
	}
}

// principal returns who has the default chain's credentials, of which cfg is.
func (a *app) principal(cfg aws.Config) awserr.Principal {
	a.identity.Lock()
	defer a.identity.Unlock()
	if a.identity.of == nil {
		a.identity.of = awssts.NewIdentity(cfg, a.now)
	}
	return a.identity.of
}

// keysIn returns KMS as the default chain's credentials have it.
func (a *app) keysIn(cfg aws.Config) *awskms.Client { return awskms.New(cfg).As(a.principal(cfg)) }

// functionsIn returns Lambda as the default chain's credentials have it.
func (a *app) functionsIn(cfg aws.Config, unfenced bool) *awslambda.Client {
	return awslambda.New(cfg, awslambda.Options{Unfenced: unfenced, Principal: a.principal(cfg)})
}

// access is with what a config's function and its bundle key are asked for: the role that
// the config names, or the default chain's credentials.
type access struct {
	cfg aws.Config
	as  awserr.Principal
	own *awskms.Client // with the default chain's credentials, which alone open sealed values
}

func (x access) functions(unfenced bool) *awslambda.Client {
	return awslambda.New(x.cfg, awslambda.Options{Unfenced: unfenced, Principal: x.as})
}

func (x access) objects() *awss3.Client { return awss3.New(x.cfg, x.as) }

func (x access) bundleKeys() *awskms.Client { return awskms.New(x.cfg).As(x.as) }

// accessTo returns the access to a config's function. base has the default chain's
// credentials and the region. It calls nobody: the role is assumed by ready, or by the
// first call that needs it.
func (a *app) accessTo(base aws.Config, config *v1alpha1.SealedConfig) access {
	x := access{cfg: base, as: a.principal(base), own: a.keysIn(base)}
	if f := config.Spec.Function; f.RoleARN != "" {
		role := awssts.Role{ARN: f.RoleARN, ExternalID: f.ExternalID, Session: awssts.SessionName(config.Namespace, config.Name)}
		_, account := v1alpha1.RolePlace(f.RoleARN)
		x.cfg, x.as = awssts.Assumed(base, role, x.as), role.Principal()
		x.cfg.APIOptions = a.limited(observeCalls(a.onCall, a.now), account, base.Region)
	}
	return x
}

// ready returns an error if there are no credentials.
func (x access) ready(ctx context.Context) error {
	_, err := x.cfg.Credentials.Retrieve(ctx)
	return err
}

// access is accessTo for commands that look at one function: it checks the role, and
// assumes it. root and dir are those of assumable.
func (a *app) access(ctx context.Context, region string, config *v1alpha1.SealedConfig, root fs.FS, dir string) (access, error) {
	roles, err := a.assumable(root, dir)
	if err == nil {
		err = checkRole(config.Spec.Function.RoleARN, roles)
	}
	if err != nil {
		return access{}, err
	}
	base, err := a.awsConfig(ctx, region)
	if err != nil {
		return access{}, err
	}
	x := a.accessTo(base, config)
	return x, x.ready(ctx)
}

// accessOf is access for the manifest in a file of a work tree.
func (a *app) accessOf(ctx context.Context, region, file string, config *v1alpha1.SealedConfig) (access, error) {
	w, err := workTreeOf(filepath.Dir(file))
	if err != nil {
		return access{}, err
	}
	name, err := w.inside(file)
	if err != nil {
		return access{}, err
	}
	return a.access(ctx, region, config, w.files(), path.Dir(name))
}
