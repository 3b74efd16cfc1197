package plan

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/v1alpha1"
)

// maxEnvironment is Lambda's limit on all environment variables together, in
// bytes (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
const maxEnvironment = 4096

// Environment returns the environment to be written over live: the wanted keys, the
// marker and what leads to the bundle set, the keys that sealift owned before and no
// longer wants and those that the config removes gone, and every other key as it is. A
// bundle that is in the environment is kept; whoever has a new one sets it. live is left
// alone.
func (p Plan) Environment(live map[string]string, m Marker) map[string]string {
	want := p.Want.Config.Spec.Environment
	env := maps.Clone(live)
	if env == nil {
		env = make(map[string]string, len(want)+1)
	}
	for _, key := range p.applied().Owned {
		delete(env, key)
	}
	for _, key := range p.Want.Config.Spec.EnvironmentRemoved {
		delete(env, key)
	}
	maps.Copy(env, want)
	switch pointer, known := p.Want.bundleVariable(); {
	case known && pointer == "":
		delete(env, BundleVariable)
	case known:
		env[BundleVariable] = pointer
	}
	env[MarkerVariable] = m.String()
	return env
}

// CheckBundleKey returns a Problem if the key that a data key was drawn under is of
// another account than the function: whoever can write a manifest must not be able
// to have secrets encrypted for an account of their own.
func (p Plan) CheckBundleKey(keyARN string) error {
	key, function := accountOf(keyARN), accountOf(p.Observed.Latest.ARN)
	if key == function {
		return nil
	}
	return Problem{
		Reason:  "ForeignBundleKey",
		Message: fmt.Sprintf("the bundle key %s is of account %s, and the function of account %s", p.Want.Config.Spec.Bundle.KMSKey, key, function),
		Fix:     "name a bundle key of the function's own account",
	}
}

// CheckEnvironment returns a Problem if Lambda would refuse env for its size. Lambda
// measures the variables as one JSON object. The error names no value.
func (p Plan) CheckEnvironment(env map[string]string) error {
	total, err := measure(env)
	if err != nil || total <= maxEnvironment {
		return err
	}
	if p.Want.Delivery() != v1alpha1.DeliveryEnvironment {
		return Problem{
			Reason:  "EnvironmentTooLarge",
			Message: fmt.Sprintf("the environment would be %d bytes with sealift's marker, over Lambda's %d", total, maxEnvironment),
			Fix:     "move values from spec.environment to spec.sealed: a bundle holds up to 1 MiB",
		}
	}
	bundle, marker := len(BundleVariable)+len(env[BundleVariable])+6, len(MarkerVariable)+len(env[MarkerVariable])+6
	return Problem{
		Reason: "EnvironmentTooLarge",
		Message: fmt.Sprintf("needs %d of the %d bytes that Lambda allows for all variables together: the bundle %d, the marker %d, others %d",
			total, maxEnvironment, bundle, marker, total-bundle-marker),
		Fix: "set spec.bundle.delivery to layer (package for functions without layers), or seal fewer or shorter values",
	}
}

// measure returns the size of env as JSON, in which a variable of plain characters has
// six characters beside its name and value.
func measure(env map[string]string) (int, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(env); err != nil {
		return 0, fmt.Errorf("measure environment: %w", err)
	}
	return b.Len() - 1, nil // Encode ends with a line feed
}

// Headroom returns how many bytes Lambda's limit leaves in the environment when what p
// wants is written, with the marker. It is negative if that would be refused.
func (p Plan) Headroom(now time.Time) (int, error) {
	n, err := measure(p.likelyEnvironment(now))
	return maxEnvironment - n, err
}

// checkSize refuses an environment that Lambda would refuse, before anything is written.
func (p *Plan) checkSize(now time.Time) error {
	if !p.Configure {
		return nil
	}
	return p.CheckEnvironment(p.likelyEnvironment(now))
}

// likelyEnvironment is an environment of the size of the one to be written: its marker and
// its bundle are not known yet, but for how long they are.
func (p Plan) likelyEnvironment(now time.Time) map[string]string {
	likely := p.Want.MarkerFor(strings.Repeat("x", 22), strings.Repeat("x", 44), now)
	likely.Revision = cmp.Or(likely.Revision, strings.Repeat("x", 40)) // of a work tree
	env := p.Environment(p.Observed.Latest.Environment, likely)
	switch p.Want.Delivery() {
	case v1alpha1.DeliveryLayer:
		likely.Place = "1000"
	case v1alpha1.DeliveryEnvironment:
		likely.Place = VariableDigest("")
		if p.BundleReason != "" {
			env[BundleVariable] = strings.Repeat("x", p.leastBundle())
		}
	}
	env[MarkerVariable] = likely.String()
	return env
}

// leastWrapped is how many bytes KMS answers at least as a wrapped data key of 32 bytes.
const leastWrapped = 100

// leastBundle returns how long a bundle of the sealed values is at least, in bytes. It is
// known without opening them, for encryption hides no length.
func (p Plan) leastBundle() int {
	payload := len("{}")
	for name, value := range p.Want.Config.Spec.Sealed {
		payload += len(name) + len(`"":"",`)
		if sealed, err := envelope.ParseSealed(value); err == nil {
			payload += sealed.PlaintextSize()
		}
	}
	header := len(`{"alg":"dir","bid":"","cmt":"","enc":"A256GCM","fn":"","keys":[{"edk":"","kid":""}],"src":"","typ":"sealift-bundle+jwe","v":1}`) +
		22 + 43 + len(p.Want.Consumer().String()) + base64.RawURLEncoding.EncodedLen(leastWrapped) + len("arn:aws:kms::123456789012:key/") + 43
	encoded := base64.RawURLEncoding.EncodedLen
	return encoded(header) + encoded(12) + encoded(payload-1) + encoded(16) + len("....")
}
