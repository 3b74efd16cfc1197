package controller_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing/fstest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"sealift.dev/sealift/controller/internal/plan"
)

// action is one thing that happens.
type action struct {
	kind string
	n    int           // which of its kind
	wait time.Duration // until the next one
}

func (a action) String() string { return fmt.Sprintf("%s %d, then %s", a.kind, a.n, a.wait) }

// generate makes the list of a seed.
func generate(seed uint64) []action {
	r := rand.New(rand.NewPCG(seed, 23))
	waits := []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, time.Second, 3 * time.Second, 20 * time.Second, 70 * time.Second, 6 * time.Minute}
	kinds := kindsOfActions()
	list := make([]action, 3+r.IntN(9))
	for i := range list {
		list[i] = action{kinds[r.IntN(len(kinds))], r.IntN(1000), waits[r.IntN(len(waits))]}
	}
	return list
}

func kindsOfActions() []string {
	return []string{
		"push a secret", "push a variable", "push code", "push a path", "push a delivery", "push who builds", "push what is invalid", "revert", "force",
		"set an owned variable", "set a foreign variable", "drop the marker", "replace all variables", "deploy code", "set memory",
		"move the alias", "weigh the alias", "end weights", "add a layer", "drop layers",
		"fault", "lasting fault", "end faults", "somebody meanwhile", "somebody meanwhile, again", "crash", "second operator", "disable a key", "enable keys", "let time pass",
	}
}

// act lets an action happen.
func (w *world) act(a action) {
	switch a.kind {
	case "push a secret", "push a variable", "push code", "push a path", "push a delivery", "push who builds":
		w.change(a)
		w.push()
	case "push what is invalid":
		w.commitOf(w.invalid(a.n))
	case "revert", "force":
		w.back(a.n, a.kind == "force")
	case "set an owned variable", "set a foreign variable", "drop the marker", "replace all variables":
		w.edit(a)
	case "deploy code":
		w.deploy()
	case "set memory":
		size := int32(128 + a.n)
		w.retried(func() error {
			err := w.configure(&lambda.UpdateFunctionConfigurationInput{MemorySize: &size})
			if err == nil {
				w.foreign.memory = size
			}
			return err
		})
	case "move the alias", "weigh the alias", "end weights":
		w.route(a)
	case "add a layer", "drop layers":
		w.layer(a)
	case "fault", "lasting fault":
		w.fault(a.n, a.kind == "lasting fault")
	case "somebody meanwhile", "somebody meanwhile, again":
		w.meanwhile(a.n)
	case "end faults":
		w.faults.Set()
	case "crash":
		w.crash(a.n)
	case "second operator":
		if w.actors[1] != nil {
			w.halt(1, a.n%2 == 0)
			w.disturb(2)
			return
		}
		w.start(1)
	case "disable a key":
		w.disable(a.n % 2)
	case "enable keys":
		w.enable()
	case "let time pass":
		after(time.Duration(1+a.n%5) * 20 * time.Minute)
	}
}

// disturb says that what happens may leave n versions behind that never were live.
func (w *world) disturb(n int) {
	w.state.Lock()
	defer w.state.Unlock()
	w.mishaps += n
}

// change changes what is wanted.
func (w *world) change(a action) {
	w.want.env = maps.Clone(w.want.env)
	switch a.kind {
	case "push a secret":
		w.secret()
	case "push a variable":
		switch a.n % 3 {
		case 0:
			w.want.env["LOG_LEVEL"] = w.next("level")
		case 1:
			w.want.env["EXTRA"] = w.next("extra")
		case 2:
			delete(w.want.env, "EXTRA")
		}
	case "push code":
		w.want.code = w.next("code")
	case "push a path":
		w.want.path = []string{bundleFile, "conf/secrets.jwe"}[a.n%2]
	case "push a delivery":
		w.want.delivery = []string{"package", "layer", "environment"}[a.n%3]
	case "push who builds":
		w.want.patch = !w.want.patch
	}
}

// invalid returns what must never be live.
func (w *world) invalid(n int) wanted {
	bad := w.want
	bad.valid, bad.env = false, map[string]string{"LOG_LEVEL": w.next("invalid")}
	bad.code = w.next("invalid")
	switch n % 3 {
	case 0:
		bad.more = "  suspend: maybe\n"
	case 1:
		bad.sealed = w.sealFor("other", w.next("invalid"))
	case 2:
		bad.kmsKey = "alias/of-nothing"
		bad.sealed = w.sealFor("hello", w.next("invalid"))
	}
	return bad
}

// back has the branch say again what it said, by a new commit, or as if the later ones had
// never been.
func (w *world) back(n int, force bool) {
	id := w.heads[n%len(w.heads)]
	want := w.commits[id]
	if want.valid {
		w.want = want
	}
	if !force {
		w.commitOf(want)
		return
	}
	found, kept := w.fixture.commits.Load(id)
	if !kept {
		return // it is gone
	}
	for _, later := range w.heads {
		if later != id && n%2 == 0 {
			w.fixture.commits.Delete(later)
		}
	}
	w.moveTo(found.(commit))
}

