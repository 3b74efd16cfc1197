package controller_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/awstest"
	"sealift.dev/sealift/controller/internal/pack"
	"sealift.dev/sealift/controller/internal/plan"
)

const (
	layerARN   = "arn:aws:lambda:us-east-2:000000000000:layer:sealift-hello"
	foreignARN = "arn:aws:lambda:us-east-2:000000000000:layer:foreign"
)

// delivered commits a config of the function hello with a delivery.
func (f *fixture) delivered(delivery string, edit func(*manifest), sealed map[string]string) controller.Target {
	f.t.Helper()
	m := manifest{name: "hello", function: "hello", kmsKey: "alias/sealift-bundle", sealed: sealed, delivery: delivery, patch: true}
	if edit != nil {
		edit(&m)
	}
	return f.commit("code", m)[0]
}

// direct is a client whose calls are not watched.
func (f *fixture) direct() *lambda.Client { return lambda.NewFromConfig(awstest.Config(f.aws, region)) }

// get returns a version of the function hello; "" is $LATEST.
func (f *fixture) get(qualifier string) *lambda.GetFunctionOutput {
	f.t.Helper()
	in := &lambda.GetFunctionInput{FunctionName: aws.String("hello")}
	if qualifier != "" {
		in.Qualifier = &qualifier
	}
	out, err := f.direct().GetFunction(context.Background(), in)
	if err != nil {
		f.t.Fatal(err)
	}
	return out
}

func (f *fixture) fetch(url string) []byte {
	f.t.Helper()
	resp, err := awstest.Client(f.aws).Get(url)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		f.t.Fatalf("%s: %v", resp.Status, err)
	}
	return data
}

// found returns the bundle that a reader finds in a version of hello, by the rule of
// SEALIFT_BUNDLE.
func (f *fixture) found(out *lambda.GetFunctionOutput) []byte {
	f.t.Helper()
	where := ""
	if out.Configuration.Environment != nil {
		where = out.Configuration.Environment.Variables["SEALIFT_BUNDLE"]
	}
	zips, file := [][]byte{}, bundleFile
	switch {
	case where == "":
		zips = append(zips, f.fetch(*out.Code.Location))
	case !strings.HasPrefix(where, "/"):
		return []byte(where)
	default:
		file = strings.TrimPrefix(where, "/opt/")
		for _, l := range out.Configuration.Layers {
			v, err := f.direct().GetLayerVersionByArn(context.Background(), &lambda.GetLayerVersionByArnInput{Arn: l.Arn})
			if err != nil {
				f.t.Fatal(err)
			}
			zips = append(zips, f.fetch(*v.Content.Location))
		}
	}
	for _, zipped := range slices.Backward(zips) {
		if data, err := pack.ReadEntry(bytes.NewReader(zipped), file, envelope.MaxBundleSize); err == nil {
			return data
		}
	}
	return nil
}

// opens returns the secrets of a version of hello as it opens them, nil if it does not.
func (f *fixture) opens(qualifier string) map[string]string {
	f.t.Helper()
	bundle, err := envelope.ParseBundle(f.found(f.get(qualifier)))
	if err != nil {
		return nil
	}
	to := envelope.Consumer{Region: region, Function: "hello"}
	key, err := f.unwrap(bundle, to)
	if err != nil {
		return nil
	}
	secrets, err := bundle.Open(to, key)
	if err != nil {
		return nil
	}
	values := map[string]string{}
	for name, secret := range secrets {
		values[name] = string(secret.Reveal())
	}
	return values
}

func (f *fixture) layers(qualifier string) []string {
	f.t.Helper()
	var arns []string
	for _, l := range f.get(qualifier).Configuration.Layers {
		arns = append(arns, *l.Arn)
	}
	return arns
}

// foreignLayers gives hello layers of somebody else's.
func (f *fixture) foreignLayers(names ...string) (arns []string) {
	f.t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	if err := errors.Join(w.AddFS(fstest.MapFS{"lib.txt": {Data: []byte("theirs")}}), w.Close()); err != nil {
		f.t.Fatal(err)
	}
	for _, name := range names {
		out, err := f.direct().PublishLayerVersion(f.t.Context(), &lambda.PublishLayerVersionInput{LayerName: &name, Content: &types.LayerVersionContentInput{ZipFile: b.Bytes()}})
		if err != nil {
			f.t.Fatal(err)
		}
		arns = append(arns, *out.LayerVersionArn)
	}
	f.setLayers(arns...)
	return arns
}

