package controller_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/awslambda"
	"sealift.dev/sealift/controller/internal/awstest"
	"sealift.dev/sealift/controller/internal/pack"
	"sealift.dev/sealift/controller/internal/plan"
)

const scrub = "  deletionPolicy: Scrub\n"

// branch is the line of a branch, the newest commit first.
type branch struct {
	*fixture
	line []commit
}

// push makes a commit of code and manifests the head.
func (b *branch) push(code string, manifests ...manifest) commit {
	c := b.revision(code+fmt.Sprint(len(b.line)), manifests...)
	c.files = maps.Clone(c.files)
	c.files["manifests/README.md"] = &fstest.MapFile{Data: []byte("text")} // git has no empty folders
	c = b.register(c)
	b.line = append([]commit{c}, b.line...)
	return c
}

func (b *branch) lineage(_ context.Context, revision string, limit int) ([]string, error) {
	var ids []string
	for _, c := range b.line {
		if len(ids) > 0 || c.id == revision {
			ids = append(ids, c.id)
		}
	}
	return ids[:min(limit, len(ids))], nil
}

// search looks for what is left from the head, over functions.
func (b *branch) search(functions *awslambda.Client) (controller.Search, error) {
	selection := controller.Selection{Paths: []string{"manifests"}}
	head := b.line[0]
	set, err := controller.Survey(b.t.Context(), head, b.history, selection)
	if err != nil {
		return controller.Search{}, err
	}
	past := controller.NewPast(controller.PastOptions{Head: head, Tip: head.id, History: b.history, Lineage: b.lineage, Selection: selection})
	return past.Left(b.t.Context(), set.Targets, func(context.Context, string) (controller.Lister, error) { return functions, nil })
}

// sweep takes away what is left from the head, as a process that is started for it.
func (b *branch) sweep(transport http.RoundTripper) ([]controller.Result, error) {
	cfg := awstest.Config(b.aws, region)
	cfg.HTTPClient = &http.Client{Transport: transport}
	functions := awslambda.New(cfg, awslambda.Options{HTTP: &http.Client{Transport: transport}})
	found, err := b.search(functions)
	if err == nil {
		err = errors.Join(found.Unlisted...)
	}
	if err != nil {
		return nil, err
	}
	var results []controller.Result
	for _, l := range found.Left {
		result, err := b.reconciler(functions).Scrub(b.t.Context(), l)
		if err != nil {
			return results, err
		}
		results = append(results, result)
	}
	return results, nil
}

func (b *branch) whole() http.RoundTripper { return awstest.Transport{Handler: b.aws} }

var errKilled = errors.New("killed")

// killed is a connection that ends for good at its call number at, counted from 1: ahead
// of what the call does or, with late, ahead of its answer.
type killed struct {
	next  http.RoundTripper
	at    int
	late  bool
	calls int
}

func (k *killed) RoundTrip(r *http.Request) (*http.Response, error) {
	if k.calls++; k.calls < k.at {
		return k.next.RoundTrip(r)
	}
	if k.calls == k.at && k.late {
		if resp, err := k.next.RoundTrip(r); err == nil {
			resp.Body.Close()
		}
	}
	return nil, errKilled
}

// deliveries are the ways in which a config can have put something on a function.
var deliveries = map[string]func(*manifest){
	"built package":   func(m *manifest) {},
	"patched package": func(m *manifest) { m.patch = true },
	"layer":           func(m *manifest) { m.patch, m.delivery = true, "layer" },
	"code and layer":  func(m *manifest) { m.delivery = "layer" },
	"environment":     func(m *manifest) { m.patch, m.delivery = true, "environment" },
	"another path":    func(m *manifest) { m.path = "etc/bundle.jwe" },
	"no alias":        func(m *manifest) { m.patch, m.noAlias = true, true },
}

// removed applies a config that wants to be scrubbed, beside a foreign layer and variable,
// and removes its manifest.
func removed(f *fixture, edit func(*manifest)) *branch {
	f.t.Helper()
	b := &branch{fixture: f}
	b.foreignLayers("foreign")
	m := manifest{name: "hello", function: "hello", kmsKey: "alias/sealift-bundle", env: map[string]string{"LOG_LEVEL": "info"},
		sealed: b.seal("hello", map[string]string{"TOKEN": canary}), more: scrub}
	edit(&m)
	b.push("code", m)
	b.applyHead()
	b.push("code")
	return b
}