// retried does what a person does who is told that an update is in progress.
func (w *world) retried(write func() error) {
	var err error
	for range 60 {
		var conflict *types.ResourceConflictException
		w.people.Lock()
		err = write()
		w.people.Unlock()
		if err == nil || !errors.As(err, &conflict) {
			break
		}
		time.Sleep(700*time.Millisecond + 3*time.Microsecond)
	}
	w.disturb(1)
	if err != nil {
		w.t.Errorf("somebody else's write: %v", err)
	}
}

func (w *world) configure(in *lambda.UpdateFunctionConfigurationInput) error {
	in.FunctionName = aws.String("hello")
	_, err := w.others.UpdateFunctionConfiguration(w.t.Context(), in)
	return err
}

// edit changes variables in the console: what was read is written, with one difference.
func (w *world) edit(a action) {
	w.retried(func() error {
		foreign := w.foreign.variable
		var env map[string]string
		if set := w.get("").Configuration.Environment; set != nil {
			env = maps.Clone(set.Variables)
		}
		switch a.kind {
		case "set an owned variable":
			env["LOG_LEVEL"] = w.next("theirs")
		case "set a foreign variable":
			foreign = w.next("foreign")
		case "drop the marker":
			delete(env, plan.MarkerVariable)
		case "drop owned variables":
			delete(env, "LOG_LEVEL")
			delete(env, "EXTRA")
		case "replace all variables":
			env = map[string]string{}
		}
		env["FOREIGN"] = foreign
		err := w.configure(&lambda.UpdateFunctionConfigurationInput{Environment: &types.Environment{Variables: env}})
		if err == nil {
			w.foreign.variable = foreign
		}
		return err
	})
}

// deploy is another tool that brings code.
func (w *world) deploy() {
	data := w.zipped(fstest.MapFS{"bootstrap": {Data: []byte(w.next("theirs")), Mode: 0o755}})
	w.retried(func() error {
		_, err := w.others.UpdateFunctionCode(w.t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: aws.String("hello"), ZipFile: data})
		return err
	})
}

func (w *world) zipped(files fstest.MapFS) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	if err := errors.Join(z.AddFS(files), z.Close()); err != nil {
		w.t.Fatal(err)
	}
	return b.Bytes()
}

// route changes the alias by hand: to another version that was live once, or to a share.
func (w *world) route(a action) {
	w.people.Lock()
	defer w.people.Unlock()
	live := slices.Sorted(maps.Keys(w.live))
	if len(live) == 0 {
		return
	}
	in := &lambda.UpdateAliasInput{FunctionName: aws.String("hello"), Name: aws.String("live")}
	switch version := live[a.n%len(live)]; a.kind {
	case "move the alias":
		if w.foreign.weights != nil {
			return
		}
		in.FunctionVersion = &version
	case "weigh the alias":
		if version == w.alias {
			return
		}
		w.foreign.weights = map[string]float64{version: 0.125}
		in.RoutingConfig = &types.AliasRoutingConfiguration{AdditionalVersionWeights: w.foreign.weights}
	case "end weights":
		w.foreign.weights = nil
		in.RoutingConfig = &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{}}
	}
	if _, err := w.others.UpdateAlias(w.t.Context(), in); err != nil {
		w.t.Errorf("alias by hand: %v", err)
	}
	w.disturb(1)
	if a.kind == "move the alias" {
		w.alias = *in.FunctionVersion
	}
}

// layer gives the function somebody else's layers, ahead of all others or behind them, or
// takes them away.
func (w *world) layer(a action) {
	w.retried(func() error {
		var arns, own []string
		for _, arn := range w.layers("") {
			if !slices.Contains(w.foreign.layers, arn) {
				own = append(own, arn)
			}
		}
		theirs := []string{}
		if a.kind == "add a layer" && len(w.foreign.layers) < 3 {
			theirs = append(slices.Clone(w.foreign.layers), w.layerOf(a.n))
		}
		if arns = append(own, theirs...); a.n%2 == 0 {
			arns = append(slices.Clone(theirs), own...)
		}
		err := w.configure(&lambda.UpdateFunctionConfigurationInput{Layers: append([]string{}, arns...)})
		if err == nil {
			w.foreign.layers = theirs
		}
		return err
	})
}

// layerOf publishes a layer.
func (w *world) layerOf(n int) string {
	name := "theirs-" + strconv.Itoa(n) + w.next("")
	data := w.zipped(fstest.MapFS{"lib.txt": {Data: []byte(name)}})
	out, err := w.others.PublishLayerVersion(w.t.Context(), &lambda.PublishLayerVersionInput{LayerName: &name, Content: &types.LayerVersionContentInput{ZipFile: data}})
	if err != nil {
		w.t.Fatal(err)
	}
	return *out.LayerVersionArn
}
