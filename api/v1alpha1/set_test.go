package v1alpha1_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sealift.dev/sealift/api/v1alpha1"
)

func TestValidateSet(t *testing.T) {
	manifest := func(namespace, name, function string) string {
		return "apiVersion: sealift.dev/v1alpha1\nkind: SealedConfig\nmetadata:\n  namespace: " + namespace + "\n  name: " + name +
			"\nspec:\n  package: {path: .}\n  function: {" + function + "}\n"
	}
	tests := []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{
			name: "different functions, names and namespaces",
			files: map[string]string{
				"a.yaml": manifest("x", "hello", "name: one"),
				"b.yaml": manifest("z", "hello", "name: two"),
				"c.yaml": manifest("x", "other", "name: three, region: us-east-1"),
				"d.yaml": manifest("x", "more", "name: three, region: us-east-2"),
			},
		},
		{
			name: "one function",
			files: map[string]string{
				"b.yaml": manifest("x", "two", "name: one, region: us-east-2"),
				"a.yaml": manifest("x", "one", "name: arn:aws:lambda:us-east-2:111122223333:function:one"),
			},
			want: []string{"b.yaml:8: spec.function.name: function one is also configured in a.yaml:8; want one config for a function"},
		},
		{
			name: "one name in two accounts",
			files: map[string]string{
				"a.yaml": manifest("x", "one", "name: one, region: us-east-2"),
				"b.yaml": manifest("x", "two", "name: one, region: us-east-2, roleARN: \"arn:aws:iam::111122223333:role/deploy\""),
				"c.yaml": manifest("x", "three", "name: one, region: us-east-2, roleARN: \"arn:aws:iam::444455556666:role/deploy\""),
			},
		},
		{
			name: "one function by two roles",
			files: map[string]string{
				"a.yaml": manifest("x", "one", "name: one, region: us-east-2, roleARN: \"arn:aws:iam::111122223333:role/deploy\""),
				"b.yaml": manifest("x", "two", "name: one, roleARN: \"arn:aws:iam::111122223333:role/other\""),
			},
			want: []string{"b.yaml:8: spec.function.name: function one is also configured in a.yaml:8; want one config for a function"},
		},
		{
			name: "one function, second without region",
			files: map[string]string{
				"a.yaml": manifest("x", "one", "name: one, region: us-east-2"),
				"b.yaml": manifest("x", "two", "name: one"),
			},
			want: []string{"b.yaml:8: spec.function.name: function one is also configured in a.yaml:8; want one config for a function"},
		},
		{
			name: "one function, first without region",
			files: map[string]string{
				"a.yaml": manifest("x", "one", "name: one"),
				"b.yaml": manifest("x", "two", "name: one, region: us-east-2"),
				"c.yaml": manifest("x", "three", "name: one, region: us-east-1"),
			},
			want: []string{
				"b.yaml:8: spec.function.name: function one is also configured in a.yaml:8; want one config for a function",
				"c.yaml:8: spec.function.name: function one is also configured in a.yaml:8; want one config for a function",
			},
		},
		{
			name: "one namespace and name",
			files: map[string]string{
				"a.yaml": manifest("default", "one", "name: one"),
				"b.yaml": strings.Replace(manifest("x", "one", "name: two"), "  namespace: x\n", "", 1),
			},
			want: []string{"b.yaml:4: metadata.name: config default/one is also in a.yaml:5; rename one of the two"},
		},
		{
			name: "one name and function",
			files: map[string]string{
				"a.yaml": manifest("x", "one", "name: one"),
				"b.yaml": manifest("x", "one", "name: one"),
			},
			want: []string{
				"b.yaml:5: metadata.name: config x/one is also in a.yaml:5; rename one of the two",
				"b.yaml:8: spec.function.name: function one is also configured in a.yaml:8; want one config for a function",
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var files []v1alpha1.File
			for path, text := range test.files {
				f, err := v1alpha1.DecodeFile(path, []byte(text))
				if err != nil {
					t.Fatal(err)
				}
				files = append(files, f)
			}
			var got []string
			for _, fault := range v1alpha1.ValidateSet(files) {
				got = append(got, fault.Error())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestValidateSetWithoutLines(t *testing.T) {
	config := func(name string) *v1alpha1.SealedConfig {
		c := &v1alpha1.SealedConfig{}
		c.Name = name
		c.Spec.Function.Name = "hello"
		v1alpha1.Default(c)
		return c
	}
	got := v1alpha1.ValidateSet([]v1alpha1.File{{Path: "b.yaml", Config: config("b")}, {Path: "a\n.yaml", Config: config("a")}})
	want := `b.yaml: spec.function.name: function hello is also configured in "a\n.yaml"; want one config for a function`
	if diff := cmp.Diff(want, got.Error()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestFileLine(t *testing.T) {
	f, err := v1alpha1.DecodeFile("m.yaml", []byte(valid+"  environment:\n    AB: x\n"))
	if err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]int{
		"spec.environment.AB": 8, "spec.environment.CD": 7, "spec.function.alias": 5, "spec.bundle.path": 4, "metadata.labels[a.b]": 3, "": 1,
	} {
		if got := f.Line(field); got != want {
			t.Errorf("line of %q is %d, want %d", field, got, want)
		}
	}
}

func TestDefaultIsIdempotent(t *testing.T) {
	c := &v1alpha1.SealedConfig{Spec: v1alpha1.SealedConfigSpec{
		Function: v1alpha1.FunctionSpec{Name: "arn:aws:lambda:us-east-2:111122223333:function:hello"},
		Package:  &v1alpha1.PackageSpec{Path: "./a/../b/"},
	}}
	v1alpha1.Default(c)
	once := *c
	v1alpha1.Default(c)
	if diff := cmp.Diff(once, *c); diff != "" {
		t.Errorf("(-once +twice)\n%s", diff)
	}
	want := v1alpha1.SealedConfigSpec{
		Function: v1alpha1.FunctionSpec{Name: "hello", Account: "111122223333", Region: "us-east-2"},
		Package:  &v1alpha1.PackageSpec{Path: "b"},
		Bundle:   v1alpha1.BundleSpec{Delivery: v1alpha1.DeliveryPackage, Path: "sealed-config.jwe", Format: v1alpha1.FormatJWE},
		Interval: &metav1.Duration{Duration: 5 * time.Minute}, DriftPolicy: v1alpha1.DriftCorrect, DeletionPolicy: v1alpha1.DeletionRetain,
	}
	if diff := cmp.Diff(want, c.Spec); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
