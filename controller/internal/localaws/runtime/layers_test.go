package runtime_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"sealift.dev/sealift/controller/internal/localaws/runtime"
)

func layer(t *testing.T, name string, files ...file) runtime.Layer {
	t.Helper()
	content := pack(t, files...)
	sum := sha256.Sum256(content)
	return runtime.Layer{ARN: "arn:aws:lambda:us-east-2:000000000000:layer:" + name + ":1", CodeSHA256: base64.StdEncoding.EncodeToString(sum[:]), Content: content}
}

// A later layer's file takes the place of an earlier one's, the variables that name files of layers lead to them, and
// modules of a layer are found.
func TestLayers(t *testing.T) {
	fn := nodeFunction(t, "nodejs22.x", file{name: "index.js", content: `
		const fs = require("fs");
		exports.handler = async () => [fs.readFileSync(process.env.SEALIFT_BUNDLE, "utf8"), fs.readFileSync(process.env.SEALIFT_BUNDLE + ".old", "utf8"), require("greeting"), process.env.OTHER];`})
	fn.Environment = map[string]string{"SEALIFT_BUNDLE": "/opt/conf/bundle", "OTHER": "/optional"}
	fn.Layers = []runtime.Layer{
		layer(t, "first", file{name: "conf/bundle", content: "first"}, file{name: "conf/bundle.old", content: "stays"}),
		layer(t, "second", file{name: "conf/bundle", content: "second"}, file{name: "nodejs/node_modules/greeting/index.js", content: `module.exports = "hello"`}),
	}
	r := start(t, runtime.Options{})
	if got, want := string(invoke(t, r, fn, `{}`).Payload), `["second","stays","hello","/optional"]`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	fn.Layers = fn.Layers[:1] // another configuration is another environment
	if got := string(invoke(t, r, fn, `{}`).Payload); !strings.Contains(got, "Cannot find module 'greeting'") {
		t.Errorf("without the second layer: %s", got)
	}
}

func TestLayerThatIsNotItsOwn(t *testing.T) {
	fn := function(pack(t, file{name: "bootstrap", content: "#!/bin/sh\n", mode: 0o755}))
	other, slip := layer(t, "other", file{name: "a", content: "a"}), layer(t, "slip", file{name: "../a", content: "a"})
	other.Content = pack(t, file{name: "a", content: "b"})
	for _, test := range []struct {
		layer runtime.Layer
		err   string
	}{
		{other, "running function " + fn.ARN + ": unpacking the layer " + other.ARN + ": it does not match its CodeSha256"},
		{slip, "running function " + fn.ARN + ": unpacking the layer " + slip.ARN + `: entry "../a": name is not a clean relative path`},
	} {
		fn.Layers = []runtime.Layer{test.layer}
		_, err := start(t, runtime.Options{}).Invoke(context.Background(), fn, nil)
		if err == nil || err.Error() != test.err {
			t.Errorf("%v, want %s", err, test.err)
		}
	}
}

// A custom runtime may be in a layer.
func TestBootstrapInALayer(t *testing.T) {
	fn := function(pack(t, file{name: "data", content: "x"}))
	fn.Layers = []runtime.Layer{layer(t, "runtime", file{name: "bootstrap", content: "#!/bin/sh\nexit 7\n", mode: 0o755})}
	if got := string(invoke(t, start(t, runtime.Options{}), fn, `{}`).Payload); !strings.Contains(got, "exit status 7") {
		t.Errorf("%s", got)
	}
}
