package v1alpha1_test

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"sealift.dev/sealift/api/v1alpha1"
)

const crdFile = "../../manifests/crd/sealift.dev_sealedconfigs.yaml"

// schema is what the tests need of a JSON schema.
type schema struct {
	Type        string            `json:"type"`
	Description string            `json:"description"`
	Properties  map[string]schema `json:"properties"`
	Required    []string          `json:"required"`
}

type crd struct {
	Spec struct {
		Group string `json:"group"`
		Names struct {
			Kind string `json:"kind"`
		} `json:"names"`
		Versions []struct {
			Name   string `json:"name"`
			Schema struct {
				Root schema `json:"openAPIV3Schema"`
			} `json:"schema"`
		} `json:"versions"`
	} `json:"spec"`
}

func readCRD(t *testing.T) crd {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(crdFile))
	if err != nil {
		t.Fatal(err)
	}
	var c crd
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Spec.Versions) != 1 {
		t.Fatalf("%d versions, want 1", len(c.Spec.Versions))
	}
	return c
}

func TestCRDNamesTheAPI(t *testing.T) {
	c := readCRD(t)
	got := []string{c.Spec.Group, c.Spec.Group + "/" + c.Spec.Versions[0].Name, c.Spec.Names.Kind}
	want := []string{v1alpha1.Group, v1alpha1.APIVersion, v1alpha1.Kind}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestCRDHasTheFieldsOfTheGoTypes(t *testing.T) {
	compareSchema(t, "spec", readCRD(t).Spec.Versions[0].Schema.Root.Properties["spec"], reflect.TypeFor[v1alpha1.SealedConfigSpec]())
}

// compareSchema compares the fields of a schema, and which are required, with a struct.
func compareSchema(t *testing.T, at string, got schema, want reflect.Type) {
	t.Helper()
	fields, required := map[string]reflect.Type{}, []string(nil)
	for i := range want.NumField() {
		f := want.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		fields[name] = f.Type
		if options != "omitempty" {
			required = append(required, name)
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(fields)), slices.Sorted(maps.Keys(got.Properties))); diff != "" {
		t.Errorf("fields of %s (-Go +CRD)\n%s", at, diff)
	}
	slices.Sort(required)
	if diff := cmp.Diff(required, got.Required); diff != "" {
		t.Errorf("required fields of %s (-Go +CRD)\n%s", at, diff)
	}
	for name, field := range fields {
		below := at + "." + name
		if got.Properties[name].Description == "" {
			t.Errorf("%s has no description", below)
		}
		if field.Kind() == reflect.Pointer && field.Elem().PkgPath() == reflect.TypeFor[v1alpha1.SealedConfig]().PkgPath() {
			field = field.Elem()
		}
		if field.Kind() == reflect.Struct {
			compareSchema(t, below, got.Properties[name], field)
		}
	}
}
