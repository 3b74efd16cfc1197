package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/plan"
)

// outcome is a plan, and what came of it.
type outcome struct {
	plan    plan.Plan
	applied bool
	version string // that the alias was moved to; "" if it was not
	patched *controller.Patched
	cleaned controller.Cleaned
}

// renderer returns the function that renders outcomes in a format.
func renderer(format string) (func([]outcome) []byte, error) {
	switch format {
	case "text":
		return renderText, nil
	case "json":
		return renderJSON, nil
	case "markdown":
		return renderMarkdown, nil
	}
	return nil, unknownFormat(format, "text", "json", "markdown")
}

// renderText renders a heading, a line an item, and what was done.
func renderText(list []outcome) []byte {
	var b bytes.Buffer
	for _, o := range list {
		fmt.Fprintf(&b, "%s\n", heading(o.plan))
		for _, item := range o.plan.Items {
			fmt.Fprintf(&b, "  %s %-22s %s\n", sign(item.Action), subject(item), item.Detail)
		}
		if o.applied {
			fmt.Fprintf(&b, "%s: done: %s\n", key(o.plan), o.done())
		}
	}
	return b.Bytes()
}

func sign(a plan.Action) string {
	switch a {
	case plan.Add:
		return "+"
	case plan.Remove:
		return "-"
	case plan.Keep:
		return "="
	}
	return "~"
}

func subject(item plan.Item) string { return strings.TrimSpace(string(item.Kind) + " " + item.Name) }

func key(p plan.Plan) string { return p.Want.Config.Namespace + "/" + p.Want.Config.Name }

// done says what an apply has done that its plan does not say.
func (o outcome) done() string {
	if o.plan.Scrub {
		return scrubbed(o)
	}
	return o.changed() + o.deleted()
}

// deleted says which versions are gone, if any are.
func (o outcome) deleted() string {
	text := ""
	if len(o.cleaned.Versions) > 0 {
		text += "; versions deleted: " + strings.Join(o.cleaned.Versions, ", ")
	}
	if len(o.cleaned.Layers) > 0 {
		text += "; layer versions deleted: " + strings.Trim(strings.Join(strings.Fields(fmt.Sprint(o.cleaned.Layers)), ", "), "[]")
	}
	return text
}

// changed says what is live, and what became of a package that was patched.
func (o outcome) changed() string {
	if o.patched == nil {
		return o.live()
	}
	entries := "entries"
	if o.patched.Unchanged == 1 {
		entries = "entry"
	}
	text := fmt.Sprintf("%s; %d %s unchanged", o.live(), o.patched.Unchanged, entries)
	if o.patched.Replaced > 0 {
		text += fmt.Sprintf(", %d replaced", o.patched.Replaced)
	}
	if o.patched.Added > 0 {
		text += fmt.Sprintf(", %d added", o.patched.Added)
	}
	return text
}

// live says what is live after an apply.
func (o outcome) live() string {
	if o.version == "" {
		return "$LATEST is applied; without spec.function.alias there is no atomic switch"
	}
	return fmt.Sprintf("alias %s names version %s", o.plan.Want.Config.Spec.Function.Alias, o.version)
}

// heading names the config, its function and its file, and says when there is
// nothing to do.
func heading(p plan.Plan) string {
	c := p.Want.Config
	where := "$LATEST"
	if alias := c.Spec.Function.Alias; alias != "" {
		where = "alias " + alias
		if p.Observed.Alias != nil {
			where += ", version " + p.Observed.Alias.Version
		}
	}
	state := ""
	switch {
	case c.Spec.Suspend && !p.Scrub:
		state = "  suspended"
	case p.Scrub:
		state = "  removed from git"
	case p.Held != nil && p.InSync():
		state = "  held"
	case p.InSync():
		state = "  in sync"
	}
	revision := cmp.Or(p.Want.Revision, "work tree")
	if len(revision) >= 40 {
		revision = revision[:7]
	}
	return fmt.Sprintf("%s → lambda %s (%s)  %s @ %s%s", key(p), p.Want.Consumer(), where, printable(p.Want.File), revision, state)
}

