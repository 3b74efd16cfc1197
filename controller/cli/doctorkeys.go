package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/awskms"
	"sealift.dev/sealift/controller/internal/awslambda"
	"sealift.dev/sealift/controller/internal/iam"
)

// once reports whether a check was not done before.
func (d *doctor) once(check string) bool {
	done := d.keys[check]
	d.keys[check] = true
	return !done
}

// sealingKeys checks the keys of the settings that are nearest to a manifest.
func (d *doctor) sealingKeys(ctx context.Context, t controller.Target) {
	settings, file, err := controller.FindSettings(os.DirFS(d.source.repo.Root()), path.Dir(t.File))
	switch {
	case err != nil:
		d.errored("settings", t.Key(), err)
		return
	case len(settings.SealingKeys) == 0:
		d.fail("sealing key", t.Key(), "run `sealift init` in the repository", "no %s above %s names sealingKeys", controller.SettingsFile, printable(t.File))
		return
	}
	for _, key := range settings.SealingKeys {
		if d.once(file + " " + key.ARN) {
			d.sealingKey(ctx, file, key)
		}
	}
}

func (d *doctor) sealingKey(ctx context.Context, file string, key controller.SealingKey) {
	const check = "sealing key"
	parsed, err := arn.Parse(key.ARN)
	var c clients
	if err == nil {
		c, err = d.in(ctx, parsed.Region)
	}
	var known awskms.Key
	if err == nil {
		known, err = c.kms.Look(ctx, key.ARN)
	}
	if err != nil {
		d.errored(check, key.ARN, err)
		return
	}
	offline := key.PublicKey != ""
	switch {
	case known.State != "Enabled":
		d.fail(check, key.ARN, enable(key.ARN), "the key is in the state %s: values under it can't be opened", known.State)
	case known.Offline != offline && offline:
		d.fail(check, key.ARN, "take publicKey out of "+file, "a symmetric key, which has no public part, but %s names one", file)
	case known.Offline != offline:
		d.fail(check, key.ARN, "write its PEM with `sealift keys public`, and name it as publicKey in "+file, "an RSA key, but %s names no publicKey: nobody can seal with it", file)
	default:
		d.ok(check, key.ARN, "%s, enabled", kindOf(known))
	}
	if known.Offline && offline {
		d.pem(ctx, c, file, key)
	} else if !known.Offline {
		d.rotation(ctx, c, key.ARN)
	}
}

func kindOf(key awskms.Key) string {
	if key.Offline {
		return "RSA"
	}
	return "symmetric"
}

func enable(keyARN string) string {
	return "enable it, or cancel its deletion: aws kms enable-key --key-id " + keyARN
}

// pem compares the PEM file of a sealing key with what KMS says.
func (d *doctor) pem(ctx context.Context, c clients, file string, key controller.SealingKey) {
	const check = "public key"
	fix := fmt.Sprintf("write it anew: sealift keys public %s > %s", key.ARN, key.PublicKey)
	inFile, err := publicKeyOf(os.DirFS(d.source.repo.Root()), file, key)
	if err != nil {
		d.fail(check, key.ARN, fix, "%v", err)
		return
	}
	public, err := c.kms.PublicKey(ctx, key.ARN)
	if err != nil {
		d.errored(check, key.ARN, err)
		return
	}
	if !public.Equal(inFile) {
		d.fail(check, key.ARN, fix+"; then look into git's history for who changed it, and seal again what was sealed with it", "%s holds another key than KMS has: what is sealed with it opens for whoever made it, and not for you", key.PublicKey)
		return
	}
	d.ok(check, key.ARN, "%s is the key's", key.PublicKey)
}

func (d *doctor) rotation(ctx context.Context, c clients, keyARN string) {
	on, err := c.kms.Rotation(ctx, keyARN)
	switch {
	case err != nil:
		d.errored("rotation", keyARN, err)
	case !on:
		d.warn("rotation", keyARN, "aws kms enable-key-rotation --key-id "+keyARN, "KMS does not rotate the key's material")
	default:
		d.ok("rotation", keyARN, "on")
	}
}

// bundleKey checks a config's bundle key. f is zero where the function is not known.
func (d *doctor) bundleKey(ctx context.Context, c clients, t controller.Target, f awslambda.Details) {
	const check = "bundle key"
	name := t.Config.Spec.Bundle.KMSKey
	key, err := c.kms.Look(ctx, name)
	if err != nil {
		if d.once(t.Region() + " " + t.Config.Spec.Function.RoleARN + " " + name) {
			d.errored(check, name, err)
		}
		return
	}
	if d.once(key.ARN) {
		switch {
		case key.Offline:
			d.fail(check, key.ARN, "name a symmetric key in spec.bundle.kmsKey or bundleKey", "an RSA key, which draws no data keys")
		case key.State != "Enabled":
			d.fail(check, key.ARN, enable(key.ARN), "the key is in the state %s: no function can open a bundle under it at a cold start", key.State)
		default:
			d.ok(check, key.ARN, "symmetric, enabled")
		}
		if !key.Offline {
			d.rotation(ctx, c, key.ARN)
		}
	}
	if f.Role != "" {
		d.keyPolicy(ctx, c, t, key.ARN, f)
	}
}

// keyPolicy says what the bundle key's policy tells of the function's role.
func (d *doctor) keyPolicy(ctx context.Context, c clients, t controller.Target, keyARN string, f awslambda.Details) {
	const check = "key policy"
	const fix = "attach `sealift policy function` to the role, or allow it in the key's policy"
	policy, err := c.kms.Policy(ctx, keyARN)
	role, parseErr := arn.Parse(f.Role)
	if err = errors.Join(err, parseErr); err != nil {
		d.errored(check, t.Key(), err)
		return
	}
	consumer := envelope.Consumer{Region: t.Region(), Function: t.Config.Spec.Function.Name}
	switch iam.DecryptByRole(policy, f.Role, role.AccountID, consumer.EncryptionContext()) {
	case iam.Direct:
		d.ok(check, t.Key(), "it lets %s open the bundle", f.Role)
	case iam.Delegated:
		d.found = append(d.found, finding{levelUnchecked, check, t.Key(),
			fmt.Sprintf("not checked: the key's policy leaves it to the policies of %s, which are not read here", cmp.Or(role.Resource, "the role")), fix})
	case iam.Silent:
		d.warn(check, t.Key(), fix, "it allows neither %s nor its account: only a grant could let the function open its bundle", f.Role)
	default:
		d.found = append(d.found, finding{levelUnchecked, check, t.Key(),
			"not checked: what the key's policy says of the role takes more than reading it", "aws iam simulate-principal-policy --action-names kms:Decrypt --policy-source-arn " + f.Role})
	}
}
