package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller"
)

func (a *app) editCommand() *cobra.Command {
	var sealingKeys []string
	cmd := &cobra.Command{
		Use:   "edit FILE",
		Short: "Edit the sealed values of a manifest in plain text",
		Long: `Open the sealed values of the manifest FILE in an editor ($VISUAL, $EDITOR or vi), as
NAME: value pairs in YAML. What was changed or added there is sealed, what was
removed is removed from the manifest, and every other byte of it stays. Nothing
changed, or an empty file, cancels. If the edited text has a fault, you are asked
whether to edit it again.

Values are unsealed as ` + "`sealift unseal`" + ` does, with the keys that --sealing-key names or
else with those of the nearest ` + controller.SettingsFile + ` upward from FILE, and sealed with the first of
the latter. The plaintext is in a folder that only you can enter, on a file system in
memory (tmpfs, which Linux has: $XDG_RUNTIME_DIR or /dev/shm); elsewhere this
command refuses. It is removed on every way out, and at the next start after a kill.

Memory may be swapped to a disk: encrypt the swap space. Swap, backup, undo and history
files of vim, neovim, nano and emacs are turned off; of another editor, and of plugins,
you know best what they keep. An editor with a window has to be told to wait.`,
		Example: `  sealift edit manifests/hello.yaml
  VISUAL='code --wait' sealift edit manifests/hello.yaml`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			if err := checkSealingKeys(sealingKeys); err != nil {
				return err
			}
			return a.edit(cmd.Context(), list[0], sealingKeys)
		},
		ValidArgsFunction: completeFile,
	}
	cmd.Flags().StringArrayVar(&sealingKeys, "sealing-key", nil, "`ARN` of a key to unseal with; may be given again")
	a.aws.register(cmd.Flags())
	return cmd
}

// editable is a manifest without faults, and what it says.
type editable struct {
	*manifest
	says *v1alpha1.SealedConfig
}

func openEditable(file string) (editable, error) {
	if _, err := configOf(file); err != nil {
		return editable{}, err
	}
	m, err := openManifest(file, manifestFlags{given: func(string) bool { return false }})
	if err != nil {
		return editable{}, err
	}
	says, err := decodeConfig(file, m.before)
	return editable{m, says}, err
}

// edit refuses whatever it can before it unseals anything.
func (a *app) edit(parent context.Context, file string, trusted []string) (err error) {
	m, err := openEditable(file)
	if err != nil {
		return err
	}
	key, err := sealingKeyFor(file)
	if err != nil {
		return err
	}
	if len(trusted) == 0 {
		if trusted, err = trustedFor(file); err != nil {
			return err
		}
	}
	with, err := findEditor(os.Getenv)
	if err != nil {
		return err
	}
	ctx, signals := watchSignals(parent)
	defer signals.stop()
	s, err := a.scratchFor(file)
	if err != nil {
		return err
	}
	defer closePlaces([]place{s.place})
	defer func() {
		switch failure := s.remove(); {
		case failure == nil:
		case err == nil, err == errReported:
			err = failure
		default:
			err = errors.Join(err, failure)
		}
	}()
	e := editing{app: a, base: m, key: key, editor: with.confined(s.path("")), scratch: s, signals: signals}
	return e.run(ctx, trusted)
}

// scratchFor sweeps what was left over, and makes a folder to edit in.
func (a *app) scratchFor(file string) (*scratch, error) {
	places := memoryPlaces(a.memory)
	swept, err := sweep(places)
	if swept > 0 {
		fmt.Fprintf(a.Err, "note: removed plaintext that a killed edit had left in memory\n")
	}
	if err != nil {
		fmt.Fprintf(a.Err, "note: %v\n", err)
	}
	s, err := newScratch(a.rand, places)
	for _, p := range places {
		if s == nil || p != s.place {
			closePlaces([]place{p})
		}
	}
	if err != nil {
		return nil, hint(err, "change values one by one, through a pipe: sealift unseal %s NAME | ... | sealift seal -f %s NAME", printable(file), printable(file))
	}
	return s, nil
}

// editing is one run of the command, with all that was made ready for it.
type editing struct {
	*app
	base    editable
	key     sealingKey
	editor  editor
	scratch *scratch
	signals *signalWatch
}

