package v1alpha1

import (
	"path"
	"regexp"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// functionARN is the ARN of a function without a qualifier. Its groups are region,
// account and name.
var functionARN = regexp.MustCompile(`^arn:aws[a-z-]{0,16}:lambda:([a-z0-9-]{1,32}):([0-9]{12}):function:([a-zA-Z0-9_-]{1,64})$`)

// Default fills in what a config leaves out: the namespace, delivery, format and path of the
// bundle, the interval and the drift policy, and, where the function is given as an ARN, its bare
// name, account and region. It brings
// spec.package.path and zip to their shortest forms. What is not valid stays as it is, for Validate
// to report: an ARN with a qualifier, or one whose region is not spec.function.region.
// Applied again it changes nothing.
func Default(c *SealedConfig) {
	if c.Namespace == "" {
		c.Namespace = DefaultNamespace
	}
	c.Spec.Function.setDefaults()
	c.Spec.Package.setDefaults()
	if c.Spec.Bundle.Delivery == "" {
		c.Spec.Bundle.Delivery = DeliveryPackage
	}
	if c.Spec.Bundle.Format == "" {
		c.Spec.Bundle.Format = FormatJWE
	}
	if c.Spec.Bundle.Path == "" && c.Spec.Bundle.Format == FormatJWE {
		c.Spec.Bundle.Path = DefaultBundlePath
	}
	if c.Spec.Interval == nil {
		c.Spec.Interval = &metav1.Duration{Duration: DefaultInterval}
	}
	if c.Spec.DriftPolicy == "" {
		c.Spec.DriftPolicy = DriftCorrect
	}
	if c.Spec.DeletionPolicy == "" {
		c.Spec.DeletionPolicy = DeletionRetain
	}
}

func (p *PackageSpec) setDefaults() {
	if p == nil {
		return
	}
	for _, name := range []*string{&p.Path, &p.Zip} {
		if *name != "" {
			*name = path.Clean(*name)
		}
	}
}

func (f *FunctionSpec) setDefaults() {
	arn := functionARN.FindStringSubmatch(f.Name)
	if arn == nil || (f.Region != "" && f.Region != arn[1]) {
		return
	}
	f.Region, f.Account, f.Name = arn[1], arn[2], arn[3]
}
