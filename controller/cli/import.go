package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/v1alpha1"
)

// importFlags say where values are imported from.
type importFlags struct {
	file                            string
	fromFolder, fromEnv, fromJSON   string
	finish, confirmReader, unfenced bool
	manifest                        manifestFlags
}

// fromFunction says whether the values are variables of the function.
func (f importFlags) fromFunction() bool {
	return f.fromFolder == "" && f.fromEnv == "" && f.fromJSON == ""
}

// check refuses what does not go together, and what may be a value in the wrong
// place; it does not repeat it.
func (f importFlags) check(cmd *cobra.Command, names []string) error {
	given := 0
	for _, is := range []bool{f.fromFolder != "", f.fromEnv != "", f.fromJSON != "", f.finish} {
		if is {
			given++
		}
	}
	switch {
	case f.file == "":
		return usage(cmd, errors.New("-f FILE is missing: the manifest to import into"))
	case given > 1:
		return usage(cmd, errors.New("only one of --from-folder, --from-env, --from-json and --finish may be given"))
	case f.confirmReader && !f.finish:
		return usage(cmd, errors.New("--confirm-reader goes with --finish"))
	case !f.fromFunction() && len(names) > 0:
		return usage(cmd, errors.New("VAR does not go with --from-folder, --from-env and --from-json, which give the names"))
	case given == 0 && len(names) == 0:
		return usage(cmd, errors.New("nothing to import: name variables of the function, or one of --from-folder, --from-env and --from-json"))
	}
	for _, name := range names {
		if !envelope.ValidName(name) {
			return usage(cmd, errors.New("VAR is not the name of a secret: want [A-Za-z_][A-Za-z0-9_]{0,127}; a value is never an argument"))
		}
	}
	return nil
}

func (a *app) importCommand() *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import -f FILE [VAR...]",
		Short: "Seal what is encrypted by hand, or lies in plain text, today",
		Long: `Seal values that a function gets in another way today into the manifest FILE, all or
none, and say what was found and what to delete. FILE is made if it does not exist,
as by ` + "`sealift seal`" + `. No value is ever printed. They come from

--from-folder DIR: files that were encrypted by hand with a KMS data key. config.json
has the wrapped data key as "kmsDataKey", which KMS decrypts (without an encryption
context), and every *.json.enc is one JSON object of strings, encrypted with
"openssl enc -aes-256-ctr -nosalt -a". The digest of the key's derivation is found by
trying: MD5 (Node's createDecipher, openssl before 1.1) and SHA-256 (openssl since).
A *.json beside its *.json.enc is compared. Values that are no strings are refused.

--from-env FILE, --from-json FILE: as with ` + "`sealift seal`" + `; - is standard input. So SOPS
files come by a pipe, here or into seal, which decrypts them nowhere on disk.

VAR...: plain text variables of the function that FILE configures (--function for a new
one), in --region. Nothing of the function is changed. Commit and apply, change the
code to read the bundle, and see that the deployed version does. Then
--finish --confirm-reader lists those variables (or VAR... alone) in
spec.environmentRemoved of FILE, and the next commit and apply takes them out of the
function. Versions that were published before keep theirs until they are deleted.

Files with plain text are added to the .gitignore beside them, in a git work tree, and to
spec.package.exclude, where they lie in the package. They are left for you to delete.`,
		Example: `  sealift import -f manifests/hello.yaml --name hello --function hello --from-folder functions/hello
  sealift import -f manifests/hello.yaml --region us-east-2 DB_PASSWORD API_TOKEN
  sealift import -f manifests/hello.yaml --finish --confirm-reader
  sops decrypt --output-type json prod.enc.json | sealift import -f manifests/hello.yaml --from-json -`,
		Args: func(cmd *cobra.Command, names []string) error { return f.check(cmd, names) },
		RunE: func(cmd *cobra.Command, names []string) error {
			f.manifest.given = cmd.Flags().Changed
			if f.finish {
				return a.finishImport(cmd.Context(), f, names)
			}
			return a.importValues(cmd.Context(), f, names)
		},
	}
	cmd.Flags().StringVarP(&f.file, "file", "f", "", "manifest `FILE`")
	cmd.Flags().StringVar(&f.fromFolder, "from-folder", "", "`folder` with config.json and *.json.enc")
	cmd.Flags().StringVar(&f.fromJSON, "from-json", "", "`file` with many values: a JSON object of strings; - is standard input")
	cmd.Flags().StringVar(&f.fromEnv, "from-env", "", "`file` with many values: lines NAME=VALUE; - is standard input")
	cmd.Flags().BoolVar(&f.finish, "finish", false, "have variables removed from the function whose values are in its bundle")
	cmd.Flags().BoolVar(&f.confirmReader, "confirm-reader", false, "with --finish: the deployed code was seen to read them from the bundle; with spec.function.canary the function is asked instead")
	cmd.Flags().BoolVar(&f.unfenced, "unfenced", false, "work with an endpoint that answers no RevisionId (emulators)")
	completeManifest(cmd, "file")
	f.manifest.register(cmd.Flags())
	a.aws.register(cmd.Flags())
	cmd.SetFlagErrorFunc(quietFlagError)
	return cmd
}