// run has the values edited until they can be sealed, or the user gives up.
func (e editing) run(ctx context.Context, trusted []string) error {
	values, err := e.unsealAll(ctx, trusted)
	if err != nil {
		return err
	}
	defer values.wipe()
	text, err := renderValues(e.head(), values)
	defer clear(text)
	if err == nil {
		err = e.scratch.write(text)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", printable(e.base.file), err)
	}
	for {
		e.signals.editing.Store(true)
		err := e.runEditor(ctx, e.editor, e.scratch.path(scratchFile))
		e.signals.editing.Store(false)
		if err != nil {
			return fmt.Errorf("%w; %s stays as it is", err, printable(e.base.file))
		}
		err = e.take(ctx, values)
		if _, isTerminal := e.terminal(); err == nil || errors.Is(err, errMeanwhile) || !isTerminal || ctx.Err() != nil {
			return err
		}
		if err := e.askAgain(ctx, err); err != nil {
			return err
		}
	}
}

// unsealAll opens all values of the manifest; if it has none, nobody is asked.
func (e editing) unsealAll(ctx context.Context, trusted []string) (namedValues, error) {
	names := slices.Sorted(maps.Keys(e.base.says.Spec.Sealed))
	if len(names) == 0 {
		return namedValues{}, nil
	}
	values, err := e.unsealed(ctx, e.base.says, names, trusted)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", printable(e.base.file), err)
	}
	e.log.DebugContext(ctx, "values unsealed", "config", e.base.config.Namespace+"/"+e.base.config.Name, "values", len(values))
	return values, nil
}

func (e editing) head() string {
	return fmt.Sprintf(`The sealed values of %s/%s, in plain text.
Manifest: %s

One NAME: value after the other, in YAML; put a value in "quotes" if in doubt.
What you change or add is sealed, what you remove is removed from the manifest.
To cancel, save the file empty or as it is. It is in memory alone, and is gone
when the editor ends.
`, e.base.config.Namespace, e.base.config.Name, printable(e.base.file))
}

// take reads what was edited, seals what differs from before, and writes the manifest.
func (e editing) take(ctx context.Context, before namedValues) error {
	data, err := e.scratch.read()
	defer clear(data)
	if err != nil {
		return err
	}
	after, err := parseEdited("the edited text", data)
	if err != nil {
		return err
	}
	defer after.wipe()
	change := editOf(before, after)
	if len(after) == 0 || change.empty() {
		fmt.Fprintf(e.Out, "nothing changed: %s stays as it is\n", printable(e.base.file))
		return nil
	}
	sealed := map[string]string{}
	if len(change.set) > 0 {
		if sealed, err = e.sealAll(ctx, e.key, e.base.manifest, change.set); err != nil {
			return err
		}
	}
	return e.splice(sealed, change.removed)
}

// errMeanwhile says that the manifest and the edit do not go together any more.
var errMeanwhile = errors.New("was changed by another program meanwhile")

// splice puts the change into the manifest as it is now.
func (e editing) splice(sealed map[string]string, removed []string) error {
	now, err := openEditable(e.base.file)
	if err != nil {
		return err
	}
	if err := e.base.agrees(now, append(slices.Sorted(maps.Keys(sealed)), removed...)); err != nil {
		return err
	}
	if _, err := now.set(sealed); err != nil {
		return err
	}
	if now.data, err = v1alpha1.RemoveSealed(now.data, removed); err != nil {
		return now.named(err)
	}
	if err := now.write(); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(sealed)) {
		fmt.Fprintf(e.Out, "sealed %s in %s\n", now.scope(name), printable(now.file))
	}
	for _, name := range removed {
		fmt.Fprintf(e.Out, "removed %s from %s\n", now.scope(name), printable(now.file))
	}
	e.afterSealing(now.file, nil)
	return nil
}

// agrees returns an error if what was edited is not in now what it was before.
func (m editable) agrees(now editable, names []string) error {
	if bytes.Equal(now.before, m.before) {
		return nil
	}
	const next = "the edit is not kept; run the command again"
	if now.config.Namespace != m.config.Namespace || now.config.Name != m.config.Name {
		return hint(fmt.Errorf("%s %w, and is of another config now; nothing was written", printable(m.file), errMeanwhile), next)
	}
	for _, name := range names {
		was, had := m.says.Spec.Sealed[name]
		if is, has := now.says.Spec.Sealed[name]; had != has || was != is {
			return hint(fmt.Errorf("%s %w, and %s with it, which you edited; nothing was written", printable(m.file), errMeanwhile, name), next)
		}
	}
	return nil
}
