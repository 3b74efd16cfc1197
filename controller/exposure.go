package controller

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"sealift.dev/sealift/controller/internal/plan"
)

// Exposure is where values of a config still are that are no longer in use, or that are in
// plain text. It holds names, and no value.
type Exposure struct {
	Config   string    `json:"config,omitempty"` // namespace/name; absent for a function alone
	File     string    `json:"file,omitempty"`
	Region   string    `json:"region"`
	Function string    `json:"function"`
	Findings []Finding `json:"findings"`
	// Unread says what could not be looked at, and why.
	Unread []string `json:"unread,omitempty"`
}

// Finding is one place.
type Finding struct {
	Kind    string   `json:"kind"`  // version, layer, variable, commit, sealingKey or bundleKey
	Where   string   `json:"where"` // in a few words
	What    string   `json:"what"`
	Secrets []string `json:"secrets,omitempty"` // names of the values that it is about, sorted
	Do      string   `json:"do"`                // the next step
}

// Publications reads what was published of a function.
type Publications interface {
	// Published returns $LATEST and every published version, as lists show them.
	Published(ctx context.Context, function string) ([]plan.Configuration, error)
	// Naming returns the names of the aliases that name each version, also by a weight.
	Naming(ctx context.Context, function string) (map[string][]string, error)
	// LayerVersions returns the versions of a layer, none of one that does not exist.
	LayerVersions(ctx context.Context, name string) ([]plan.LayerVersion, error)
}

// maxExposed is how many commits are looked through for earlier values.
const maxExposed = 1000

// exposing is an Exposure that is being put together.
type exposing struct {
	Exposure
	ctx     context.Context // of one look, no longer
	from    Publications
	target  *Target // nil for a function alone
	sealed  map[string]string
	past    *Past
	configs map[string]map[string]string // sealed values by revision; nil for one that is not known
}

// Expose looks for what t no longer uses, in its function's versions and layers and in the
// branch's history. Whatever can't be read is in Unread.
func Expose(ctx context.Context, t Target, past *Past, from Publications) Exposure {
	e := exposing{ctx: ctx, from: from, target: &t, sealed: t.Config.Spec.Sealed, past: past, configs: make(map[string]map[string]string)}
	e.Config, e.File, e.Region, e.Function = t.Key(), t.File, t.region, t.Config.Spec.Function.Name
	e.function()
	e.history()
	return e.Exposure
}

// ExposeFunction is Expose for a function that no manifest names.
func ExposeFunction(ctx context.Context, region, function string, from Publications) Exposure {
	e := exposing{ctx: ctx, from: from}
	e.Region, e.Function = region, function
	e.Unread = append(e.Unread, "history: no manifest names the function")
	e.function()
	return e.Exposure
}

func (e *exposing) unread(what string, err error) {
	e.Unread = append(e.Unread, what+": "+err.Error())
}

func (e *exposing) add(f Finding) {
	slices.Sort(f.Secrets)
	e.Findings = append(e.Findings, f)
}

// function looks at the versions and at sealift's layer.
func (e *exposing) function() {
	versions, err := e.from.Published(e.ctx, e.Function)
	if err != nil {
		e.unread("versions", err)
		return
	}
	naming, err := e.from.Naming(e.ctx, e.Function)
	if err != nil {
		e.unread("aliases", err)
	}
	var current plan.Marker
	for _, v := range versions {
		if m, marked := v.Mark(); marked && v.Version == "$LATEST" {
			current = m
		}
	}
	for _, v := range versions {
		if v.EnvironmentError != "" {
			e.unread("variables of version "+v.Version, errors.New(v.EnvironmentError))
		}
		e.variables(v, naming[v.Version])
		e.version(v, current, naming[v.Version])
	}
	e.layers(versions, current)
}

