package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller/internal/plan"
)

// readFunction reads variables of the function, and changes nothing of it.
func (a *app) readFunction(ctx context.Context, m *manifest, region string, unfenced bool, names []string) (from imported, err error) {
	obs, at, err := a.observeFunction(ctx, m.file, m.config, region, unfenced)
	if err != nil {
		return from, err
	}
	live := obs.Latest.Environment
	if err := known(at, live, names); err != nil {
		return from, err
	}
	from.values = make(namedValues)
	for _, name := range names {
		if obs.Live != nil && obs.Live.Environment[name] != live[name] {
			return from, hint(fmt.Errorf("%s of %s has another value in $LATEST than in version %s, which the alias %s names", name, at, obs.Live.Version, obs.Alias.Name),
				"seal the value that is right with `sealift seal`, or deploy first")
		}
		if cause := from.values.add(name, []byte(live[name])); cause != "" {
			return from, fmt.Errorf("%s of %s: %s", name, at, cause)
		}
	}
	from.found = []string{fmt.Sprintf("%s in plain text in the environment of %s", strings.Join(names, ", "), at)}
	return from, nil
}

// known refuses names that are none of a function's variables, or sealift's own.
func known(at string, live map[string]string, names []string) error {
	has := slices.DeleteFunc(slices.Sorted(maps.Keys(live)), func(name string) bool { return strings.HasPrefix(name, "SEALIFT_") })
	for i, name := range names {
		if !slices.Contains(has, name) {
			return hint(fmt.Errorf("%s has no variable %s to import", at, name), "it has: %s", cmp.Or(strings.Join(has, ", "), "none"))
		}
		if slices.Contains(names[:i], name) {
			return fmt.Errorf("%s is named twice", name)
		}
	}
	return nil
}

// observeFunction reads the function of a config, and refuses one of another account or
// with an environment that can't be read. at is how people are told of it.
func (a *app) observeFunction(ctx context.Context, file string, config *v1alpha1.SealedConfig, region string, unfenced bool) (obs plan.Observed, at string, err error) {
	x, err := a.accessOf(ctx, region, file, config)
	if err != nil {
		return obs, "", err
	}
	cfg := x.cfg
	obs, err = x.functions(unfenced).Observe(ctx, config.Spec.Function.Name, config.Spec.Function.Alias)
	if err != nil {
		return obs, "", err
	}
	want := plan.Desired{Config: config, Region: cfg.Region}
	return obs, cfg.Region + "/" + config.Spec.Function.Name, plan.Check(want, obs)
}

// finishImport has the variables removed whose values the function reads from its bundle.
func (a *app) finishImport(ctx context.Context, f importFlags, names []string) error {
	m, err := openEditable(f.file)
	if err != nil {
		return err
	}
	if err := m.agree(f.manifest); err != nil {
		return err
	}
	if !f.confirmReader && !m.says.Spec.Function.Canary {
		return hint(errors.New("--finish removes variables that the function may still read"),
			"see that its code reads them from the bundle, on the deployed version; then add --confirm-reader, or set spec.function.canary to have the function asked")
	}
	region, err := a.importRegion(m.manifest)
	if err != nil {
		return err
	}
	obs, at, err := a.observeFunction(ctx, m.file, m.says, region, f.unfenced)
	if err != nil {
		return err
	}
	if err := a.delivered(ctx, m, region, obs, at); err != nil {
		return err
	}
	if !f.confirmReader {
		if err := a.opens(ctx, m, region, obs); err != nil {
			return err
		}
	}
	if names, err = m.removable(at, obs, names); err != nil {
		return err
	}
	if len(names) == 0 {
		_, err := fmt.Fprintf(a.Out, "%s has no variable that is sealed in %s\n", at, printable(f.file))
		return err
	}
	edited, err := v1alpha1.AddItems(m.data, "spec.environmentRemoved", names)
	if err != nil {
		return m.named(err)
	}
	if _, err := m.check(edited); err != nil {
		return err
	}
	m.data = edited
	if err := m.write(); err != nil {
		return err
	}
	for _, name := range names {
		fmt.Fprintf(a.Out, "%s is to be removed from %s: spec.environmentRemoved in %s\n", name, at, printable(f.file))
	}
	fmt.Fprintln(a.Err, "note: versions that were published before keep the variables until they are deleted")
	a.afterSealing(f.file, nil)
	return nil
}

// delivered returns an error if the bundle of the manifest as it stands is not deployed
// and live.
func (a *app) delivered(ctx context.Context, m editable, region string, obs plan.Observed, at string) error {
	settings, _, _, err := settingsFor(m.file)
	if err != nil {
		return err
	}
	if region == "" {
		if region, err = a.aws.defaultRegion(ctx); err != nil {
			return err
		}
	}
	config := *m.says
	config.Spec.Bundle.KMSKey = cmp.Or(config.Spec.Bundle.KMSKey, settings.BundleKey)
	want := plan.Desired{Config: &config, Region: region}
	var live plan.Marker
	if obs.Live != nil {
		live = plan.Observed{Latest: *obs.Live}.Marker()
	}
	alias, latest := config.Spec.Function.Alias, obs.Marker()
	if latest.Config != config.Namespace+"/"+config.Name || latest.Source != want.Source() || alias != "" && live.BundleID != latest.BundleID {
		return hint(fmt.Errorf("%s has no live bundle with what %s says", at, printable(m.file)),
			"commit, `sealift apply`, see that the function reads its bundle, and then try again")
	}
	return nil
}

// opens returns an error if the version that the alias names does not open the bundle that
// was applied.
func (a *app) opens(ctx context.Context, m editable, region string, obs plan.Observed) error {
	x, err := a.accessOf(ctx, region, m.file, m.says)
	if err != nil {
		return err
	}
	alias := m.says.Spec.Function.Alias
	opened, err := x.functions(true).OpenedBundle(ctx, obs.Latest, alias)
	if err == nil && opened != obs.Marker().BundleID {
		err = fmt.Errorf("%s opens another bundle than the one that was applied", strings.TrimSuffix(obs.Latest.Name+":"+alias, ":"))
	}
	var problem plan.Problem
	if errors.As(err, &problem) && problem.Reason == "CanaryFailed" {
		return hint(errors.New(problem.Message), "%s; or, once you saw the deployed code read its bundle, give --confirm-reader", problem.Fix)
	}
	return err
}

// removable returns those of the names, or else of all sealed ones, that are variables of
// the function.
func (m editable) removable(at string, obs plan.Observed, names []string) ([]string, error) {
	live := maps.Clone(obs.Latest.Environment)
	if obs.Live != nil {
		maps.Copy(live, obs.Live.Environment)
	}
	for _, name := range names {
		if _, sealed := m.says.Spec.Sealed[name]; !sealed {
			return nil, fmt.Errorf("%s is not sealed in %s", name, printable(m.file))
		}
	}
	if len(names) > 0 {
		return names, known(at, live, names)
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(m.says.Spec.Sealed)), func(name string) bool {
		_, exists := live[name]
		return !exists
	}), nil
}
