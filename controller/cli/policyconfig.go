package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/iam"
	"sealift.dev/sealift/controller/internal/plan"
)

// policyConfigs reads the manifests and settings that a policy is made from. All faults
// of all files are told at once.
func (a *app) policyConfigs(ctx context.Context, f policyFlags, need needs) ([]iam.Config, error) {
	if len(f.files) == 0 {
		f.files = []string{"."}
	}
	trees := make(map[string]*verification)
	var order []*verification
	for _, name := range f.files {
		v, start, err := verificationOf(trees, name)
		if err != nil {
			return nil, err
		}
		if err := v.collect(ctx, start); err != nil {
			return nil, fmt.Errorf("read %s: %w", printable(name), err)
		}
		if !slices.Contains(order, v) {
			order = append(order, v)
		}
	}
	var configs []iam.Config
	var failures []error
	for _, v := range order {
		if faults, _ := v.check(); len(faults) > 0 {
			failures = append(failures, invalidFiles(faults))
			continue
		}
		for _, file := range v.files {
			c, err := a.policyConfig(ctx, f, need, v, file)
			configs, failures = append(configs, c), append(failures, err)
		}
	}
	if err := errors.Join(failures...); err != nil {
		return nil, err
	}
	if len(configs) == 0 {
		return nil, hint(errors.New("no SealedConfig there"), "name manifests with -f FILE; make one with `sealift seal -f FILE NAME`")
	}
	return configs, nil
}

// policyConfig completes a config from its settings, as far as it is needed.
func (a *app) policyConfig(ctx context.Context, f policyFlags, need needs, v *verification, file v1alpha1.File) (iam.Config, error) {
	settings, found, err := controller.FindSettings(v.tree.files(), path.Dir(file.Path))
	if err != nil {
		return iam.Config{}, v.tree.shown(err)
	}
	spec := file.Config.Spec
	shown := v.tree.show(file.Path)
	c := iam.Config{Namespace: file.Config.Namespace, Name: file.Config.Name, Function: spec.Function.Name, Alias: spec.Function.Alias, Canary: spec.Function.Canary}
	c.Wrapper, c.Role, c.ExternalID = spec.Bundle.Wrapper, spec.Function.RoleARN, spec.Function.ExternalID
	c.KeepsVersions = spec.Function.KeepVersions != nil
	c.Scrub = spec.DeletionPolicy == v1alpha1.DeletionScrub
	c.LeavesCode = spec.Package.Source() == "" && spec.Bundle.Delivery != v1alpha1.DeliveryPackage
	if spec.Package != nil && spec.Package.S3 != nil {
		c.Object = iam.Object{Bucket: spec.Package.S3.Bucket, Key: spec.Package.S3.Key, Version: spec.Package.S3.VersionID != ""}
	}
	if staged := spec.Package.Staged(); staged != nil {
		c.Staging = staged.Bucket + "/" + staged.Prefix
	}
	if spec.Bundle.Delivery == v1alpha1.DeliveryLayer {
		c.Layer = plan.Desired{Config: file.Config}.LayerName()
	}
	for _, key := range settings.SealingKeys {
		c.SealingKeys = append(c.SealingKeys, iam.SealingKey{ARN: key.ARN, Offline: key.PublicKey != ""})
	}
	if need.sealing && len(c.SealingKeys) == 0 {
		return iam.Config{}, hint(fmt.Errorf("%s: no %s above it names sealingKeys", printable(shown), controller.SettingsFile), "run `sealift init` in the repository")
	}
	if need.bundle && spec.Bundle.Format == v1alpha1.FormatOpenSSL {
		return iam.Config{}, hint(fmt.Errorf("%s: a bundle of the format %s is opened without an encryption context, and the policies here are bound to that", printable(shown), spec.Bundle.Format),
			"allow kms:Decrypt and kms:GenerateDataKey on its bundle key without a condition, by hand; give it a key of its own")
	}
	if !need.bundle {
		return c, nil
	}
	if c.Region = cmp.Or(a.aws.Region, spec.Function.Region, settings.Region); c.Region == "" {
		if c.Region, err = a.aws.defaultRegion(ctx); err != nil {
			return iam.Config{}, fmt.Errorf("%s: %w", printable(shown), err)
		}
	}
	if err := (envelope.Consumer{Region: c.Region, Function: c.Function}).Validate(); err != nil {
		return iam.Config{}, fmt.Errorf("%s: %w", printable(shown), err)
	}
	where, key := "spec.bundle.kmsKey", spec.Bundle.KMSKey
	if key == "" {
		where, key = "bundleKey of "+v.tree.show(found), settings.BundleKey
	}
	if c.Account, err = accountOf(f.account, spec.Function.AccountID()); err == nil {
		c.BundleKey, c.Account, err = a.bundleKeyARN(ctx, f, where, key, c, func() (access, error) {
			return a.access(ctx, c.Region, file.Config, v.tree.files(), path.Dir(file.Path))
		})
	}
	if err != nil {
		return iam.Config{}, fmt.Errorf("%s: %w", printable(shown), err)
	}
	return c, nil
}

// accountOf returns the account that a function's own ARN or the flag names, or "".
func accountOf(flag, own string) (string, error) {
	if own != "" && flag != "" && own != flag {
		return "", fmt.Errorf("spec.function.name: the ARN is of the account %s, and --account says %s", own, flag)
	}
	return cmp.Or(own, flag), nil
}

// bundleKeyARN returns the ARN of a bundle key and its account, which is the function's:
// apply takes no other. A policy can't name an alias: Resource
// takes the ARN of a key, and the conditions on aliases go with key/* alone
// (https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html). reach
// returns with what KMS is asked for the function.
func (a *app) bundleKeyARN(ctx context.Context, f policyFlags, where, key string, c iam.Config, reach func() (access, error)) (arnOfKey, account string, err error) {
	isAlias := strings.Contains(key, "alias/")
	switch {
	case key == "":
		return "", "", hint(errors.New("no bundle key: neither spec.bundle.kmsKey nor bundleKey of "+controller.SettingsFile+" is set"), "name one; `sealift keys list` shows its ARN")
	case isAlias && !f.resolve:
		return "", "", hint(fmt.Errorf("%s: %s is an alias, which an IAM policy can't name", where, key), "let KMS be asked for the key with --resolve, or give its ARN; `sealift keys list` shows it")
	case !isAlias && !envelope.ValidKeyARN(key) && c.Account == "":
		return "", "", hint(fmt.Errorf("%s: the AWS account of the key %s is not known", where, key), "give it with --account, or the key by its ARN")
	case !isAlias && !envelope.ValidKeyARN(key):
		key = "arn:" + iam.PartitionOf(c.Region) + ":kms:" + c.Region + ":" + c.Account + ":key/" + key
	case isAlias:
		x, err := reach()
		if err != nil {
			return "", "", err
		}
		found, err := x.bundleKeys().Look(ctx, key)
		if err != nil {
			return "", "", err
		}
		key = found.ARN
	}
	parsed, err := arn.Parse(key)
	switch {
	case err != nil, !envelope.ValidKeyARN(key), parsed.Region != c.Region:
		return "", "", fmt.Errorf("%s: %s is not the ARN of a key in %s, where the function is", where, key, c.Region)
	case c.Account != "" && c.Account != parsed.AccountID:
		return "", "", hint(fmt.Errorf("%s: the key is of the account %s, and the function of %s", where, parsed.AccountID, c.Account), "name a bundle key of the function's own account")
	}
	return key, parsed.AccountID, nil
}
