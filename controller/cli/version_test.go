package cli_test

import (
	"runtime"
	"runtime/debug"
	"testing"

	"sealift.dev/sealift/controller/cli"
)

func TestVersion(t *testing.T) {
	built := &debug.BuildInfo{GoVersion: "go1.26.8", Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "539e05b"}, {Key: "vcs.modified", Value: "true"}}}
	built.Main.Version = "v1.2.3"
	platform := runtime.GOOS + "/" + runtime.GOARCH
	clean := *built
	clean.Settings = built.Settings[:1]
	for _, tt := range []struct {
		name, format, want string
		info               *debug.BuildInfo
	}{
		{name: "dirty", info: built, format: "text", want: "sealift v1.2.3\ncommit 539e05b, with changes\ngo1.26.8 " + platform + "\n"},
		{name: "clean", info: &clean, format: "text", want: "sealift v1.2.3\ncommit 539e05b\ngo1.26.8 " + platform + "\n"},
		{name: "json", info: built, format: "json", want: "{\n  \"version\": \"v1.2.3\",\n  \"revision\": \"539e05b\",\n  \"dirty\": true,\n  \"go\": \"go1.26.8\",\n  \"platform\": \"" + platform + "\"\n}\n"},
		{name: "nothing recorded", format: "text", want: "sealift (devel)\n" + runtime.Version() + " " + platform + "\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := cli.VersionText(tt.info, tt.format)
			if err != nil || got != tt.want {
				t.Errorf("%v, %q, want %q", err, got, tt.want)
			}
		})
	}
}