func (f *fixture) setLayers(arns ...string) {
	f.t.Helper()
	time.Sleep(5 * time.Second)
	_, err := f.direct().UpdateFunctionConfiguration(f.t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("hello"), Layers: append([]string{}, arns...)})
	if err != nil {
		f.t.Fatal(err)
	}
	time.Sleep(5 * time.Second)
}

var (
	layerFirst  = []string{"Decrypt", "GenerateDataKey", "PublishLayerVersion", "UpdateFunctionConfiguration", "PublishVersion", "CreateAlias"}
	layerCalls  = []string{"Decrypt", "GenerateDataKey", "PublishLayerVersion", "UpdateFunctionConfiguration", "PublishVersion", "UpdateAlias"}
	placedFirst = []string{"Decrypt", "GenerateDataKey", "UpdateFunctionConfiguration", "PublishVersion", "CreateAlias"}
	placedCalls = []string{"Decrypt", "GenerateDataKey", "UpdateFunctionConfiguration", "PublishVersion", "UpdateAlias"}
)

// wantCalls compares the calls of an apply.
func (f *fixture) wantCalls(what string, want, got []string) {
	f.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		f.t.Errorf("%s, calls (-want +got):\n%s", what, diff)
	}
}

// A secret change of a layer is a layer and one configuration, whoever deploys the code.
func TestLayer(t *testing.T) {
	inBubble(t, func(f *fixture) {
		time.Sleep(5 * time.Second)
		theirs := f.foreignLayers("before", "after")
		code := *f.get("").Configuration.CodeSha256
		sealed := f.seal("hello", map[string]string{"TOKEN": canary + "-1"})
		_, calls := f.apply(f.delivered("layer", nil, sealed))
		f.wantCalls("first", layerFirst, calls)
		if diff := cmp.Diff(append(slices.Clone(theirs), layerARN+":1"), f.layers("1")); diff != "" {
			f.t.Errorf("layers (-want +got):\n%s", diff)
		}
		if got := f.opens("1"); got["TOKEN"] != canary+"-1" {
			f.t.Errorf("version 1 opens %d values", len(got))
		}
		f.setLayers(theirs[0], layerARN+":1", theirs[1]) // their order is kept
		sealed = f.seal("hello", map[string]string{"TOKEN": canary + "-2"})
		target := f.delivered("layer", nil, sealed)
		p, err := f.r.Plan(f.t.Context(), target)
		if err != nil || !strings.Contains(items(p), "~ layer sealift-hello version 1 → a new version\n") || !strings.Contains(items(p), "= package  unchanged: the bundle is in a layer\n") {
			f.t.Errorf("%v\n%s", err, items(p))
		}
		_, calls = f.apply(target)
		f.wantCalls("secret change", layerCalls, calls)
		if diff := cmp.Diff([]string{theirs[0], layerARN + ":2", theirs[1]}, f.layers("2")); diff != "" {
			f.t.Errorf("layers (-want +got):\n%s", diff)
		}
		if f.opens("1")["TOKEN"] != canary+"-1" || f.opens("2")["TOKEN"] != canary+"-2" || *f.get("2").Configuration.CodeSha256 != code {
			f.t.Error("a version does not open, or has other code")
		}
		if _, calls = f.apply(target); len(calls) > 0 {
			f.t.Errorf("idle apply: %v", calls)
		}
		_, calls = f.apply(f.delivered("layer", func(m *manifest) { m.env = map[string]string{"LOG_LEVEL": "info"} }, sealed))
		f.wantCalls("environment change", envCalls, calls)
		f.deploy(fstest.MapFS{"bootstrap": {Data: []byte("deployed by them")}})
		target = f.delivered("layer", func(m *manifest) { m.env = map[string]string{"LOG_LEVEL": "info"} }, sealed)
		p, err = f.r.Plan(f.t.Context(), target)
		if want := "~ alias live version 3 → a new version, with the code that somebody else deployed\n"; err != nil || items(p) != want || p.OnlyDrift() {
			f.t.Errorf("%v\n%s", err, items(p))
		}
		_, calls = f.apply(target)
		f.wantCalls("deploy", []string{"PublishVersion", "UpdateAlias"}, calls)
		if f.opens("live")["TOKEN"] != canary+"-2" {
			f.t.Error("what is live does not open")
		}
		if strings.Contains(f.log.String(), canary) {
			f.t.Error("the log has a plaintext in it")
		}
	})
}

