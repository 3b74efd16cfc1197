package server_test

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"sealift.dev/sealift/controller/internal/server"
)

// rules is a rule file of Prometheus, as far as ours goes.
type rules struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Alert, Expr, For    string
			Labels, Annotations map[string]string
		}
	}
}

// exported is what the alerts are checked against.
func exported(t *testing.T) map[string][]one {
	t.Helper()
	m := newMetrics()
	record(m)
	return seriesOf(t, m, &fake{status: two()})
}

var (
	selector = regexp.MustCompile(`(sealift_[a-z_]*[a-z])(?:\{([^}]*)\})?`)
	matcher  = regexp.MustCompile(`^([a-z]+)(=~?)"([^"]*)"$`)
)

// faultsOf lists what an expression asks for that is not exported: metrics, labels and
// values of labels.
func faultsOf(expr string, series map[string][]one) []string {
	var faults []string
	for _, found := range selector.FindAllStringSubmatch(expr, -1) {
		name := found[1]
		if len(series[name]) == 0 {
			faults = append(faults, "no metric "+name)
			continue
		}
		for part := range strings.SplitSeq(found[2], ",") {
			if part == "" {
				continue
			}
			parts := matcher.FindStringSubmatch(part)
			if parts == nil || !exports(series[name], parts[1], parts[2], parts[3]) {
				faults = append(faults, "no "+name+" with "+part)
			}
		}
	}
	return faults
}

func exports(series []one, label, operator, value string) bool {
	for _, s := range series {
		got, has := s.labels[label]
		if has && (got == value || operator == "=~" && regexp.MustCompile("^(?:"+value+")$").MatchString(got)) {
			return true
		}
	}
	return false
}

// Each alert asks for what is exported, and says who is to do what.
func TestAlertsAskForWhatIsExported(t *testing.T) {
	data, err := os.ReadFile("../../../manifests/deploy/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file rules
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		t.Fatal(err)
	}
	series := exported(t)
	seen := map[string]bool{}
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			if !selector.MatchString(rule.Expr) {
				t.Errorf("%s asks for nothing of sealift: %s", rule.Alert, rule.Expr)
			}
			for _, fault := range faultsOf(rule.Expr, series) {
				t.Errorf("%s: %s", rule.Alert, fault)
			}
			if seen[rule.Alert] || rule.Labels["severity"] == "" || rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
				t.Errorf("%s stands twice, or lacks its severity, summary or description", rule.Alert)
			}
			seen[rule.Alert] = true
		}
	}
	if len(seen) < 5 {
		t.Errorf("%d alerts", len(seen))
	}
}

// The check of the alerts finds what is to be found.
func TestFaultsOfAlerts(t *testing.T) {
	series := exported(t)
	for expr, want := range map[string]string{
		`sealift_config_condition{type="Ready",status="True"} == 0`: "",
		`sealift_config_conditions == 0`:                            "no metric sealift_config_conditions",
		`1 - sealift_config_condition{kind="Ready"}`:                `no sealift_config_condition with kind="Ready"`,
		`sealift_config_condition{type="Stuck"}`:                    `no sealift_config_condition with type="Stuck"`,
		`rate(sealift_aws_calls_total{code=~"Access.*"}[5m])`:       "",
		`rate(sealift_aws_calls_total{code=~"Denied.*"}[5m])`:       `no sealift_aws_calls_total with code=~"Denied.*"`,
		`sealift_aws_calls_total{code!~"x"}`:                        `no sealift_aws_calls_total with code!~"x"`,
	} {
		if got := strings.Join(faultsOf(expr, series), "; "); got != want {
			t.Errorf("%s: got %q, want %q", expr, got, want)
		}
	}
}

// The alerts' AWS codes are counted from 0 on, or the first denial would be no increase.
func TestDenialsBeginAtZero(t *testing.T) {
	m := server.NewMetrics(server.MetricsOptions{Version: "v1.2.3", Now: noon})
	denied := 0
	for _, s := range seriesOf(t, m, &fake{})["sealift_aws_calls_total"] {
		if strings.HasPrefix(s.labels["code"], "AccessDenied") && s.value == 0 {
			denied++
		}
	}
	if denied != 9 {
		t.Errorf("%d series of denials, want 9: one an operation that the operator makes", denied)
	}
}
