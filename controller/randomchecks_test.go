package controller_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/controller/internal/pack"
	"sealift.dev/sealift/controller/internal/plan"
)

// uploaded looks at the bundle that a call of an operator's carries: no data key encrypts
// two of them.
func (w *world) uploaded(by, operation string, body []byte) {
	var in struct {
		ZipFile     []byte
		Content     struct{ ZipFile []byte }
		Environment struct{ Variables map[string]string }
	}
	if json.Unmarshal(body, &in) != nil {
		return
	}
	var found [][]byte
	for _, zipped := range [][]byte{in.ZipFile, in.Content.ZipFile} {
		for _, file := range []string{bundleFile, "conf/secrets.jwe"} {
			if data, err := pack.ReadEntry(bytes.NewReader(zipped), file, envelope.MaxBundleSize); zipped != nil && err == nil {
				found = append(found, data)
			}
		}
	}
	if text := in.Environment.Variables[plan.BundleVariable]; text != "" && !strings.HasPrefix(text, "/") {
		found = append(found, []byte(text))
	}
	for _, data := range found {
		bundle, err := envelope.ParseBundle(data)
		if err != nil {
			w.violate("%s %s: uploads what is no bundle: %v", by, operation, err)
			continue
		}
		w.state.Lock()
		other, known := w.bundles[string(bundle.WrappedKey())]
		w.bundles[string(bundle.WrappedKey())] = string(data)
		w.state.Unlock()
		if known && other != string(data) {
			w.violate("%s %s: a data key encrypts a second bundle", by, operation)
		}
	}
}

// check looks at everything that has to hold at any moment. It is called behind every
// call of an operator's that changes something.
func (w *world) check(by, operation string) {
	w.people.Lock()
	defer w.people.Unlock()
	if w.broken() != nil {
		return
	}
	w.checkForeign(by, operation)
	out, err := w.others.GetAlias(context.Background(), &lambda.GetAliasInput{FunctionName: aws.String("hello"), Name: aws.String("live")})
	if err != nil {
		return // not created yet
	}
	w.state.Lock()
	before := w.alias
	w.alias = *out.FunctionVersion
	w.live[w.alias] = true
	w.state.Unlock()
	var weights map[string]float64
	if out.RoutingConfig != nil {
		weights = out.RoutingConfig.AdditionalVersionWeights
	}
	if len(weights)+len(w.foreign.weights) > 0 && !maps.Equal(weights, w.foreign.weights) {
		w.violate("%s %s: the alias has the weights %v, and was given %v", by, operation, weights, w.foreign.weights)
	}
	revision := w.opened(by, operation, w.alias)
	if moved := strings.HasSuffix(operation, " live") || operation == "POST aliases"; !moved || before == w.alias || revision == "" {
		return
	}
	if w.foreign.weights != nil {
		w.violate("%s %s: an alias is moved that has weights", by, operation)
	}
	if state := w.get(w.alias).Configuration.State; state != types.StateActive {
		w.violate("%s %s: version %s is live, and %s", by, operation, w.alias, state)
	}
	w.state.Lock()
	at := w.lastHead(revision)
	earlier := w.applied
	w.applied = max(at, earlier)
	w.state.Unlock()
	if at < earlier {
		w.violate("%s %s: the alias goes back to what commit %d said, and commit %d was live", by, operation, at, earlier)
	}
}

// lastHead returns when the branch was at a commit last.
func (w *world) lastHead(revision string) int {
	for i, id := range slices.Backward(w.heads) {
		if id == revision {
			return i
		}
	}
	return -1
}

// checkForeign looks whether what is not sealift's is as it was left.
func (w *world) checkForeign(by, operation string) {
	now := w.get("").Configuration
	if got := now.Environment.Variables["FOREIGN"]; got != w.foreign.variable {
		w.violate("%s %s: the foreign variable is %q, and was set to %q", by, operation, got, w.foreign.variable)
	}
	if *now.MemorySize != w.foreign.memory {
		w.violate("%s %s: the memory is %d, and was set to %d", by, operation, *now.MemorySize, w.foreign.memory)
	}
	var layers []string
	for _, layer := range now.Layers {
		if !strings.HasPrefix(*layer.Arn, layerARN+":") {
			layers = append(layers, *layer.Arn)
		}
	}
	if !slices.Equal(layers, w.foreign.layers) {
		w.violate("%s %s: the foreign layers are %q, and were %q", by, operation, layers, w.foreign.layers)
	}
}