func (b *branch) applyHead() {
	b.t.Helper()
	set, err := controller.Survey(b.t.Context(), b.line[0], b.history, controller.Selection{Paths: []string{"manifests"}})
	if err != nil || len(set.Faults) > 0 {
		b.t.Fatal(err, set.Faults)
	}
	for _, t := range set.Targets {
		b.apply(t)
	}
}

// carries says what a version of hello has of sealift, and of others.
func (b *branch) carries(qualifier, path string) string {
	b.t.Helper()
	out := b.get(qualifier)
	var has []string
	has = append(has, slices.Sorted(maps.Keys(out.Configuration.Environment.Variables))...)
	for _, l := range out.Configuration.Layers {
		has = append(has, strings.Split(*l.Arn, ":")[6])
	}
	if _, err := pack.ReadEntry(bytes.NewReader(b.fetch(*out.Code.Location)), path, envelope.MaxBundleSize); err == nil {
		has = append(has, path)
	}
	return strings.Join(has, " ")
}

const theirsAlone = "FOREIGN foreign"

// TestScrub takes away what every delivery put there, and nothing of anybody else.
func TestScrub(t *testing.T) {
	for name, edit := range deliveries {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(f *fixture) {
				b := removed(f, edit)
				m := manifest{path: bundleFile}
				edit(&m)
				qualifier := "live"
				if m.noAlias {
					qualifier = ""
				}
				before := b.carries(qualifier, m.path)
				for _, part := range []string{"LOG_LEVEL", plan.MarkerVariable} {
					if !strings.Contains(before, part) {
						f.t.Fatalf("applied: %s", before)
					}
				}
				entries := slices.DeleteFunc(b.entries(b.fetch(*b.get(qualifier).Code.Location)), func(e string) bool { return e == m.path })
				results, err := b.sweep(b.whole())
				if err != nil || len(results) != 1 || results[0].Plan.InSync() {
					f.t.Fatalf("%d results, %v", len(results), err)
				}
				for _, q := range []string{"", qualifier} {
					if got := b.carries(q, m.path); got != theirsAlone {
						f.t.Errorf("%q carries %s", q, got)
					}
				}
				if got := b.entries(b.fetch(*b.get("").Code.Location)); !slices.Equal(got, entries) {
					f.t.Errorf("entries %v, before %v", got, entries)
				}
				calls := len(b.aws.Calls())
				if results, err := b.sweep(b.whole()); err != nil || len(results) != 1 || !results[0].Plan.InSync() || len(b.callsSince(calls)) != 0 {
					f.t.Errorf("again: %v, %v, calls %v", results, err, b.callsSince(calls))
				}
			})
		})
	}
}

// TestScrubIsSafeToBeKilled cuts a scrub off at each of its calls. What is live then opens
// its bundle or has none, and a scrub that knows nothing of the first brings it to its end.
// By night it is every delivery.
func TestScrubIsSafeToBeKilled(t *testing.T) {
	for name, edit := range deliveries {
		if os.Getenv("SEALIFT_TEST_NIGHTLY") != "1" && !slices.Contains([]string{"patched package", "layer", "no alias"}, name) {
			continue
		}
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s late=%t", name, late), func(t *testing.T) {
				for at := 1; ; at++ {
					ended := false
					inBubble(t, func(f *fixture) { ended = killScrub(f, edit, at, late) })
					if ended || t.Failed() {
						if at < 5 {
							t.Errorf("a scrub of %d calls", at)
						}
						return
					}
				}
			})
		}
	}
}

func killScrub(f *fixture, edit func(*manifest), at int, late bool) (ended bool) {
	f.t.Helper()
	b := removed(f, edit)
	m := manifest{path: bundleFile}
	edit(&m)
	k := &killed{next: b.whole(), at: at, late: late}
	_, err := b.sweep(k)
	if (err == nil) != (k.calls < at) {
		f.t.Fatalf("call %d of %d cut: %v", at, k.calls, err)
	}
	qualifier := "live"
	if m.noAlias {
		qualifier = ""
	} else if has := b.carries("live", m.path); has != theirsAlone && m.path == bundleFile && b.opens("live")["TOKEN"] != canary {
		f.t.Errorf("call %d cut: the live version opens nothing, and carries %s", at, has)
	}
	if _, err := b.sweep(b.whole()); err != nil {
		f.t.Fatalf("call %d cut, and again: %v", at, err)
	}
	for _, q := range []string{"", qualifier} {
		if got := b.carries(q, m.path); got != theirsAlone {
			f.t.Errorf("call %d cut: %q carries %s", at, q, got)
		}
	}
	return err == nil
}