// items renders what a plan prints.
func items(p plan.Plan) string {
	var b strings.Builder
	for _, i := range p.Items {
		b.WriteString(map[plan.Action]string{plan.Add: "+", plan.Change: "~", plan.Remove: "-", plan.Keep: "="}[i.Action] +
			" " + string(i.Kind) + " " + i.Name + " " + i.Detail + "\n")
	}
	return b.String()
}

// Code that git has is uploaded when it changes, and carries no bundle.
func TestLayerWithPackage(t *testing.T) {
	for _, test := range []struct {
		delivery     string
		first, again []string
	}{
		{"layer", append(slices.Clone(layerFirst[:3]), append([]string{"UpdateFunctionCode"}, layerFirst[3:]...)...), layerCalls},
		{"environment", append(slices.Clone(placedFirst[:2]), append([]string{"UpdateFunctionCode"}, placedFirst[2:]...)...), placedCalls},
	} {
		t.Run(test.delivery, func(t *testing.T) {
			inBubble(t, func(f *fixture) {
				build := func(m *manifest) { m.patch = false }
				sealed := f.seal("hello", map[string]string{"TOKEN": canary})
				_, calls := f.apply(f.delivered(test.delivery, build, sealed))
				f.wantCalls("first", test.first, calls)
				if diff := cmp.Diff([]string{"bootstrap", "lib/data.txt"}, f.entries(f.fetch(*f.get("live").Code.Location))); diff != "" {
					f.t.Errorf("package (-want +got):\n%s", diff)
				}
				_, calls = f.apply(f.delivered(test.delivery, build, f.seal("hello", map[string]string{"TOKEN": canary + "-2"})))
				f.wantCalls("secret change", test.again, calls)
				f.deploy(fstest.MapFS{"bootstrap": {Data: []byte("by hand")}})
				target := f.delivered(test.delivery, build, sealed)
				f.apply(target)
				f.deploy(fstest.MapFS{"bootstrap": {Data: []byte("by hand")}})
				status, p, err := f.r.Status(f.t.Context(), target)
				if err != nil || !p.OnlyDrift() || status.Conditions[2].Message != "changed since sealift applied it: code" {
					f.t.Errorf("%v, %+v", err, status.Conditions)
				}
				_, calls = f.apply(target)
				f.wantCalls("replaced code", codeCalls[2:], calls)
				if f.opens("live")["TOKEN"] != canary {
					f.t.Error("what is live does not open")
				}
			})
		})
	}
}

// Every change from one delivery to another converges, leaves nothing behind in the old
// place, and at no moment does $LATEST or a published version not open.
func TestDeliveryChanges(t *testing.T) {
	deliveries := []string{"package", "layer", "environment"}
	for _, from := range deliveries {
		for _, to := range deliveries {
			for _, alias := range []bool{true, false} {
				for _, patch := range []bool{true, false} {
					name := from + " to " + to
					for part, has := range map[string]bool{" without alias": !alias, " building": !patch} {
						if has {
							name += part
						}
					}
					t.Run(name, func(t *testing.T) {
						inBubble(t, func(f *fixture) { f.changeDelivery(from, to, alias, patch) })
					})
				}
			}
		}
	}
}

func (f *fixture) changeDelivery(from, to string, alias, patch bool) {
	time.Sleep(5 * time.Second)
	theirs := f.foreignLayers("foreign")
	edit := func(m *manifest) { m.noAlias, m.patch = !alias, patch }
	f.apply(f.delivered(from, edit, f.seal("hello", map[string]string{"TOKEN": canary})))
	f.intercept(func(operation string) {
		if method, _, _ := strings.Cut(operation, " "); method == http.MethodPut || method == http.MethodPost {
			f.allOpen("ahead of " + operation)
		}
	})
	target := f.delivered(to, edit, f.seal("hello", map[string]string{"TOKEN": canary}))
	f.apply(target)
	f.intercept(func(string) {})
	f.allOpen("in the end")
	if _, calls := f.apply(target); len(calls) > 0 {
		f.t.Errorf("not in sync in the end: %v", calls)
	}
	out := f.get("")
	env := out.Configuration.Environment.Variables
	want := map[string]string{"package": "", "layer": "/opt/" + bundleFile, "environment": string(f.found(out))}[to]
	if env["SEALIFT_BUNDLE"] != want || env["FOREIGN"] != "kept" {
		f.t.Error("the environment is not that of the delivery, or a variable of somebody else's is gone")
	}
	if has := slices.Contains(f.entries(f.fetch(*out.Code.Location)), bundleFile); has != (to == "package") {
		f.t.Errorf("a bundle in the package: %t", has)
	}
	layers := f.layers("")
	own := slices.ContainsFunc(layers, func(arn string) bool { return strings.HasPrefix(arn, layerARN+":") })
	if own != (to == "layer") || !slices.Contains(layers, theirs[0]) {
		f.t.Errorf("layers %v", layers)
	}
}