// outcomeJSON is an outcome in JSON: stable, and without any value of a secret.
type outcomeJSON struct {
	Config    string       `json:"config"`
	File      string       `json:"file"`
	Revision  string       `json:"revision,omitempty"` // absent for a work tree with changes
	Region    string       `json:"region"`
	Function  string       `json:"function"`
	Alias     string       `json:"alias,omitempty"`
	Version   string       `json:"version,omitempty"` // that the alias names now
	InSync    bool         `json:"inSync"`
	Suspended bool         `json:"suspended,omitempty"`
	Removed   bool         `json:"removed,omitempty"` // from git: what it put on the function is taken away
	Held      string       `json:"held,omitempty"`    // version at which a rollback holds the alias
	Applied   bool         `json:"applied"`
	Changes   []plan.Item  `json:"changes"` // to be made, or that were made
	Patched   *patchedJSON `json:"patched,omitempty"`

	VersionsDeleted      []string `json:"versionsDeleted,omitempty"` // that spec.function.keepVersions does not keep
	LayerVersionsDeleted []int64  `json:"layerVersionsDeleted,omitempty"`
}

// patchedJSON counts the entries of a package that was patched.
type patchedJSON struct {
	Unchanged int `json:"unchanged"`
	Replaced  int `json:"replaced"`
	Added     int `json:"added"`
}

func newPatchedJSON(p *controller.Patched) *patchedJSON {
	if p == nil {
		return nil
	}
	return &patchedJSON{Unchanged: p.Unchanged, Replaced: p.Replaced, Added: p.Added}
}

func renderJSON(list []outcome) []byte {
	out := make([]outcomeJSON, 0, len(list))
	for _, o := range list {
		c := o.plan.Want.Config
		j := outcomeJSON{
			Config: key(o.plan), File: o.plan.Want.File, Revision: o.plan.Want.Revision, Region: o.plan.Want.Region,
			Function: c.Spec.Function.Name, Alias: c.Spec.Function.Alias, Version: o.version, InSync: o.applied || o.plan.InSync(),
			Suspended: c.Spec.Suspend, Removed: o.plan.Scrub, Applied: o.applied, Changes: append([]plan.Item{}, o.plan.Items...),
			Patched: newPatchedJSON(o.patched), VersionsDeleted: o.cleaned.Versions, LayerVersionsDeleted: o.cleaned.Layers,
		}
		if o.plan.Held != nil {
			j.Held = o.plan.Held.Version
		}
		if j.Version == "" && o.plan.Observed.Alias != nil {
			j.Version = o.plan.Observed.Alias.Version
		}
		out = append(out, j)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	_ = enc.Encode(out) // strings, booleans and slices of them can be encoded
	return b.Bytes()
}

// renderMarkdown renders plans for a comment on a pull request.
func renderMarkdown(list []outcome) []byte {
	var b bytes.Buffer
	for _, o := range list {
		fmt.Fprintf(&b, "### %s\n\n", markdown(heading(o.plan)))
		if len(o.plan.Items) > 0 {
			b.WriteString("| | what | detail |\n| --- | --- | --- |\n")
		}
		for _, item := range o.plan.Items {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", item.Action, markdown(subject(item)), markdown(item.Detail))
		}
		if o.applied {
			fmt.Fprintf(&b, "\nDone: %s.\n", markdown(o.done()))
		}
		b.WriteString("\n")
	}
	return b.Bytes()
}

// markdown escapes one line of text, so that it is text and nothing else.
func markdown(s string) string {
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "<", "&lt;", "@", "&#64;", "\n", " ").Replace(s)
}

// printable returns a file name for one line of text, quoted if it has to be.
func printable(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}
