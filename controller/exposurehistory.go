package controller

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sealift.dev/sealift/api/envelope"
)

// earlierValue is one of a config's values that is no longer in use.
type earlierValue struct{ name, sealed string }

// history looks for sealed values and keys of earlier commits.
func (e *exposing) history() {
	were, whole, err := e.past.occurrences(e.ctx, *e.target, maxExposed)
	if err != nil {
		e.unread("history", err)
	}
	if err == nil && !whole {
		e.Unread = append(e.Unread, fmt.Sprintf("history: only the last %d commits were looked through", maxExposed))
	}
	seen := make(map[earlierValue]bool)
	keys, bundleKeys := make(map[string][]string), make(map[string]bool)
	for _, was := range were {
		var names []string
		under := make(map[string]bool)
		for name, value := range was.Config.Spec.Sealed {
			if e.sealed[name] == value || seen[earlierValue{name, value}] {
				continue
			}
			seen[earlierValue{name, value}] = true
			names = append(names, name)
			if sealed, err := envelope.ParseSealed(value); err == nil {
				under[sealed.KeyID()] = true
				keys[sealed.KeyID()] = append(keys[sealed.KeyID()], name)
			}
		}
		if key := was.Config.Spec.Bundle.KMSKey; key != e.target.Config.Spec.Bundle.KMSKey {
			bundleKeys[key] = true
		}
		if len(names) > 0 {
			e.add(Finding{
				Kind: "commit", Where: fmt.Sprintf("commit %.7s, %s", was.Revision, was.File), Secrets: names,
				What: "sealed values that are no longer in use, under " + strings.Join(slices.Sorted(maps.Keys(under)), ", "),
				Do:   "change the values where they are issued, if that is not done: history can't be unwritten, and whoever may decrypt with the key opens them",
			})
		}
	}
	e.keys(keys, bundleKeys)
}

// keys says what to do about keys that open what is no longer in use.
func (e *exposing) keys(sealing map[string][]string, bundle map[string]bool) {
	inUse := make(map[string]bool)
	for _, use := range e.target.sealingKeys() {
		inUse[use.ARN] = true
	}
	for _, arn := range slices.Sorted(maps.Keys(sealing)) {
		names := slices.Compact(slices.Sorted(slices.Values(sealing[arn])))
		f := Finding{Kind: "sealingKey", Where: arn, Secrets: names,
			What: "opens earlier values in history, and none of today's",
			Do:   fmt.Sprintf("when no other config uses it (sealift status -o json), aws kms disable-key --key-id %s; then, when nobody missed it, schedule-key-deletion", arn)}
		if inUse[arn] {
			f.What = "opens earlier values in history, and today's"
			f.Do = "to have today's values under another key: sealift keys create, then sealift reseal; then disable this one"
		}
		e.add(f)
	}
	for _, key := range slices.Sorted(maps.Keys(bundle)) {
		e.add(Finding{Kind: "bundleKey", Where: cmp.Or(key, "(none named)"), What: "wrapped the data keys of earlier bundles",
			Do: "when the versions and layers above are gone and no other config uses it, disable it, and schedule its deletion"})
	}
}

// occurrences returns t's config as each commit had it whose manifest no later one had, the
// newest first, and whether all of the branch was looked through.
func (p *Past) occurrences(ctx context.Context, t Target, limit int) (were []Target, whole bool, err error) {
	line, err := p.o.Lineage(ctx, p.o.Tip, limit+1)
	if err != nil {
		return nil, false, err
	}
	for _, revision := range line[:min(limit, len(line))] {
		commit, err := p.o.History(ctx, revision)
		if err != nil {
			return were, false, err
		}
		root, err := commit.Sub(ctx, ".")
		if err != nil {
			return were, false, err
		}
		names, err := manifests(root, []string{"."})
		if err != nil {
			return were, false, err
		}
		for _, name := range names {
			one, fresh, err := p.unseen(root, name)
			if err != nil {
				return were, false, err
			}
			if !fresh || one.known == nil && !bytes.Contains(one.data, []byte(t.Config.Name)) {
				continue
			}
			if was, ok := p.target(ctx, commit, settingsOf(root), one); ok && was.Key() == t.Key() {
				were = append(were, was)
			}
		}
		if ctx.Err() != nil {
			return were, false, ctx.Err()
		}
	}
	return were, len(line) <= limit, nil
}
