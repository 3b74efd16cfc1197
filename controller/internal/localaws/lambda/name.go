package lambda

import (
	"net/http"
	"regexp"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

const (
	namePattern      = `(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?`
	qualifierPattern = `(|[a-zA-Z0-9$_-]+)`
	aliasPattern     = `(?!^[0-9]+$)([a-zA-Z0-9-_]+)`
)

var (
	functionName = regexp.MustCompile(`^(?:arn:aws[a-zA-Z-]*:lambda:)?(?:([a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-\d):)?(?:(\d{12}):)?(?:function:)?([a-zA-Z0-9_-]+)(?::(\$LATEST|[a-zA-Z0-9_-]+))?$`)
	qualifier    = regexp.MustCompile(`^[a-zA-Z0-9$_-]+$`)
	digits       = regexp.MustCompile(`^[0-9]+$`)
	aliasName    = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)
)

// name is a function that a caller named, and the version or alias of it.
type name struct {
	caller    wire.Caller
	function  string
	qualifier string
}

// parseName reads a function name, a partial ARN or an ARN, each with or without a qualifier, and the qualifier that was given
// beside it.
func parseName(caller wire.Caller, given, beside string) (name, error) {
	parts := functionName.FindStringSubmatch(given)
	var broken violations
	if len(given) > 140 {
		broken.add("'"+given+"' ", "functionName", "Member must have length less than or equal to 140")
	}
	if parts == nil {
		broken.add("'"+given+"' ", "functionName", "Member must satisfy regular expression pattern: "+namePattern)
	}
	if len(beside) > 128 {
		broken.add("'"+beside+"' ", "qualifier", "Member must have length less than or equal to 128")
	}
	if beside != "" && !qualifier.MatchString(beside) {
		broken.add("'"+beside+"' ", "qualifier", "Member must satisfy regular expression pattern: "+qualifierPattern)
	}
	if err := broken.err(); err != nil {
		return name{}, err
	}
	region, account := parts[1], parts[2]
	switch {
	case region != "" && region != caller.Region:
		return name{}, notFound("Functions from '%s' are not reachable in this region ('%s')", region, caller.Region)
	case account != "" && account != caller.Account:
		return name{}, wire.Errorf(http.StatusForbidden, "AccessDeniedException", "local AWS has the account %s only", caller.Account)
	case parts[4] != "" && beside != "" && parts[4] != beside:
		return name{}, invalidParameter("The derived qualifier from the function name does not match the specified qualifier.")
	}
	n := name{caller: caller, function: parts[3], qualifier: parts[4]}
	if beside != "" {
		n.qualifier = beside
	}
	return n, nil
}

// unqualified is parseName for operations that are about the function as a whole or about $LATEST.
func unqualified(caller wire.Caller, given string) (name, error) {
	n, err := parseName(caller, given, "")
	if err != nil {
		return name{}, err
	}
	if n.qualifier != "" && n.qualifier != latest {
		return name{}, invalidParameter("The operation takes no version and no alias: %s", given)
	}
	n.qualifier = ""
	return n, nil
}

// arn is the function's ARN with the qualifier, if there is one.
func (n name) arn() string {
	arn := n.caller.ARN("lambda", "function:"+n.function)
	if n.qualifier != "" {
		arn += ":" + n.qualifier
	}
	return arn
}

// arnOrNone is arn, or "" when no name could be read.
func (n name) arnOrNone() string {
	if n.function == "" {
		return ""
	}
	return n.arn()
}

// at returns n with another qualifier; "" is none.
func (n name) at(qualifier string) name {
	n.qualifier = qualifier
	return n
}

// checkAliasName applies the rules for the name of an alias.
func checkAliasName(alias string) error {
	var broken violations
	if len(alias) > 128 {
		broken.add("'"+alias+"' ", "name", "Member must have length less than or equal to 128")
	}
	if !aliasName.MatchString(alias) || digits.MatchString(alias) {
		broken.add("'"+alias+"' ", "name", "Member must satisfy regular expression pattern: "+aliasPattern)
	}
	return broken.err()
}
