package plan

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The exec wrapper of a function whose code is not changed: a layer, and the variable by
// which Lambda starts its runtime
// (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html). The variable is part
// of the wanted environment like any other.
const (
	WrapperVariable = "AWS_LAMBDA_EXEC_WRAPPER"
	WrapperPath     = layerRoot + "sealift/exec"
)

// layerVersion is the version at the end of a layer version's ARN.
var layerVersion = regexp.MustCompile(`:[0-9]+$`)

// sameLayer reports whether two ARNs are of versions of one layer.
func sameLayer(a, b string) bool {
	return layerVersion.ReplaceAllString(a, "") == layerVersion.ReplaceAllString(b, "")
}

// withWrapper returns arns with the wrapper's layer that the config wants, in the place of
// another version of it or behind the others, and without one that the config wanted when
// it was applied and does not want any more.
func (p Plan) withWrapper(arns []string) []string {
	want := p.Want.Config.Spec.Bundle.Wrapper
	if previous := p.Want.Previous; previous != nil {
		if was := previous.Spec.Bundle.Wrapper; was != "" && (want == "" || !sameLayer(was, want)) {
			arns = slices.DeleteFunc(arns, func(arn string) bool { return sameLayer(arn, was) })
		}
	}
	if want == "" {
		return arns
	}
	if i := slices.IndexFunc(arns, func(arn string) bool { return sameLayer(arn, want) }); i >= 0 {
		arns[i] = want
		return arns
	}
	return append(arns, want)
}

// wrapperDiffers reports whether the layers of c are not those with the wanted wrapper.
func (p Plan) wrapperDiffers(c Configuration) bool {
	arns := make([]string, 0, len(c.Layers))
	for _, l := range c.Layers {
		arns = append(arns, l.ARN)
	}
	return !slices.Equal(arns, p.withWrapper(slices.Clone(arns)))
}

// wrapperLost reports whether the wrapper that was applied, and is still wanted, is gone.
func (p Plan) wrapperLost() bool {
	previous := p.Want.Previous
	return previous != nil && previous.Spec.Bundle.Wrapper == p.Want.Config.Spec.Bundle.Wrapper && p.wrapperDiffers(p.Observed.Latest)
}

// wrapper lists what becomes of the wrapper's layer, and refuses functions in which
// Lambda runs none.
func (p *Plan) wrapper() error {
	latest, want := p.Observed.Latest, p.Want.Config.Spec.Bundle.Wrapper
	if want != "" && latest.PackageType == packageTypeImage {
		return Problem{
			Reason:  "ContainerImage",
			Message: fmt.Sprintf("%s is a container image, which takes no layers", p.Want.Consumer()),
			Fix:     "have its code open the bundle with the reader, and take spec.bundle.wrapper away",
		}
	}
	if want != "" && strings.HasPrefix(latest.Runtime, "provided") {
		return Problem{
			Reason:  "WrapperNotRun",
			Message: fmt.Sprintf("%s has the runtime %s, in which Lambda runs no exec wrapper", p.Want.Consumer(), latest.Runtime),
			Fix:     "have its code open the bundle with the reader, and take spec.bundle.wrapper away",
		}
	}
	if !p.wrapperDiffers(latest) {
		return nil
	}
	if want == "" {
		p.add(Remove, KindLayer, "of the exec wrapper", "no longer wanted")
		return nil
	}
	p.add(Change, KindLayer, "of the exec wrapper", want)
	return nil
}
