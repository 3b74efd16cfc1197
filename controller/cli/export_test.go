package cli

import (
	"context"
	"io/fs"
	"runtime/debug"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"sealift.dev/sealift/api/v1alpha1"
)

// WriteInitial writes files as init does; none of them is there yet.
func WriteInitial(names ...string) ([]string, error) {
	var files []initialFile
	for _, name := range names {
		files = append(files, initialFile{name: name, data: []byte(name), same: func([]byte) bool { return false }})
	}
	return writeInitial(files)
}

// CheckKeys is what verify and the push hook check keys with.
func CheckKeys(root fs.FS, manifests []v1alpha1.File, trusted []string) (v1alpha1.Errors, int) {
	return checkKeys(root, manifests, trusted)
}

// ParseJSONValues reads many values, and reveals them.
func ParseJSONValues(data []byte) (map[string]string, error) { return revealed(parseJSONValues(data)) }

// ParseEnvValues is as ParseJSONValues.
func ParseEnvValues(data []byte) (map[string]string, error) { return revealed(parseEnvValues(data)) }

func revealed(values namedValues, err error) (map[string]string, error) {
	if err != nil {
		return nil, err
	}
	texts := make(map[string]string, len(values))
	for name, value := range values {
		texts[name] = string(value.Reveal())
	}
	return texts, nil
}

// VersionText is what version prints.
func VersionText(info *debug.BuildInfo, format string) (string, error) {
	var b strings.Builder
	err := printVersion(&b, versionOf(info), format)
	return b.String(), err
}

// AWSConfig is what commands call AWS with, for --region us-east-2; onCall is told of
// the calls.
func AWSConfig(ctx context.Context, onCall func(service, operation, code string, took time.Duration)) (aws.Config, error) {
	a := &app{now: time.Now, onCall: onCall}
	return a.awsConfig(ctx, "us-east-2")
}
