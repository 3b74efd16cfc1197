package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
	k8syaml "sigs.k8s.io/yaml"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller"
)

// manifestFlags describe the manifest that is made where there is none.
type manifestFlags struct {
	namespace, name, function, alias, path string

	given func(flag string) bool
}

func (f *manifestFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.namespace, "namespace", v1alpha1.DefaultNamespace, "`namespace` of a new manifest")
	flags.StringVar(&f.name, "name", "", "`name` of a new manifest")
	flags.StringVar(&f.function, "function", "", "Lambda `function` of a new manifest")
	flags.StringVar(&f.alias, "alias", "", "`alias` that callers of the function use, in a new manifest")
	flags.StringVar(&f.path, "package", "", "`folder` of the function's code, relative to a new manifest (default ../functions/FUNCTION if there is one, else the deployed package is patched)")
}

// identity is what a manifest says apart from its values. It is the shape of the
// manifests that are made.
type identity struct {
	APIVersion string `yaml:"apiVersion" json:"apiVersion"`
	Kind       string `yaml:"kind" json:"kind"`
	Metadata   struct {
		Name      string `yaml:"name" json:"name"`
		Namespace string `yaml:"namespace" json:"namespace"`
	} `yaml:"metadata" json:"metadata"`
	Spec struct {
		Function struct {
			Name   string `yaml:"name" json:"name"`
			Region string `yaml:"region,omitempty" json:"region"`
			Alias  string `yaml:"alias,omitempty" json:"alias"`
		} `yaml:"function" json:"function"`
		Package *packageIdentity `yaml:"package,omitempty" json:"package"`
	} `yaml:"spec" json:"spec"`
}

type packageIdentity struct {
	Path string `yaml:"path" json:"path"`
}

// config returns the identity with the API's defaults.
func (i identity) config() *v1alpha1.SealedConfig {
	c := &v1alpha1.SealedConfig{}
	c.APIVersion, c.Kind = i.APIVersion, i.Kind
	c.Name, c.Namespace = i.Metadata.Name, i.Metadata.Namespace
	c.Spec.Function.Name, c.Spec.Function.Region, c.Spec.Function.Alias = i.Spec.Function.Name, i.Spec.Function.Region, i.Spec.Function.Alias
	if i.Spec.Package != nil {
		c.Spec.Package = &v1alpha1.PackageSpec{Path: i.Spec.Package.Path}
	}
	v1alpha1.Default(c)
	return c
}

// identity returns what the flags say.
func (f manifestFlags) identity() identity {
	i := identity{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.Kind}
	i.Metadata.Name, i.Metadata.Namespace = f.name, f.namespace
	i.Spec.Function.Name, i.Spec.Function.Alias = f.function, f.alias
	if f.path != "" {
		i.Spec.Package = &packageIdentity{f.path}
	}
	return i
}

// findPackage names the folder in which the function's code usually is, if there is
// one. Without it the manifest has no package, and the deployed one is patched.
func (i *identity) findPackage(manifest string) {
	usual := "../functions/" + i.config().Spec.Function.Name
	info, err := os.Stat(filepath.Join(filepath.Dir(manifest), filepath.FromSlash(usual)))
	if i.Spec.Package == nil && err == nil && info.IsDir() {
		i.Spec.Package = &packageIdentity{usual}
	}
}

// manifestFlag is a flag with what it sets.
type manifestFlag struct {
	name, field string
	of          func(*v1alpha1.SealedConfig) string
}

func eachManifestFlag() []manifestFlag {
	return []manifestFlag{
		{"namespace", "metadata.namespace", func(c *v1alpha1.SealedConfig) string { return c.Namespace }},
		{"name", "metadata.name", func(c *v1alpha1.SealedConfig) string { return c.Name }},
		{"function", "spec.function.name", func(c *v1alpha1.SealedConfig) string { return c.Spec.Function.Name }},
		{"alias", "spec.function.alias", func(c *v1alpha1.SealedConfig) string { return c.Spec.Function.Alias }},
		{"package", "spec.package.path", packagePath},
	}
}

func packagePath(c *v1alpha1.SealedConfig) string {
	if c.Spec.Package == nil {
		return ""
	}
	return c.Spec.Package.Path
}

// manifest is a manifest file that is edited or made.
type manifest struct {
	file   string
	exists bool
	mode   fs.FileMode
	before []byte // what the file holds
	data   []byte // what it is to hold
	config *v1alpha1.SealedConfig
	draft  identity // of a manifest that is made
}

// openManifest reads the manifest file, or drafts it from the flags if there is
// none. Faults under spec.sealed are let pass: sealing is how they are mended.
func openManifest(file string, f manifestFlags) (*manifest, error) {
	if file == "" {
		return nil, hint(errors.New("-f FILE is missing: the manifest to seal into"), "see `sealift seal --help`")
	}
	info, err := os.Lstat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return draftManifest(file, f)
	case err != nil:
		return nil, err
	case info.Mode().Type() == fs.ModeSymlink:
		return nil, hint(fmt.Errorf("%s is a symbolic link, which sealift does not read from git", printable(file)), "name the file that it leads to")
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", printable(file))
	}
	m := &manifest{file: file, exists: true, mode: info.Mode().Perm()}
	if m.before, err = controller.ReadStart(os.DirFS(filepath.Dir(file)), filepath.Base(file), v1alpha1.MaxManifestSize); err != nil {
		return nil, err
	}
	if _, err := m.check(m.before); err != nil {
		return nil, err
	}
	var i identity
	if err := k8syaml.Unmarshal(m.before, &i); err != nil {
		return nil, fmt.Errorf("%s: not the manifest that it was a moment ago", printable(file))
	}
	m.data, m.config = m.before, i.config()
	return m, m.agree(f)
}

