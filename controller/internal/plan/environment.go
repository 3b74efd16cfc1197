package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
)

// MaxEnvironment is Lambda's limit on all environment variables together, in
// bytes (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
const MaxEnvironment = 4096

// Environment returns the environment to be written over live: the wanted keys
// and the marker set, the keys that sealift owned before and no longer wants
// gone, and every other key as it is. live is left alone.
func Environment(live map[string]string, owned []string, want map[string]string, m Marker) map[string]string {
	env := maps.Clone(live)
	if env == nil {
		env = make(map[string]string, len(want)+1)
	}
	for _, key := range owned {
		delete(env, key)
	}
	maps.Copy(env, want)
	env[MarkerVariable] = m.String()
	return env
}

// CheckEnvironmentSize returns an error if Lambda would refuse env for its size.
// Lambda measures the variables as one JSON object. The error names no value.
func CheckEnvironmentSize(env map[string]string) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(env); err != nil {
		return fmt.Errorf("measure environment: %w", err)
	}
	if n := b.Len() - 1; n > MaxEnvironment { // Encode ends with a line feed
		return Problem{
			Reason:  "EnvironmentTooLarge",
			Message: fmt.Sprintf("the environment would be %d bytes with sealift's marker, over Lambda's %d", n, MaxEnvironment),
			Fix:     "move values from spec.environment to spec.sealed: a bundle holds up to 1 MiB",
		}
	}
	return nil
}
