package plan

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"
)

// maxEnvironment is Lambda's limit on all environment variables together, in
// bytes (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
const maxEnvironment = 4096

// Environment returns the environment to be written over live: the wanted keys
// and the marker set, the keys that sealift owned before and no longer wants gone,
// and every other key as it is. live is left alone.
func (p Plan) Environment(live map[string]string, m Marker) map[string]string {
	want := p.Want.Config.Spec.Environment
	env := maps.Clone(live)
	if env == nil {
		env = make(map[string]string, len(want)+1)
	}
	for _, key := range p.applied().Owned {
		delete(env, key)
	}
	maps.Copy(env, want)
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

// environmentSize returns the size of env as Lambda measures it: as one JSON object.
func environmentSize(env map[string]string) (int, error) {
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
	likely := p.Want.MarkerFor(strings.Repeat("x", 22), strings.Repeat("x", 44), now)
	likely.Revision = cmp.Or(likely.Revision, strings.Repeat("x", 40)) // of a work tree
	n, err := environmentSize(p.Environment(p.Observed.Latest.Environment, likely))
	return maxEnvironment - n, err
}

// checkSize refuses an environment that Lambda would refuse, before anything is
// written. The marker of the coming write has the size of this one. The error names no
// value.
func (p *Plan) checkSize(now time.Time) error {
	if !p.Configure {
		return nil
	}
	left, err := p.Headroom(now)
	if err == nil && left < 0 {
		err = Problem{
			Reason:  "EnvironmentTooLarge",
			Message: fmt.Sprintf("the environment would be %d bytes with sealift's marker, over Lambda's %d", maxEnvironment-left, maxEnvironment),
			Fix:     "move values from spec.environment to spec.sealed: a bundle holds up to 1 MiB",
		}
	}
	return err
}