// imported is what was found at a source.
type imported struct {
	values namedValues
	found  []string // sentences
	plain  []string // files with plain text
	later  []string // files that the function may still need
	notes  []string // what was not looked at
}

func (a *app) importValues(ctx context.Context, f importFlags, names []string) error {
	if _, err := os.Lstat(f.file); errors.Is(err, fs.ErrNotExist) && (f.manifest.name == "" || f.manifest.function == "") {
		return hint(fmt.Errorf("%s does not exist, and to make it --name and --function are needed", printable(f.file)), "see `sealift import --help`")
	}
	m, err := openManifest(f.file, f.manifest)
	if err != nil {
		return err
	}
	key, err := sealingKeyFor(f.file)
	if err != nil {
		return err
	}
	region, err := a.importRegion(m)
	if err != nil {
		return err
	}
	from, err := a.readImported(ctx, f, m, region, names)
	defer from.values.wipe()
	if err != nil {
		return err
	}
	sealed, err := a.sealAll(ctx, key, m, from.values)
	if err != nil {
		return err
	}
	others, err := m.set(sealed)
	if err != nil {
		return err
	}
	kept, err := keepOut(m, from.plain)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(sealed)) {
		fmt.Fprintf(a.Out, "sealed %s in %s\n", m.scope(name), printable(f.file))
	}
	a.tell("found: %s", from.found)
	a.tell("note: %s", from.notes)
	a.tell("kept out of git and packages: %s", kept)
	a.tell("delete now, it is plain text: %s", from.plain)
	a.tell("delete when the function reads its bundle: %s", from.later)
	if len(from.plain)+len(from.later) > 0 {
		fmt.Fprintln(a.Err, "note: what git or a deployed package ever held can still be read there; then change the secret at its source")
	}
	if f.fromFunction() {
		fmt.Fprintf(a.Err, "note: the function keeps its variables; when the deployed code reads its bundle: sealift import -f %s --finish --confirm-reader\n", printable(f.file))
	}
	a.afterSealing(f.file, others)
	return nil
}

func (a *app) tell(format string, lines []string) {
	for _, line := range lines {
		fmt.Fprintf(a.Err, format+"\n", printable(line))
	}
}

// readImported reads values from where f says. The values are to be wiped after an error,
// too.
func (a *app) readImported(ctx context.Context, f importFlags, m *manifest, region string, names []string) (from imported, err error) {
	file, parse := f.fromEnv, parseValues(parseEnvValues)
	if f.fromJSON != "" {
		file, parse = f.fromJSON, parseJSONValues
	}
	switch {
	case f.fromFolder != "":
		return a.readFolder(ctx, f.fromFolder, region)
	case f.fromFunction():
		return a.readFunction(ctx, m, region, f.unfenced, names)
	}
	if from.values, err = a.readValues(ctx, file, parse); err != nil {
		return from, err
	}
	shown := "standard input"
	if file != "-" {
		shown, from.plain = file, []string{file}
	}
	from.found = []string{fmt.Sprintf("%s in %s", count(len(from.values), "value"), shown)}
	return from, nil
}

// importRegion returns the region in which the function and its data key are; "" is that
// of the default chain. A new manifest records one that nothing else names.
func (a *app) importRegion(m *manifest) (string, error) {
	settings, _, _, err := settingsFor(m.file)
	if err != nil {
		return "", err
	}
	known := cmp.Or(m.config.Spec.Function.Region, settings.Region)
	given := a.aws.Region
	switch {
	case given == "" || known == given:
		return known, nil
	case !m.exists && m.config.Spec.Function.Region == "":
		return given, m.setRegion(given)
	case known == "":
		return given, nil
	}
	return "", hint(fmt.Errorf("--region says %s, and %s is for a function in %s", given, printable(m.file), known),
		"leave --region out, or change spec.function.region")
}

// setRegion sets the region of a manifest that is made.
func (m *manifest) setRegion(region string) error {
	i := m.draft
	i.Spec.Function.Region = region
	text, err := i.text()
	if err != nil {
		return fmt.Errorf("make %s: %w", printable(m.file), err)
	}
	for _, fault := range v1alpha1.Validate(i.config()) {
		if fault.Field == "spec.function.region" {
			return fmt.Errorf("--region: %s", fault.Detail)
		}
	}
	m.data, m.config = text, i.config()
	return nil
}