// draftManifest makes a manifest of the flags.
func draftManifest(file string, f manifestFlags) (*manifest, error) {
	var missing []string
	for _, flag := range []struct{ name, value string }{{"--name", f.name}, {"--function", f.function}} {
		if flag.value == "" {
			missing = append(missing, flag.name)
		}
	}
	if len(missing) > 0 {
		return nil, hint(fmt.Errorf("%s does not exist, and to make it %s is missing", printable(file), strings.Join(missing, " and ")),
			"sealift seal -f %s --namespace NAMESPACE --name NAME --function FUNCTION SECRET", printable(file))
	}
	i := f.identity()
	i.findPackage(file)
	m := &manifest{file: file, mode: 0o644, config: i.config()}
	var faults []error
	for _, fault := range v1alpha1.Validate(m.config) {
		for _, flag := range eachManifestFlag() {
			if flag.field == fault.Field {
				faults = append(faults, fmt.Errorf("--%s: %s", flag.name, fault.Detail))
			}
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	var err error
	if m.data, err = i.text(); err != nil {
		return nil, fmt.Errorf("make %s: %w", printable(file), err)
	}
	m.draft = i
	return m, nil
}

// text returns the manifest of i.
func (i identity) text() ([]byte, error) {
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	err := errors.Join(encoder.Encode(i), encoder.Close())
	return text.Bytes(), err
}

// agree returns an error if a flag that was given says something else than the file.
func (m *manifest) agree(f manifestFlags) error {
	want := f.identity().config()
	var faults []error
	for _, flag := range eachManifestFlag() {
		if f.given(flag.name) && flag.of(want) != flag.of(m.config) {
			faults = append(faults, fmt.Errorf("--%s %q is not what %s has: %q", flag.name, flag.of(want), printable(m.file), flag.of(m.config)))
		}
	}
	if len(faults) > 0 {
		return hint(errors.Join(faults...), "leave the flags out to seal into the manifest as it is; they are for making a new one")
	}
	return nil
}

func (m *manifest) scope(secret string) envelope.Scope {
	return envelope.Scope{Namespace: m.config.Namespace, Name: m.config.Name, Key: secret}
}

// check decodes data, and returns the faults of sealed values. Every other fault is
// the error.
func (m *manifest) check(data []byte) (sealed v1alpha1.Errors, err error) {
	_, err = v1alpha1.DecodeFile(m.file, data)
	var faults v1alpha1.Errors
	switch {
	case err == nil:
		return nil, nil
	case errors.Is(err, v1alpha1.ErrOtherKind):
		return nil, hint(fmt.Errorf("%s is %w", printable(m.file), err), "name a SealedConfig, or a file that does not exist yet")
	case !errors.As(err, &faults):
		return nil, err
	}
	var blocking v1alpha1.Errors
	for _, fault := range faults {
		if fault.Field == sealedField || strings.HasPrefix(fault.Field, sealedField+".") {
			sealed = append(sealed, fault)
		} else {
			blocking = append(blocking, fault)
		}
	}
	if len(blocking) > 0 {
		return nil, blocking
	}
	return sealed, nil
}

const sealedField = "spec.sealed"

// set puts sealed values into the manifest. It returns the faults that other
// values still have: SetSealed has checked that these are right.
func (m *manifest) set(sealed map[string]string) (v1alpha1.Errors, error) {
	edited, err := v1alpha1.SetSealed(m.data, sealed)
	if err != nil {
		return nil, m.named(err)
	}
	others, err := m.check(edited)
	if err != nil {
		return nil, err
	}
	m.data = edited
	return others, nil
}

// named adds the file to an error of SetSealed, which does not know it.
func (m *manifest) named(err error) error {
	var faults v1alpha1.Errors
	if !errors.As(err, &faults) {
		return fmt.Errorf("%s: %w", printable(m.file), err)
	}
	for i := range faults {
		faults[i].File = m.file
	}
	return faults
}

// write puts the manifest in place, in one step, unless the file is no longer what
// openManifest found. After an error the file is unchanged, and no folder that was
// made for it is left.
func (m *manifest) write() (err error) {
	now, err := os.ReadFile(m.file)
	if gone := errors.Is(err, fs.ErrNotExist); err != nil && !gone {
		return err
	} else if gone == m.exists || !bytes.Equal(now, m.before) {
		return hint(fmt.Errorf("%s was changed by another program meanwhile; nothing was written", printable(m.file)), "run the command again")
	}
	made, err := makeFolders(filepath.Dir(m.file))
	defer func() {
		for i := len(made); err != nil && i > 0; i-- {
			_ = os.Remove(made[i-1])
		}
	}()
	if err != nil {
		return err
	}
	return writeFile(m.file, m.data, m.mode)
}

// makeFolders makes dir and the folders above it, and returns those it made.
func makeFolders(dir string) (made []string, err error) {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if made, err = makeFolders(filepath.Dir(dir)); err != nil {
		return made, err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return made, err
	}
	return append(made, dir), nil
}
