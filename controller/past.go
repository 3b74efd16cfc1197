package controller

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"sealift.dev/sealift/api/v1alpha1"
)

// Lineage returns the ids of a commit and of its first parents, which is what one branch
// was at: the newest first, no more than limit, and fewer where the history ends.
type Lineage func(ctx context.Context, revision string, limit int) ([]string, error)

const (
	// maxLine is how far back a revision still counts as one of the branch.
	maxLine = 10_000

	// maxPast is how many commits are looked through for the last one that had a config, and
	// recentPast how many of them without a function that asks for it.
	maxPast    = 200
	recentPast = 20
)

// PastOptions say where a Past is read. Every field but Swept is required.
type PastOptions struct {
	Head    Commit
	Tip     string // revision of the branch: Head's or, for a work tree, the one it is based on
	History History
	Lineage Lineage
	// Selection has the paths that configs are in, or were: others are somebody else's.
	Selection Selection
	// Swept is an earlier revision of the branch up to which nothing is left to be done, or "".
	Swept string
}

// Past is what a branch had before its head, as far as it was read: the configs that are
// gone from it. It serves one caller at a time.
type Past struct {
	o       PastOptions
	line    []string        // Tip and what was before, as far as was asked for
	full    bool            // whether line goes as far back as it counts
	walked  int             // how many of line were looked through
	seen    map[string]bool // files, by name and content, and folders
	were    map[place]Target
	decoded map[string]*known         // manifests that callers have, as seen has them
	parsed  map[string]parsedSettings // settings files of the commit that was looked through last
	present *present
}

// place is a config on a function.
type place struct{ config, function string } // as Target's Key and function have them

// NewPast returns a Past that has read nothing yet.
func NewPast(o PastOptions) *Past {
	return &Past{o: o, seen: make(map[string]bool), were: make(map[place]Target), decoded: make(map[string]*known)}
}

// share has p not decode again what targets were decoded from.
func (p *Past) share(targets []Target) {
	for _, t := range targets {
		if t.known != nil && t.known.id != "" {
			p.decoded[content(t.File, t.known.id)] = t.known
		}
	}
}

// content names a file with what is in it, by git's id of that.
func content(name, id string) string { return name + "\n" + id }

func (t Target) place() place { return place{t.Key(), t.function()} }

// has reports whether the branch was at a revision.
func (p *Past) has(ctx context.Context, revision string) (bool, error) {
	if slices.Contains(p.line, revision) {
		return true, nil
	}
	if p.full {
		return false, nil
	}
	line, err := p.o.Lineage(ctx, p.o.Tip, maxLine)
	if err != nil {
		return false, err
	}
	p.line, p.full = line, true
	return slices.Contains(line, revision), nil
}

// walk looks back, commit by commit, until enough says so or limit commits were looked
// through.
func (p *Past) walk(ctx context.Context, limit int, enough func() bool) error {
	if len(p.line) < limit && !p.full {
		line, err := p.o.Lineage(ctx, p.o.Tip, limit)
		if err != nil {
			return err
		}
		p.line = line
	}
	for p.walked < min(limit, len(p.line)) && !enough() {
		if err := p.look(ctx, p.line[p.walked]); err != nil {
			return err
		}
		p.walked++
	}
	return nil
}

// look keeps the configs of a commit that no later one had. A manifest that can't be used
// is none.
func (p *Past) look(ctx context.Context, revision string) error {
	commit, err := p.o.History(ctx, revision)
	if err != nil {
		return err
	}
	root, err := commit.Sub(ctx, ".")
	if err != nil {
		return err
	}
	paths, folders := p.unlike(commit, root)
	names, err := manifests(root, paths)
	if err != nil {
		return err
	}
	settings := settingsReader{root: root, before: p.parsed, files: make(map[string]parsedSettings), dirs: make(map[string]parsedSettings)}
	for _, name := range names {
		one, fresh, err := p.unseen(root, name)
		if err != nil {
			return err
		}
		if !fresh {
			continue
		}
		t, usable := p.target(ctx, commit, settings.find, one)
		if !usable {
			continue
		}
		if _, later := p.were[t.place()]; !later {
			p.were[t.place()] = t
		}
	}
	for _, folder := range folders {
		p.seen[folder] = true
	}
	p.parsed = settings.files
	return ctx.Err()
}

// there returns those of the selected paths that are there.
func (p *Past) there(root fs.FS) []string {
	return slices.DeleteFunc(slices.Clone(p.o.Selection.Paths), func(path string) bool {
		_, err := fs.Stat(root, path)
		return errors.Is(err, fs.ErrNotExist)
	})
}