// opened looks whether a version opens and is all of one commit, and returns that.
func (w *world) opened(by, operation, version string) (revision string) {
	out := w.get(version)
	env := out.Configuration.Environment.Variables
	marker, err := plan.ParseMarker(env[plan.MarkerVariable])
	if err != nil {
		w.violate("%s %s: version %s is live without a marker: %v", by, operation, version, err)
		return ""
	}
	w.state.Lock()
	want, known := w.commits[marker.Revision]
	seen := w.verified[version]
	w.state.Unlock()
	if seen || w.disabled[w.bundle] {
		return marker.Revision
	}
	if !known || !want.valid {
		w.violate("%s %s: version %s is live, of a commit that is not valid", by, operation, version)
		return ""
	}
	if marker.CodeSHA256 != *out.Configuration.CodeSha256 && (marker.Delivery == "package" || !want.patch) {
		w.violate("%s %s: version %s has the marker of another package", by, operation, version)
	}
	for key, value := range want.env {
		if env[key] != value {
			w.violate("%s %s: version %s has %s=%q, and its commit says %q", by, operation, version, key, env[key], value)
		}
	}
	if _, wanted := want.env["EXTRA"]; !wanted && env["EXTRA"] != "" {
		w.violate("%s %s: version %s has a variable that its commit took away", by, operation, version)
	}
	if got := w.token(version, want.path); got != want.token {
		w.violate("%s %s: version %s opens %q, and its commit says %q", by, operation, version, got, want.token)
	}
	w.state.Lock()
	w.verified[version] = true
	w.state.Unlock()
	return marker.Revision
}

// token is what a function of a version gets.
func (w *world) token(version, file string) string {
	out := w.get(version)
	data := w.found(out)
	if out.Configuration.Environment.Variables[plan.BundleVariable] == "" { // the path is one of the code's own
		data, _ = pack.ReadEntry(bytes.NewReader(w.fetch(*out.Code.Location)), file, envelope.MaxBundleSize)
	}
	bundle, err := envelope.ParseBundle(data)
	if err != nil {
		return err.Error()
	}
	to := envelope.Consumer{Region: region, Function: "hello"}
	key, err := w.unwrap(bundle, to)
	if err != nil {
		return err.Error()
	}
	values, err := bundle.Open(to, key)
	if err != nil {
		return err.Error()
	}
	return string(values["TOKEN"].Reveal())
}

// Bounds of what it may take to converge when nothing goes wrong any more.
const (
	convergence = 45 * time.Minute
	callsToEnd  = 24 // for each operator
)

// close ends what goes wrong, has people undo what only people can, and looks whether all
// converges, and then is silent.
func (w *world) close() {
	w.note("all is well from now on")
	w.faults.Set()
	w.enable()
	if w.foreign.weights != nil {
		w.route(action{kind: "end weights"})
	}
	if !w.commits[w.head.id].valid {
		w.push()
	}
	calls := len(w.aws.Calls())
	after(10 * time.Minute)
	for _, a := range w.actors {
		if a != nil && strings.Contains(a.said(), "False ForeignVariable: ") { // set by somebody ahead of sealift
			w.edit(action{kind: "drop owned variables"})
			break
		}
	}
	after(convergence)
	made := w.callsSince(calls)
	operators := 0
	for _, a := range w.actors {
		if a == nil {
			continue
		}
		operators++
		if got := a.said(); got != "True InSync" {
			w.violate("operator %s says %s", a.name, got)
		}
	}
	if len(made) > callsToEnd*operators {
		w.violate("%d calls to converge: %q", len(made), made)
	}
	w.checkEnd()
	calls = len(w.aws.Calls())
	after(20 * time.Minute)
	if made := w.callsSince(calls); len(made) > 0 {
		w.violate("in sync, and yet: %q", made)
	}
	if strings.Contains(w.log.String(), canary) {
		w.violate("the log has a value in it")
	}
}

// checkEnd looks whether what is live is what the branch says.
func (w *world) checkEnd() {
	w.check("end", "of all")
	if w.alias == "" {
		w.violate("there is no alias")
		return
	}
	clear(w.verified)
	w.opened("end", "of all", w.alias)
	out := w.get("live").Configuration
	want := w.commits[w.head.id]
	if got := w.token("live", want.path); got != want.token {
		w.violate("live opens %q, and the branch says %q", got, want.token)
	}
	if !want.patch {
		if got, err := pack.ReadEntry(bytes.NewReader(w.fetch(*w.get("live").Code.Location)), "bootstrap", 1<<20); err != nil || string(got) != want.code {
			w.violate("live has the code %q, and the branch says %q", got, want.code)
		}
	}
	for key, value := range want.env {
		if out.Environment.Variables[key] != value {
			w.violate("live has %s=%q, and the branch says %q", key, out.Environment.Variables[key], value)
		}
	}
	versions, err := w.others.ListVersionsByFunction(context.Background(), &lambda.ListVersionsByFunctionInput{FunctionName: aws.String("hello")})
	if err != nil {
		w.t.Fatal(err)
	}
	orphans := 0
	for _, v := range versions.Versions[1:] {
		if !w.live[*v.Version] {
			orphans++
		}
	}
	if orphans > w.mishaps {
		w.violate("%d versions were never live, of %d things that may each leave one", orphans, w.mishaps)
	}
}

// said returns what the operator says of the config.
func (a *actor) said() string {
	configs := a.operator.Status().Configs
	if len(configs) != 1 {
		return fmt.Sprintf("that there are %d configs", len(configs))
	}
	ready := configs[0].Condition(plan.ConditionReady)
	if ready.Status == metav1.ConditionTrue {
		return "True " + ready.Reason
	}
	return string(ready.Status) + " " + ready.Reason + ": " + ready.Message
}
