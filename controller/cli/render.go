package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"sealift.dev/sealift/controller/internal/plan"
)

// renderer returns the function that prints plans in a format.
func renderer(format string) (func(io.Writer, []plan.Plan) error, error) {
	switch format {
	case "text":
		return renderText, nil
	case "json":
		return renderJSON, nil
	case "markdown":
		return renderMarkdown, nil
	}
	return nil, fmt.Errorf("--output %q: not text, json or markdown", format)
}

var signs = map[plan.Action]string{plan.Add: "+", plan.Change: "~", plan.Remove: "-", plan.Keep: "="}

// renderText prints a plan as a heading and a line an item.
func renderText(w io.Writer, plans []plan.Plan) error {
	for _, p := range plans {
		if _, err := fmt.Fprintf(w, "%s\n", heading(p)); err != nil {
			return err
		}
		for _, item := range p.Items {
			subject := strings.TrimSpace(string(item.Kind) + " " + item.Name)
			if _, err := fmt.Fprintf(w, "  %s %-22s %s\n", signs[item.Action], subject, item.Detail); err != nil {
				return err
			}
		}
	}
	return nil
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
	case c.Spec.Suspend:
		state = "  suspended"
	case p.InSync():
		state = "  in sync"
	}
	return fmt.Sprintf("%s/%s → lambda %s (%s)  %s @ %.7s%s", c.Namespace, c.Name, p.Want.Consumer(), where, printable(p.Want.File), p.Want.Revision, state)
}

// planJSON is a plan in JSON: stable, and without any value of a secret.
type planJSON struct {
	Config   string      `json:"config"`
	File     string      `json:"file"`
	Revision string      `json:"revision"`
	Region   string      `json:"region"`
	Function string      `json:"function"`
	Alias    string      `json:"alias,omitempty"`
	Version  string      `json:"version,omitempty"`
	InSync   bool        `json:"inSync"`
	Suspend  bool        `json:"suspended,omitempty"`
	Changes  []plan.Item `json:"changes"`
}

func renderJSON(w io.Writer, plans []plan.Plan) error {
	list := make([]planJSON, 0, len(plans))
	for _, p := range plans {
		c := p.Want.Config
		j := planJSON{
			Config: c.Namespace + "/" + c.Name, File: p.Want.File, Revision: p.Want.Revision, Region: p.Want.Region,
			Function: c.Spec.Function.Name, Alias: c.Spec.Function.Alias, InSync: p.InSync(), Suspend: c.Spec.Suspend,
			Changes: append([]plan.Item{}, p.Items...),
		}
		if p.Observed.Alias != nil {
			j.Version = p.Observed.Alias.Version
		}
		list = append(list, j)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(list)
}

// renderMarkdown prints plans for a comment on a pull request.
func renderMarkdown(w io.Writer, plans []plan.Plan) error {
	for _, p := range plans {
		if _, err := fmt.Fprintf(w, "### %s\n\n", markdown(heading(p))); err != nil {
			return err
		}
		if len(p.Items) == 0 {
			continue
		}
		fmt.Fprint(w, "| | what | detail |\n| --- | --- | --- |\n")
		for _, item := range p.Items {
			subject := strings.TrimSpace(string(item.Kind) + " " + item.Name)
			if _, err := fmt.Fprintf(w, "| %s | %s | %s |\n", item.Action, markdown(subject), markdown(item.Detail)); err != nil {
				return err
			}
		}
		fmt.Fprintln(w)
	}
	return nil
}

var markdownEscapes = strings.NewReplacer(`\`, `\\`, "|", `\|`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "<", "&lt;", "@", "&#64;", "\n", " ")

func markdown(s string) string { return markdownEscapes.Replace(s) }

// printable returns a file name for one line of text, quoted if it has to be.
func printable(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}
