package cli

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/spf13/pflag"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/awskms"
	"sealift.dev/sealift/controller/internal/awslambda"
	"sealift.dev/sealift/controller/internal/gitsource"
	"sealift.dev/sealift/controller/internal/pack"
	"sealift.dev/sealift/controller/internal/plan"
)

// trialFlags say what a function is that runs here for a trial.
type trialFlags struct {
	runtime     string
	handler     string
	sealingKeys []string
}

func (f *trialFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.runtime, "runtime", "", "with --local: Lambda's `name` of the runtime, as nodejs22.x")
	flags.StringVar(&f.handler, "handler", "", "with --local: the `handler`, as index.handler")
	flags.StringArrayVar(&f.sealingKeys, "sealing-key", nil, "with --local: `ARN` of a key to unseal with; may be given again")
}

func (f *trialFlags) given() bool {
	return f.runtime != "" || f.handler != "" || len(f.sealingKeys) > 0
}

func (f *trialFlags) check() error {
	if (f.runtime == "") != (f.handler == "") {
		return errors.New("--runtime and --handler go together")
	}
	return nil
}

// trial is one config of the work tree on a local AWS of its own.
type trial struct {
	*app
	target  controller.Target
	trusted []string           // ARNs of the keys to unseal with
	objects controller.Objects // that the package may be among; nil if it is not in S3
	server  *localServer
	probe   *probe
}

// invokeLocal calls a function as the work tree would make it, and returns the id of the
// bundle that it was given.
func (a *app) invokeLocal(ctx context.Context, f trialFlags, name string, paths []string, payload []byte) (_ awslambda.Answer, bundle string, err error) {
	s, err := openLocal(ctx, paths, func(repo *gitsource.Repository) (*gitsource.Commit, error) { return repo.WorkTree(ctx) })
	if err != nil {
		return awslambda.Answer{}, "", err
	}
	defer s.close()
	t := trial{app: a}
	if t.target, err = a.targetNamed(ctx, s, name); err != nil {
		return awslambda.Answer{}, "", err
	}
	if t.target.Config.Spec.Bundle.Wrapper != "" {
		return awslambda.Answer{}, "", hint(fmt.Errorf("%s starts by the exec wrapper of spec.bundle.wrapper, a layer that is not here", name),
			"publish the wrapper's layer on `sealift local-aws`, name it in the manifest, apply there, and call the function with `sealift invoke`")
	}
	if t.trusted = f.sealingKeys; len(t.trusted) == 0 {
		root, err := s.commit.Sub(ctx, ".")
		if err != nil {
			return awslambda.Answer{}, "", err
		}
		settings, _, err := controller.FindSettings(root, path.Dir(t.target.File))
		if err != nil {
			return awslambda.Answer{}, "", err
		}
		t.trusted = settings.ARNs()
	}
	function, err := a.original(ctx, f, s.tree(), t.target)
	if err != nil {
		return awslambda.Answer{}, "", err
	}
	if p := t.target.Config.Spec.Package; p != nil && p.S3 != nil {
		x, err := a.access(ctx, t.target.Region(), t.target.Config, s.tree(), path.Dir(t.target.File))
		if err != nil {
			return awslambda.Answer{}, "", err
		}
		t.objects = x.objects()
	}
	// What this local AWS holds are the values of the config: it answers this process and
	// the function, and no other user of this machine.
	token, err := a.sessionToken()
	if err != nil {
		return awslambda.Answer{}, "", err
	}
	if t.server, err = a.startLocalAWS(ctx, localOptions{listen: "127.0.0.1:0", token: token, settle: settle}); err != nil {
		return awslambda.Answer{}, "", err
	}
	defer func() { err = errors.Join(err, t.server.stop()) }()
	cfg := localConfig(t.server.url)
	cfg.Region, cfg.Credentials = t.target.Region(), credentials.NewStaticCredentialsProvider("local", "local", token)
	t.probe = newProbe(cfg)
	if err := t.deliver(ctx, function); err != nil {
		return awslambda.Answer{}, "", err
	}
	conf, err := t.probe.functions.Configuration(ctx, name, "")
	if err != nil {
		return awslambda.Answer{}, "", err
	}
	marker, err := plan.ParseMarker(conf.Environment[plan.MarkerVariable])
	if err != nil {
		return awslambda.Answer{}, "", err
	}
	answer, err := t.probe.functions.Invoke(ctx, name, "", payload)
	return answer, marker.BundleID, err
}

// sessionToken returns a token of 128 random bits.
func (a *app) sessionToken() (string, error) {
	var random [16]byte
	if _, err := io.ReadFull(a.rand, random[:]); err != nil {
		return "", fmt.Errorf("draw a session token: %w", err)
	}
	return hex.EncodeToString(random[:]), nil
}

// targetNamed returns the config of a function.
func (a *app) targetNamed(ctx context.Context, s *source, function string) (controller.Target, error) {
	targets, err := a.loadSome(ctx, s)
	if err != nil {
		return controller.Target{}, err
	}
	i := slices.IndexFunc(targets, func(t controller.Target) bool { return t.Config.Spec.Function.Name == function })
	if i < 0 {
		return controller.Target{}, hint(fmt.Errorf("no SealedConfig of the function %s in %s", function, strings.Join(s.paths, ", ")), "name the folder of its manifest")
	}
	return targets[i], nil
}

