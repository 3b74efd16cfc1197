package plan_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/internal/plan"
)

// ownVersion is one that sealift published of payments/hello.
func ownVersion(number int) plan.Configuration {
	m := plan.Marker{BundleID: strings.Repeat("b", 22), Revision: strings.Repeat("a", 40), CodeSHA256: strings.Repeat("A", 43) + "=", DataKey: time.Unix(1, 0), Config: "payments/hello", Delivery: "package"}
	return plan.Configuration{
		Version: strconv.Itoa(number), Description: plan.VersionDescription("manifests/hello.yaml", "", m.Revision, 256),
		Environment: map[string]string{plan.MarkerVariable: m.String()},
	}
}

// published is ten versions of sealift's, and $LATEST, with the last one live.
func published() plan.Published {
	p := plan.Published{Config: "payments/hello", Alias: "live", Live: "10", Naming: map[string][]string{"10": {"live"}}}
	for n := range 10 {
		p.Versions = append(p.Versions, ownVersion(n+1))
	}
	latest := ownVersion(1)
	latest.Version = "$LATEST"
	p.Versions = append(p.Versions, latest)
	return p
}

func TestSuperseded(t *testing.T) {
	const unknown = "the variables of version 2 can't be read (AccessDeniedException), so it is not known whose it is"
	tests := []struct {
		name string
		keep int
		edit func(*plan.Published)
		want []string
		err  string
	}{
		{name: "the oldest", keep: 7, want: []string{"1", "2", "3"}},
		{name: "as many as are kept", keep: 10},
		{name: "fewer than are kept", keep: 1000},
		{name: "the live one stays, whatever is kept", keep: 0, want: []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"}},
		{name: "one that an alias names", keep: 7, edit: func(p *plan.Published) { p.Naming["2"] = []string{"before"} }, want: []string{"1", "3"}},
		{name: "newer than the live one", keep: 5, edit: func(p *plan.Published) { p.Live, p.Naming = "7", map[string][]string{"7": {"live"}} }, want: []string{"1", "2"}},
		{name: "numbers are no text", keep: 8, edit: func(p *plan.Published) {
			for i := range 10 {
				p.Versions[i].Version = strconv.Itoa(i + 95)
			}
			p.Live, p.Naming = "104", map[string][]string{"104": {"live"}}
		}, want: []string{"95", "96"}},
		{name: "no description", keep: 7, edit: func(p *plan.Published) { p.Versions[1].Description = "" }, want: []string{"1", "3"}},
		{name: "a description of somebody else", keep: 7, edit: func(p *plan.Published) { p.Versions[1].Description = "release @ aaaaaaa" }, want: []string{"1", "3"}},
		{name: "a description of another revision", keep: 7, edit: func(p *plan.Published) { p.Versions[1].Description = "sealift: x @ bbbbbbb" }, want: []string{"1", "3"}},
		{name: "no marker", keep: 7, edit: func(p *plan.Published) { p.Versions[1].Environment = nil }, want: []string{"1", "3"}},
		{name: "a marker that can't be read", keep: 7, edit: func(p *plan.Published) { p.Versions[1].Environment[plan.MarkerVariable] = "9.x" }, want: []string{"1", "3"}},
		{name: "another config's", keep: 7, edit: func(p *plan.Published) { p.Config = "payments/other" }},
		{name: "variables that can't be read", keep: 7, edit: func(p *plan.Published) {
			p.Versions[1].Environment, p.Versions[1].EnvironmentError = nil, "AccessDeniedException"
		}, err: unknown},
		{name: "variables of somebody else that can't be read", keep: 7, edit: func(p *plan.Published) {
			p.Versions[1] = plan.Configuration{Version: "2", EnvironmentError: "AccessDeniedException"}
		}, want: []string{"1", "3"}},
		{name: "the alias was moved again", keep: 7, edit: func(p *plan.Published) { p.Naming = map[string][]string{"11": {"live"}, "10": {"other"}} }, err: "alias live does not name version 10 any more"},
		{name: "a list that was cut", keep: 7, edit: func(p *plan.Published) { p.Versions = p.Versions[:9] }, err: "version 10 is not in the list of versions"},
		{name: "no number", keep: 7, edit: func(p *plan.Published) { p.Live = "$LATEST" }, err: `the live version "$LATEST" is no number`},
		{name: "no number of AWS's", keep: 7, edit: func(p *plan.Published) { p.Live = "+10" }, err: `the live version "+10" is no number`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := published()
			if test.edit != nil {
				test.edit(&p)
			}
			got, err := p.Superseded(test.keep)
			message := ""
			if err != nil {
				message = err.Error()
			}
			if diff := cmp.Diff(test.want, got); diff != "" || message != test.err {
				t.Errorf("error %q, (-want +got)\n%s", message, diff)
			}
		})
	}
}

// What is deleted is named by a number: anything else may be more than a version.
func TestValidVersion(t *testing.T) {
	for version, want := range map[string]bool{"1": true, "120": true, "": false, "0": false, "$LATEST": false, "live": false, "01": false, "-1": false, "1 ": false, "1\n": false, strings.Repeat("9", 19): false} {
		if plan.ValidVersion(version) != want {
			t.Errorf("%q: %v", version, !want)
		}
	}
}

func TestSupersededLayers(t *testing.T) {
	const arn = "arn:aws:lambda:us-east-2:000000000000:layer:sealift-hello:"
	layer := func(version int64, description string) plan.LayerVersion {
		return plan.LayerVersion{ARN: arn + strconv.FormatInt(version, 10), Version: version, Description: description}
	}
	ours := "sealift bundle " + strings.Repeat("b", 22) + " of " + strings.Repeat("c", 43)
	using := func(version string, layers ...string) plan.Configuration {
		c := plan.Configuration{Version: version}
		for _, l := range layers {
			c.Layers = append(c.Layers, plan.Layer{ARN: l})
		}
		return c
	}
	all := []plan.LayerVersion{layer(6, ours), layer(5, ours), layer(4, ours), layer(3, ours), layer(2, "made by hand"), layer(1, ours)}
	tests := []struct {
		name     string
		versions []plan.Configuration
		want     []int64
	}{
		{"older than the newest in use", []plan.Configuration{using("$LATEST", arn+"5"), using("1", "arn:aws:lambda:us-east-2:000000000000:layer:foreign:6", arn+"4")}, []int64{1, 3}},
		{"$LATEST alone uses it", []plan.Configuration{using("$LATEST", arn+"3"), using("9", arn+"5")}, []int64{1, 4}},
		{"none in use", []plan.Configuration{using("$LATEST"), using("1", "arn:aws:lambda:us-east-2:000000000000:layer:foreign:6")}, nil},
		{"the oldest in use", []plan.Configuration{using("$LATEST", arn+"1")}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, plan.SupersededLayers(all, test.versions)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
