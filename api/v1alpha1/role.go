package v1alpha1

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Limits of AWS STS on what names a role
// (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html).
const (
	maxRoleARN    = 2048
	minExternalID = 2
	maxExternalID = 1224
)

var (
	// roleARN is that of an IAM role, with or without a path, of whose characters IAM would
	// take more: none here is a pattern in a policy. Its groups are partition and account
	// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html).
	roleARN    = regexp.MustCompile(`^arn:(aws[a-z-]{0,16}):iam::([0-9]{12}):role/(?:[a-zA-Z0-9_+=,.@-]{1,510}/)*[a-zA-Z0-9_+=,.@-]{1,64}$`)
	externalID = regexp.MustCompile(`^[a-zA-Z0-9_+=,.@:/-]*$`)
)

// ValidRoleARN reports whether arn names an IAM role.
func ValidRoleARN(arn string) bool { return len(arn) <= maxRoleARN && roleARN.MatchString(arn) }

// RolePlace returns the partition and the account of an IAM role, and "" for what is none.
func RolePlace(arn string) (partition, account string) {
	if parts := roleARN.FindStringSubmatch(arn); parts != nil && ValidRoleARN(arn) {
		return parts[1], parts[2]
	}
	return "", ""
}

// assumedAccount returns the account of the role that is assumed for the function, or "".
// Functions of one name in two of them are two.
func (f FunctionSpec) assumedAccount() string {
	_, account := RolePlace(f.RoleARN)
	return account
}

// AccountID returns the AWS account of the function as far as the manifest says it: by an
// ARN given as name, or by the role that is assumed for it. It is "" where the account is
// that of the caller's credentials.
func (f FunctionSpec) AccountID() string { return cmp.Or(f.Account, f.assumedAccount()) }

func validateRole(f FunctionSpec, at *field.Path) (errs field.ErrorList) {
	_, account := RolePlace(f.RoleARN)
	switch {
	case f.RoleARN == "":
	case strings.HasPrefix(f.RoleARN, "arn:") && strings.Contains(f.RoleARN, ":assumed-role/"):
		errs = append(errs, invalid(at.Child("roleARN"), "the ARN of a session; want that of the role (arn:aws:iam::ACCOUNT:role/NAME)"))
	case account == "":
		errs = append(errs, invalid(at.Child("roleARN"), "not the ARN of an IAM role (arn:aws:iam::ACCOUNT:role/NAME)"))
	case f.Account != "" && f.Account != account:
		errs = append(errs, invalid(at.Child("roleARN"), fmt.Sprintf("a role of the account %s, and the function is of %s; name a role of the function's own account", account, f.Account)))
	}
	switch id := f.ExternalID; {
	case id == "":
	case f.RoleARN == "":
		errs = append(errs, invalid(at.Child("externalID"), "goes with spec.function.roleARN; remove it, or name the role"))
	case len(id) < minExternalID || len(id) > maxExternalID || !externalID.MatchString(id):
		errs = append(errs, invalid(at.Child("externalID"), "want 2 to 1224 letters, digits and _+=,.@:/-, as the role's trust policy has it"))
	}
	return errs
}
