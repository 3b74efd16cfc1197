package plan

import (
	"cmp"
	"errors"
	"fmt"

	"sealift.dev/sealift/api/v1alpha1"
)

// Check refuses functions that the delivery can't serve, or that another config has. Its errors are of type Problem.
func Check(want Desired, obs Observed) error {
	image, delivery := obs.Latest.PackageType == packageTypeImage, want.Delivery()
	latest, account := obs.Latest, want.Config.Spec.Function.AccountID()
	marker, markerErr := ParseMarker(latest.Environment[MarkerVariable])
	switch {
	case latest.PackageType != "" && latest.PackageType != packageTypeZip && !image:
		return Problem{"UnknownPackageType", fmt.Sprintf("%s is of the package type %q, which this sealift does not know", want.Consumer(), latest.PackageType), "upgrade sealift, or deploy the function as a .zip package"}
	case account != "" && account != accountOf(latest.ARN):
		return Problem{"OtherAccount", fmt.Sprintf("the manifest names a function of account %s, and the credentials are those of %s", account, accountOf(latest.ARN)),
			"use the credentials of that account: --profile, AWS_PROFILE, or spec.function.roleARN"}
	case image && delivery == v1alpha1.DeliveryPackage:
		return Problem{"ContainerImage", fmt.Sprintf("%s is a container image, which has no package to put a bundle into", want.Consumer()),
			"set spec.bundle.delivery to environment, or deploy the function as a .zip package"}
	case image && delivery == v1alpha1.DeliveryLayer:
		return Problem{"ContainerImage", fmt.Sprintf("%s is a container image, which takes no layers", want.Consumer()),
			"set spec.bundle.delivery to environment, or deploy the function as a .zip package"}
	case image && !want.patches():
		return Problem{"ContainerImage", fmt.Sprintf("%s is a container image, whose code is not built from spec.package", want.Consumer()),
			"remove spec.package"}
	case latest.MasterARN != "":
		return Problem{"EdgeFunction", fmt.Sprintf("%s is a replica of Lambda@Edge, which has neither environment nor layers and can't be changed", want.Consumer()),
			"deliver to a function that CloudFront does not run"}
	case latest.EnvironmentError != "", latest.KMSKeyARN != "" && latest.Environment == nil:
		return Problem{"EnvironmentUnreadable", fmt.Sprintf("the environment of %s can't be read (%s)", want.Consumer(), cmp.Or(latest.EnvironmentError, "no variables in the answer")),
			"grant kms:Decrypt on the function's own environment key " + cmp.Or(latest.KMSKeyARN, "(the AWS managed one)")}
	case errors.Is(markerErr, ErrNewerMarker):
		return Problem{"NewerMarker", fmt.Sprintf("%s was last applied by a newer sealift", want.Consumer()), "upgrade this sealift"}
	case markerErr == nil && marker.Config != want.key():
		return Problem{"OtherConfig", fmt.Sprintf("%s was applied by the config %s", want.Consumer(), marker.Config),
			"have one config for a function; to hand it over, delete its variable " + MarkerVariable}
	case latest.State == "Failed":
		return Problem{"FunctionFailed", fmt.Sprintf("%s is in the state Failed", want.Consumer()), "see its StateReason: aws lambda get-function-configuration --function-name " + want.Config.Spec.Function.Name}
	}
	return nil
}
