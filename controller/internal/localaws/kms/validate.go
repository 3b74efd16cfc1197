package kms

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

// invalid returns a client error. KMS answers status 400 to every one of them, whatever its API reference lists.
func invalid(code, format string, args ...any) *wire.Error {
	return wire.Errorf(http.StatusBadRequest, code, format, args...)
}

// constraint returns the ValidationException for one member whose value breaks a constraint of the service model.
func constraint(value, member, rule string) *wire.Error {
	return invalid("ValidationException", "1 validation error detected: Value %sat '%s' failed to satisfy constraint: %s", value, member, rule)
}

// length checks a required string.
func length(member, value string, least, most int) error {
	switch {
	case value == "":
		return constraint("null ", member, "Member must not be null")
	case len(value) < least:
		return constraint("'"+value+"' ", member, fmt.Sprintf("Member must have length greater than or equal to %d", least))
	case len(value) > most:
		return constraint("'"+value+"' ", member, fmt.Sprintf("Member must have length less than or equal to %d", most))
	default:
		return nil
	}
}

// blobLength checks a required blob; its value is not part of the error.
func blobLength(member string, value []byte, most int) error {
	switch {
	case value == nil:
		return constraint("null ", member, "Member must not be null")
	case len(value) == 0:
		return constraint("", member, "Member must have length greater than or equal to 1")
	case len(value) > most:
		return constraint("", member, fmt.Sprintf("Member must have length less than or equal to %d", most))
	default:
		return nil
	}
}

// between checks a number that may be absent.
func between(member string, value *int, least, most int) error {
	switch {
	case value == nil:
		return nil
	case *value < least:
		return constraint(fmt.Sprintf("'%d' ", *value), member, fmt.Sprintf("Member must have value greater than or equal to %d", least))
	case *value > most:
		return constraint(fmt.Sprintf("'%d' ", *value), member, fmt.Sprintf("Member must have value less than or equal to %d", most))
	default:
		return nil
	}
}

// oneOf checks a member that has an enumeration; "" is an absent member.
func oneOf(member, value string, allowed ...string) error {
	if value == "" || slices.Contains(allowed, value) {
		return nil
	}
	return constraint("'"+value+"' ", member, "Member must satisfy enum value set: ["+strings.Join(allowed, ", ")+"]")
}

// noGrants refuses grant tokens and enclave recipients, of which there are none here.
func noGrants(tokens []string, recipient *struct{}) error {
	if len(tokens) > 0 {
		return invalid("InvalidGrantTokenException", "local AWS has no grants")
	}
	if recipient != nil {
		return invalid("UnsupportedOperationException", "local AWS has no attestation: Recipient is not supported")
	}
	return nil
}

// noModifiers refuses what would make a dry run leave out checks.
func noModifiers(modifiers []string) error {
	if len(modifiers) > 0 {
		return invalid("UnsupportedOperationException", "local AWS does not have DryRunModifiers: a dry run makes every check")
	}
	return nil
}