// unlike returns those of the selected paths that are there, without the folders that a
// later commit had as they are, as no file below them is new; and the folders among them.
func (p *Past) unlike(commit Commit, root fs.FS) (paths, folders []string) {
	for _, path := range p.there(root) {
		id, err := commit.TreeID(path)
		if err != nil || id == "" { // a file
			paths = append(paths, path)
			continue
		}
		if folder := content(path+"/", id); !p.seen[folder] {
			paths, folders = append(paths, path), append(folders, folder)
		}
	}
	return paths, folders
}

// pastFile is a file of a commit that no later one had.
type pastFile struct {
	name  string
	known *known // nil: it is to be decoded
	data  []byte // nil with known
}

// unseen returns a file, unless a later commit had the same one.
func (p *Past) unseen(root fs.FS, name string) (one pastFile, fresh bool, err error) {
	info, err := fs.Stat(root, name)
	if err != nil {
		return pastFile{}, false, err
	}
	one.name = name
	id, _ := info.Sys().(string) // git's, where a commit gives it
	if id != "" && p.seen[content(name, id)] {
		return one, false, nil
	}
	if one.known = p.decoded[content(name, id)]; one.known == nil {
		one.data, err = readManifest(root, name)
		var tooLarge v1alpha1.Errors
		if err != nil && !errors.As(err, &tooLarge) {
			return pastFile{}, false, err
		}
	}
	if id == "" {
		sum := sha256.Sum256(one.data)
		id = hex.EncodeToString(sum[:])
	}
	fresh = !p.seen[content(name, id)]
	p.seen[content(name, id)] = true
	return one, fresh, nil
}

// target completes the config of a file as it was at a commit, with the settings that find
// finds there.
func (p *Past) target(ctx context.Context, commit Commit, find func(dir string) (Settings, []string, error), one pastFile) (Target, bool) {
	k := one.known
	if k == nil {
		file, err := v1alpha1.DecodeFile(one.name, one.data)
		if err != nil {
			return Target{}, false
		}
		k = &known{file: file}
	}
	t := Target{File: one.name, Revision: commit.Revision(), known: k, commit: commit, history: p.o.History}
	if err := t.complete(ctx, find, p.o.Selection); err != nil {
		return Target{}, false
	}
	return t, true
}

// applied returns the config of was as it was at the revision of a marker. Its error is a
// Kept if that is none of the branch, or had no such config, or that on another function.
func (p *Past) applied(ctx context.Context, was Target, revision string) (Target, error) {
	ours, err := p.has(ctx, revision)
	if err != nil {
		return Target{}, err
	}
	if !ours {
		return Target{}, Kept{fmt.Sprintf("revision %.7s, which was applied, is not in the history of the branch", revision)}
	}
	commit, err := p.o.History(ctx, revision)
	if err != nil {
		return Target{}, err
	}
	root, err := commit.Sub(ctx, ".")
	if err != nil {
		return Target{}, err
	}
	file, err := was.find(root)
	if errors.Is(err, fs.ErrNotExist) {
		return Target{}, Kept{fmt.Sprintf("revision %.7s, which was applied, does not have that config", revision)}
	}
	if err != nil {
		return Target{}, err
	}
	t := Target{File: file.Path, Revision: revision, known: &known{file: file}, commit: commit, history: p.o.History}
	if err := t.complete(ctx, settingsOf(root), p.o.Selection); err != nil || t.function() != was.function() {
		return Target{}, Kept{fmt.Sprintf("revision %.7s, which was applied, has that config on another function", revision)}
	}
	return t, nil
}

// atSwept reports whether what was looked through last is Swept: what was before that is
// known.
func (p *Past) atSwept() bool {
	return p.o.Swept != "" && p.walked > 0 && p.line[p.walked-1] == p.o.Swept
}

// regions returns where functions may have been left: the regions of what git has, and the
// one that others are in.
func (p *Past) regions(ctx context.Context, targets []Target) []string {
	var regions []string
	for _, t := range targets {
		regions = append(regions, t.region)
	}
	for at := range p.were {
		regions = append(regions, p.were[at].region)
	}
	region := p.o.Selection.Region
	if p.o.Selection.DefaultRegion != nil && region == "" {
		own, err := p.o.Selection.DefaultRegion(ctx)
		if err == nil {
			region = own
		}
	}
	regions = append(regions, region)
	slices.Sort(regions)
	regions = slices.Compact(regions)
	return slices.DeleteFunc(regions, func(r string) bool { return r == "" })
}