// allOpen checks that $LATEST and every version open.
func (f *fixture) allOpen(when string) {
	f.t.Helper()
	out, err := f.direct().ListVersionsByFunction(context.Background(), &lambda.ListVersionsByFunctionInput{FunctionName: aws.String("hello")})
	if err != nil {
		f.t.Fatal(err)
	}
	for _, v := range out.Versions {
		if f.opens(*v.Version)["TOKEN"] != canary {
			f.t.Errorf("%s: %s does not open", when, *v.Version)
		}
	}
}

// An apply that ends anywhere is resumed, of a layer without a second data key behind its
// publication, of a change of delivery without one behind its first configuration.
func TestDeliveryResumes(t *testing.T) {
	tests := []struct {
		name     string
		from, to string // from may be ""
		patch    bool
		cutOff   string
		times    int // of that call, the last of which is cut off
		forget   bool
		want     []string
	}{
		{"before the layer", "", "layer", true, "POST versions", 1, false, layerFirst},
		{"before the configuration", "", "layer", true, "PUT configuration", 1, false, layerFirst[3:]},
		{"before the configuration, on another machine", "", "layer", true, "PUT configuration", 1, true, layerFirst},
		{"before the code", "", "layer", false, "PUT code", 1, false, append([]string{"UpdateFunctionCode"}, layerFirst[3:]...)},
		{"behind the code", "", "layer", false, "PUT configuration", 1, false, layerFirst[3:]},
		{"before the version", "", "layer", true, "POST versions", 2, false, layerFirst[4:]},
		{"from a package, before the configuration", "package", "layer", true, "PUT configuration", 1, false,
			append([]string{"UpdateFunctionConfiguration", "UpdateFunctionCode"}, layerCalls[3:]...)},
		{"from a package, before the code", "package", "layer", true, "PUT code", 1, false, append([]string{"UpdateFunctionCode"}, layerCalls[3:]...)},
		{"from a package, behind the code", "package", "layer", true, "PUT configuration", 2, false, layerCalls[3:]},
		{"from a built package, before the code", "package", "environment", false, "PUT code", 1, false, append([]string{"UpdateFunctionCode"}, layerCalls[3:]...)},
		{"from a built package, behind the code", "package", "environment", false, "PUT configuration", 2, false, layerCalls[3:]},
		{"to a package, before the configuration", "layer", "package", true, "PUT configuration", 1, false, layerCalls[3:]},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(f *fixture) {
				edit := func(m *manifest) { m.patch = test.patch }
				sealed := f.seal("hello", map[string]string{"TOKEN": canary})
				if test.from != "" {
					f.apply(f.delivered(test.from, edit, sealed))
				}
				target := f.delivered(test.to, edit, sealed)
				ctx, cancel := context.WithCancel(f.t.Context())
				seen := 0
				f.intercept(func(operation string) {
					if operation == test.cutOff {
						if seen++; seen == test.times {
							cancel()
							panic(http.ErrAbortHandler)
						}
					}
				})
				if _, err := f.r.Apply(ctx, target, f.trusted); !errors.Is(err, context.Canceled) {
					f.t.Fatalf("cut off: %v", err)
				}
				f.intercept(func(string) {})
				if test.from != "" {
					f.allOpen("cut off")
				}
				if test.forget {
					f.uploads.byFunction.Clear()
				}
				_, calls := f.apply(target)
				f.wantCalls("resuming", test.want, calls)
				f.allOpen("in the end")
				if _, calls := f.apply(target); len(calls) > 0 {
					f.t.Errorf("not in sync in the end: %v", calls)
				}
			})
		})
	}
}
