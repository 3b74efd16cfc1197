package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
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

// checkEnvironmentSize returns an error if Lambda would refuse env for its size.
// Lambda measures the variables as one JSON object. The error names no value.
func checkEnvironmentSize(env map[string]string) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(env); err != nil {
		return fmt.Errorf("measure environment: %w", err)
	}
	if n := b.Len() - 1; n > maxEnvironment { // Encode ends with a line feed
		return Problem{
			Reason:  "EnvironmentTooLarge",
			Message: fmt.Sprintf("the environment would be %d bytes with sealift's marker, over Lambda's %d", n, maxEnvironment),
			Fix:     "move values from spec.environment to spec.sealed: a bundle holds up to 1 MiB",
		}
	}
	return nil
}
