package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// versionInfo says what program this is.
type versionInfo struct {
	Version  string `json:"version"`            // of the module, or "(devel)"
	Revision string `json:"revision,omitempty"` // commit it was built from
	Dirty    bool   `json:"dirty"`              // the work tree had changes
	Go       string `json:"go"`
	Platform string `json:"platform"` // GOOS/GOARCH
}

func (a *app) versionCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show which sealift this is",
		Long: `Show the version of the program, the commit it was built from and whether that
work tree had changes, where the build recorded them, and the Go version and
platform it was built with.`,
		Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			info, _ := debug.ReadBuildInfo()
			return printVersion(a.Out, versionOf(info), output)
		},
	}
	outputFlag(cmd, &output, "text", "json")
	return cmd
}

// versionOf reads what the build recorded; info is nil where it recorded nothing.
func versionOf(info *debug.BuildInfo) versionInfo {
	v := versionInfo{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info == nil {
		return v
	}
	v.Version, v.Go = cmp.Or(info.Main.Version, v.Version), cmp.Or(info.GoVersion, v.Go)
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.modified":
			v.Dirty = s.Value == "true"
		}
	}
	return v
}

func printVersion(w io.Writer, v versionInfo, format string) error {
	switch format {
	case "json":
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	case "text":
		_, err := fmt.Fprintf(w, "sealift %s\n%s%s %s\n", v.Version, v.commit(), v.Go, v.Platform)
		return err
	}
	return unknownFormat(format, "text", "json")
}

// commit is the line about the commit, "" where the build recorded none.
func (v versionInfo) commit() string {
	switch {
	case v.Revision == "":
		return ""
	case v.Dirty:
		return "commit " + v.Revision + ", with changes\n"
	}
	return "commit " + v.Revision + "\n"
}
