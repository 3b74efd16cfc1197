package controller_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/plan"
)

// published are the answers of a controller.Publications.
type published struct {
	versions                   []plan.Configuration
	naming                     map[string][]string
	layers                     []plan.LayerVersion
	noVersions, noAlias, noLay error
}

func (p published) Published(context.Context, string) ([]plan.Configuration, error) {
	return p.versions, p.noVersions
}

func (p published) Naming(context.Context, string) (map[string][]string, error) {
	return p.naming, p.noAlias
}

func (p published) LayerVersions(context.Context, string) ([]plan.LayerVersion, error) {
	return p.layers, p.noLay
}

// TestExposureSaysWhatItCouldNotRead has a look with few rights say what it did not see, and
// find the rest all the same.
func TestExposureSaysWhatItCouldNotRead(t *testing.T) {
	inBubble(t, func(f *fixture) {
		b := &branch{fixture: f}
		m := b.helloManifest()
		first := b.push("code", m)
		m.sealed = f.seal("hello", map[string]string{"TOKEN": canary})
		m.kmsKey = "alias/another"
		b.push("code", m)
		marked := func(version, bundle, revision string) plan.Configuration {
			marker := plan.Marker{BundleID: strings.Repeat(bundle, 22), Revision: revision, CodeSHA256: strings.Repeat("A", 43) + "=", Config: "payments/hello", Delivery: "package", DataKey: time.Unix(0, 0)}
			return plan.Configuration{Version: version, Environment: map[string]string{plan.MarkerVariable: marker.String()}}
		}
		versions := []plan.Configuration{
			marked("$LATEST", "c", first.id), marked("1", "a", first.id), marked("2", "b", strings.Repeat("f", 40)), marked("3", "c", first.id),
			{Version: "4", EnvironmentError: "AccessDeniedException"}, {Version: "5", Environment: map[string]string{"TOKEN": canary, "LOG_LEVEL": "info"}},
		}
		denied := errors.New("access denied")
		history := []string{
			"commit|sealed values that are no longer in use, under " + f.sealing + "|TOKEN",
			"sealingKey|opens earlier values in history, and today's|TOKEN",
			"bundleKey|wrapped the data keys of earlier bundles|",
		}
		seen := []string{
			"version|a bundle of revision " + first.id[:7] + ", under the data key of 1970-01-01, with values that are no longer in use|TOKEN",
			"version|a bundle of revision fffffff, under the data key of 1970-01-01; which values it has is not known, as that revision is not in the repository|",
			"variable|variables in plain text with the names of sealed values|TOKEN",
		}
		tests := map[string]struct {
			from   published
			broken error // of the history
			want   []string
			unread string
		}{
			"all": {from: published{versions: versions, naming: map[string][]string{"1": {"old"}}, layers: []plan.LayerVersion{
				{Version: 1, Description: "sealift bundle " + strings.Repeat("a", 22) + " of x"}, {Version: 2, Description: "sealift bundle " + strings.Repeat("c", 22) + " of x"}, {Version: 3, Description: "theirs"}}},
				want: append(append(append([]string{}, seen...), "layer|a bundle that is not the one of today|"), history...), unread: "variables of version 4: AccessDeniedException"},
			"no aliases and no layers": {from: published{versions: versions, noAlias: denied, noLay: denied}, want: append(append([]string{}, seen...), history...),
				unread: "aliases: access denied|variables of version 4: AccessDeniedException|layer sealift-hello: access denied"},
			"no versions": {from: published{noVersions: denied}, want: history, unread: "versions: access denied"},
			"no history":  {from: published{}, broken: errors.New("object damaged"), unread: "history: object damaged"},
		}
		for name, test := range tests {
			set, err := controller.Survey(f.t.Context(), b.line[0], f.history, controller.Selection{Paths: []string{"manifests"}})
			if err != nil {
				f.t.Fatal(err)
			}
			lineage := b.lineage
			if test.broken != nil {
				lineage = func(context.Context, string, int) ([]string, error) { return nil, test.broken }
			}
			past := controller.NewPast(controller.PastOptions{Head: b.line[0], Tip: b.line[0].id, History: f.history, Lineage: lineage, Selection: controller.Selection{Paths: []string{"manifests"}}})
			e := controller.Expose(f.t.Context(), set.Targets[0], past, test.from)
			var got []string
			for _, finding := range e.Findings {
				got = append(got, finding.Kind+"|"+finding.What+"|"+strings.Join(finding.Secrets, ","))
				if finding.Kind == "version" && strings.HasSuffix(finding.Where, "(alias old)") != strings.HasPrefix(finding.Do, "move the alias old to another version, then delete this one") {
					f.t.Errorf("%s: %s: %s", name, finding.Where, finding.Do)
				}
				if strings.Contains(finding.What+finding.Do, canary) {
					f.t.Errorf("%s: a value is in %v", name, finding)
				}
			}
			if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
				f.t.Errorf("%s: found\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
			if said := strings.Join(e.Unread, "|"); said != test.unread {
				f.t.Errorf("%s: not read: %s", name, said)
			}
		}
	})
}
