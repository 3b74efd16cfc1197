package server_test

import (
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/plan"
	"sealift.dev/sealift/controller/internal/server"
)

// FuzzMetrics checks that no name and no error code makes a line of the exposition that
// somebody else's parser of it would take for another series: each line is one metric
// with quoted labels and a number, a config's name is back in them whole, and what is not
// of the form of AWS's names is counted as "other".
func FuzzMetrics(f *testing.F) {
	for _, seed := range [][4]string{
		{"payments/hello", "Lambda", "GetFunction", "AccessDeniedException"}, {"a/b\" 1\nsealift_evil 1\n#", "x", "y", "z"}, {"\\/\\n", "La\nmbda", "{a=\"b\"}", "\x00"}, {"\xff/\xfe", "\xff", "é", "\u202e"},
		{"", "", "", "ok"}, {"a", strings.Repeat("A", 65), "SSO OIDC", "{}"}, {"a/b\\\"", " ", "# HELP", "="},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	f.Fuzz(func(t *testing.T, config, service, operation, code string) {
		m := server.NewMetrics(server.MetricsOptions{Version: code, Now: noon})
		m.AWSCall(service, operation, code, time.Second)
		status := controller.OperatorStatus{Revision: operation, Configs: []controller.ConfigStatus{{Config: config, Status: plan.Status{
			Conditions: []metav1.Condition{{Type: "Ready", Status: "True", Message: code}},
		}}}}
		exposition := handlerOf(m, &fake{status: status})(t)
		space, name, _ := strings.Cut(config, "/")
		seen := false
		for line := range strings.Lines(exposition) {
			labels, ok := labelsOf(strings.TrimSuffix(line, "\n"))
			if !ok {
				t.Errorf("not a line of the format: %q", line)
			}
			if strings.HasPrefix(line, "sealift_config_condition{") {
				seen = seen || labels["namespace"] == strings.ToValidUTF8(space, "?") && labels["name"] == strings.ToValidUTF8(name, "?") && labels["type"] == "Ready"
			}
			for _, label := range []string{"service", "operation", "code"} {
				if strings.HasPrefix(line, "sealift_aws_") && strings.ContainsFunc(labels[label], func(r rune) bool { return r > 'z' || r < '.' || r == '{' }) {
					t.Errorf("a label that is no name: %q", line)
				}
			}
		}
		if !seen {
			t.Errorf("no condition of %q in\n%s", config, own(exposition))
		}
	})
}

// labelsOf reads a line of Prometheus' text format
// (https://prometheus.io/docs/instrumenting/exposition_formats/): a comment, or
// name{label="value",…} number, with the escapes \\, \" and \n in values.
func labelsOf(line string) (labels map[string]string, ok bool) {
	if !utf8.ValidString(line) || strings.ContainsAny(line, "\n") {
		return nil, false
	}
	if strings.HasPrefix(line, "# HELP ") || strings.HasPrefix(line, "# TYPE ") {
		return nil, true
	}
	name, rest, braced := strings.Cut(line, "{")
	if !braced {
		name, rest, _ = strings.Cut(line, " ")
		rest = " " + rest
	}
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:0123456789") != "" || name == "" {
		return nil, false
	}
	labels = map[string]string{}
	for braced {
		label, after, found := strings.Cut(rest, `="`)
		value, after, closed := unescaped(after)
		if !found || !closed || label == "" || strings.ContainsAny(label, `", {}`) {
			return nil, false
		}
		labels[label] = value
		if rest, braced = strings.CutPrefix(after, ","); !braced {
			if rest, found = strings.CutPrefix(after, "}"); !found {
				return nil, false
			}
		}
	}
	number, spaced := strings.CutPrefix(rest, " ")
	_, err := strconv.ParseFloat(number, 64)
	return labels, spaced && err == nil
}

// unescaped reads a label's value up to its closing quote.
func unescaped(text string) (value, rest string, closed bool) {
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '"':
			return value, text[i+1:], true
		case text[i] == '\\' && i+1 < len(text):
			i++
			at := strings.IndexByte(`\"n`, text[i])
			if at < 0 {
				return "", "", false
			}
			value += string("\\\"\n"[at])
		default:
			value += text[i : i+1]
		}
	}
	return "", "", false
}