// variables looks for sealed names that are variables in plain text.
func (e *exposing) variables(v plan.Configuration, aliases []string) {
	names := maps.Clone(e.sealed)
	if e.target != nil {
		for _, name := range e.target.Config.Spec.EnvironmentRemoved {
			names = with(names, name)
		}
		for name := range e.target.Config.Spec.Environment {
			delete(names, name) // plain on purpose
		}
	}
	var plain []string
	for name := range names {
		if _, exists := v.Environment[name]; exists {
			plain = append(plain, name)
		}
	}
	if len(plain) == 0 {
		return
	}
	f := Finding{Kind: "variable", Where: whereOf(v.Version, aliases), What: "variables in plain text with the names of sealed values", Secrets: plain, Do: e.deletion(v.Version, aliases) + "; change the values where they are issued"}
	if v.Version == "$LATEST" {
		f.Do = "list them in spec.environmentRemoved once the function reads its bundle, and apply; change the values where they are issued"
	}
	e.add(f)
}

func with(names map[string]string, name string) map[string]string {
	if names == nil {
		names = make(map[string]string, 1)
	}
	names[name] = ""
	return names
}

// version looks for a bundle that is not the current one.
func (e *exposing) version(v plan.Configuration, current plan.Marker, aliases []string) {
	m, marked := v.Mark()
	if !marked || v.Version == "$LATEST" || m.BundleID == current.BundleID {
		return
	}
	f := Finding{Kind: "version", Where: whereOf(v.Version, aliases), Do: e.deletion(v.Version, aliases)}
	f.What = fmt.Sprintf("a bundle of revision %.7s, under the data key of %s", m.Revision, m.DataKey.Format(time.DateOnly))
	names, known := e.changed(m.Revision)
	switch {
	case e.target == nil:
	case !known:
		f.What += "; which values it has is not known, as that revision is not in the repository"
	case len(names) == 0:
		f.What += ", with the values of today"
	default:
		f.Secrets = names
		f.What += ", with values that are no longer in use"
	}
	e.add(f)
}

// changed returns the names whose value at a revision is not that of today.
func (e *exposing) changed(revision string) (names []string, known bool) {
	if e.target == nil {
		return nil, false
	}
	was, looked := e.configs[revision]
	if !looked {
		if config, err := e.target.at(e.ctx, revision); err == nil {
			was = config.Spec.Sealed
			if was == nil {
				was = map[string]string{}
			}
		} else if !errors.Is(err, fs.ErrNotExist) {
			e.unread(fmt.Sprintf("revision %.7s", revision), err)
		}
		e.configs[revision] = was
	}
	for name, value := range was {
		if e.sealed[name] != value {
			names = append(names, name)
		}
	}
	return names, was != nil
}

func (e *exposing) deletion(version string, aliases []string) string {
	command := fmt.Sprintf("aws lambda delete-function --region %s --function-name %s --qualifier %s", e.Region, e.Function, version)
	if len(aliases) > 0 {
		return fmt.Sprintf("move the alias %s to another version, then delete this one: %s", strings.Join(aliases, ", "), command)
	}
	return "delete the version: " + command
}

func whereOf(version string, aliases []string) string {
	if version == "$LATEST" {
		return version
	}
	if len(aliases) > 0 {
		return fmt.Sprintf("version %s (alias %s)", version, strings.Join(aliases, ", "))
	}
	return "version " + version
}

// layers looks for versions of sealift's layer with another bundle than the current one.
func (e *exposing) layers(versions []plan.Configuration, current plan.Marker) {
	name := "sealift-" + e.Function
	published, err := e.from.LayerVersions(e.ctx, name)
	if err != nil {
		e.unread("layer "+name, err)
		return
	}
	for _, l := range published {
		id, ours := strings.CutPrefix(l.Description, "sealift bundle ")
		id, _, _ = strings.Cut(id, " ")
		if !ours || id == current.BundleID {
			continue
		}
		var users []string
		for _, v := range versions {
			if slices.ContainsFunc(v.Layers, func(used plan.Layer) bool { return used.ARN == l.ARN }) {
				users = append(users, v.Version)
			}
		}
		do := fmt.Sprintf("delete it: aws lambda delete-layer-version --region %s --layer-name %s --version-number %d", e.Region, name, l.Version)
		if len(users) > 0 {
			do += fmt.Sprintf("; versions that use it keep it until they are deleted: %s", strings.Join(users, ", "))
		}
		e.add(Finding{Kind: "layer", Where: fmt.Sprintf("layer %s version %d", name, l.Version), What: "a bundle that is not the one of today", Do: do})
	}
}