// original returns the function that is tried: as it is deployed, or as the flags say.
func (a *app) original(ctx context.Context, f trialFlags, tree fs.FS, t controller.Target) (*lambda.CreateFunctionInput, error) {
	spec := t.Config.Spec
	input := &lambda.CreateFunctionInput{
		FunctionName: &spec.Function.Name, Runtime: types.Runtime(f.runtime), Handler: &f.handler, Timeout: aws.Int32(30),
		Role: aws.String("arn:aws:iam::000000000000:role/trial"), Environment: &types.Environment{Variables: map[string]string{}},
	}
	if f.runtime != "" && spec.Package.Source() != "" {
		code, err := placeholder()
		input.Code = &types.FunctionCode{ZipFile: code}
		return input, err
	}
	x, err := a.access(ctx, t.Region(), t.Config, tree, path.Dir(t.File))
	if err != nil {
		return nil, err
	}
	deployed := x.functions(true) // nothing is written
	conf, err := deployed.Configuration(ctx, spec.Function.Name, "")
	if err != nil {
		return nil, hint(err, "with --runtime and --handler a function with spec.package needs not be deployed")
	}
	if conf.PackageType == "Image" {
		return nil, fmt.Errorf("%s is a container image, which does not run here", spec.Function.Name)
	}
	if f.runtime == "" {
		input.Runtime, input.Handler = types.Runtime(conf.Runtime), &conf.Handler
	}
	code, err := placeholder()
	if spec.Package.Source() == "" {
		var zipped bytes.Buffer
		err = deployed.Package(ctx, conf, &zipped, pack.MaxZipped)
		code = zipped.Bytes()
	}
	input.Code = &types.FunctionCode{ZipFile: code}
	own := ":layer:" + plan.Desired{Config: t.Config}.LayerName() + ":"
	for _, layer := range conf.Layers {
		if !strings.Contains(layer.ARN, own) {
			fmt.Fprintf(a.Err, "note: the layer %s is not copied: what %s has of it in /opt is missing here\n", printable(layer.ARN), spec.Function.Name)
		}
	}
	maps.Copy(input.Environment.Variables, conf.Environment)
	forget(input.Environment.Variables, spec)
	return input, err
}

// forget takes the variables away that sealift set, which are written anew, and those that
// the config removes: the trial starts where no step that could do so was before.
func forget(variables map[string]string, spec v1alpha1.SealedConfigSpec) {
	applied, _ := plan.ParseMarker(variables[plan.MarkerVariable]) // none owns none
	maps.DeleteFunc(variables, func(key, _ string) bool {
		_, owned := spec.Environment[key]
		return owned || slices.Contains(applied.Owned, key) || slices.Contains(spec.EnvironmentRemoved, key) || strings.HasPrefix(key, "SEALIFT_")
	})
}

// placeholder is a package that is replaced.
func placeholder() ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	_, err := w.Create("placeholder")
	err = errors.Join(err, w.Close())
	return b.Bytes(), err
}

// deliver makes the function on local AWS and applies the config to it: by the same path
// as on AWS, but that the bundle's key is one of local AWS.
func (t *trial) deliver(ctx context.Context, function *lambda.CreateFunctionInput) error {
	key, _, err := awskms.New(t.probe.cfg).EnsureKey(ctx, awskms.Spec{Alias: "alias/sealift-trial"})
	if err != nil {
		return err
	}
	if _, err := t.probe.api.CreateFunction(ctx, function); err != nil {
		return fmt.Errorf("make the function on local AWS: %w", err)
	}
	cfg, err := t.awsConfig(ctx, t.target.Region())
	if err != nil {
		return err
	}
	config := *t.target.Config
	config.Spec.Bundle.KMSKey = key.ARN
	config.Spec.Function = v1alpha1.FunctionSpec{Name: config.Spec.Function.Name, Region: config.Spec.Function.Region}
	config.Spec.Suspend = false
	if config.Spec.Package != nil {
		unstaged := *config.Spec.Package
		unstaged.Staging = nil // its bucket is not here
		config.Spec.Package = &unstaged
	}
	target := t.target
	target.Config, target.Revision = &config, strings.Repeat("0", 40)
	functions := t.probe.functions
	r := controller.New(controller.Options{
		Observer: functions, Downloader: functions, Writer: localWriter{functions, t.objects}, Releaser: functions, Canary: functions, Layers: functions, Signing: functions, Published: functions, Cleaner: functions,
		Objects: t.objects, Keys: splitKeys{t.keysIn(cfg), awskms.New(t.probe.cfg)}, Uploads: forgetful{}, Rand: t.rand, Now: t.now, Log: t.log,
	})
	_, err = r.Apply(ctx, target, t.trusted)
	return err
}

// localWriter hands packages of S3 to a local AWS, which has none of its buckets.
type localWriter struct {
	*awslambda.Client
	objects controller.Objects
}

// UpdateCodeFrom is controller.Writer's.
func (w localWriter) UpdateCodeFrom(ctx context.Context, c plan.Configuration, at plan.Object, codeSHA256 string) (plan.Configuration, error) {
	var zipped bytes.Buffer
	if err := w.objects.Download(ctx, at, &zipped, pack.MaxZipped); err != nil {
		return plan.Configuration{}, err
	}
	return w.UpdateCode(ctx, c, zipped.Bytes(), codeSHA256)
}

// forgetful remembers no upload.
type forgetful struct{}

func (forgetful) Last(string) *plan.Marker           { return nil }
func (forgetful) Remember(string, plan.Marker) error { return nil }
