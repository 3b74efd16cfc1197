package lambda

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

// Limits of a function, see https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html.
const (
	maxEnvironment = 4096
	maxTimeout     = 900
	minMemory      = 128
	maxMemory      = 10240
)

const rolePattern = `arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+`

var (
	role         = regexp.MustCompile(`^arn:aws[a-zA-Z-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@/-]+$`)
	handler      = regexp.MustCompile(`^[^\s]+$`)
	kmsKey       = regexp.MustCompile(`^(arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)?$`)
	variableName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]+$`)
)

// violations collects the constraints of the service model that a request breaks; AWS answers all of them at once.
type violations []string

func (v *violations) add(value, member, rule string) {
	*v = append(*v, fmt.Sprintf("Value %sat '%s' failed to satisfy constraint: %s", value, member, rule))
}

func (v *violations) between(value *int, member string, least, most int) {
	switch {
	case value == nil:
	case *value < least:
		v.add(fmt.Sprintf("'%d' ", *value), member, fmt.Sprintf("Member must have value greater than or equal to %d", least))
	case *value > most:
		v.add(fmt.Sprintf("'%d' ", *value), member, fmt.Sprintf("Member must have value less than or equal to %d", most))
	}
}

func (v *violations) pattern(value *string, member string, valid *regexp.Regexp, pattern string) {
	if value != nil && !valid.MatchString(*value) {
		v.add("'"+*value+"' ", member, "Member must satisfy regular expression pattern: "+pattern)
	}
}

func (v *violations) atMost(value *string, member string, most int) {
	if value != nil && len(*value) > most {
		v.add("'"+*value+"' ", member, fmt.Sprintf("Member must have length less than or equal to %d", most))
	}
}

func (v violations) err() error {
	switch len(v) {
	case 0:
		return nil
	case 1:
		return validation("1 validation error detected: %s", v[0])
	default:
		return validation("%d validation errors detected: %s", len(v), strings.Join(v, "; "))
	}
}

func validation(format string, args ...any) *wire.Error {
	return wire.Errorf(http.StatusBadRequest, "ValidationException", format, args...)
}

func invalidParameter(format string, args ...any) *wire.Error {
	return wire.Errorf(http.StatusBadRequest, "InvalidParameterValueException", format, args...)
}

func conflict(format string, args ...any) *wire.Error {
	return wire.Errorf(http.StatusConflict, "ResourceConflictException", format, args...)
}

func notFound(format string, args ...any) *wire.Error {
	return wire.Errorf(http.StatusNotFound, "ResourceNotFoundException", format, args...)
}

// change is the part of a configuration that CreateFunction and UpdateFunctionConfiguration share. A nil member stays what it is.
type change struct {
	Description *string
	Environment *struct{ Variables map[string]string }
	Handler     *string
	KMSKeyArn   *string
	Layers      []string
	MemorySize  *int
	Role        *string
	Runtime     *string
	Timeout     *int
}

func (c change) check() error {
	var broken violations
	broken.atMost(c.Description, "description", 256)
	broken.atMost(c.Handler, "handler", 128)
	broken.pattern(c.Handler, "handler", handler, `[^\s]+`)
	broken.pattern(c.KMSKeyArn, "kMSKeyArn", kmsKey, `(arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()`)
	broken.between(c.MemorySize, "memorySize", minMemory, maxMemory)
	broken.pattern(c.Role, "role", role, rolePattern)
	broken.between(c.Timeout, "timeout", 1, maxTimeout)
	if c.Environment != nil {
		for _, key := range slices.Sorted(maps.Keys(c.Environment.Variables)) {
			if !variableName.MatchString(key) {
				broken.add("", "environment.variables", "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+, Member must not be null]")
				break
			}
		}
	}
	if err := broken.err(); err != nil {
		return err
	}
	if c.Runtime != nil {
		if err := checkRuntime(*c.Runtime); err != nil {
			return err
		}
	}
	if c.Environment != nil {
		return checkVariables(c.Environment.Variables)
	}
	return nil
}

// apply returns s as c changes it, but for Layers, which needs to know what layers there are. The environment is replaced
// as a whole.
func (c change) apply(s settings) settings {
	set(&s.Description, c.Description)
	set(&s.Handler, c.Handler)
	set(&s.KMSKeyArn, c.KMSKeyArn)
	set(&s.MemorySize, c.MemorySize)
	set(&s.Role, c.Role)
	set(&s.Runtime, c.Runtime)
	set(&s.Timeout, c.Timeout)
	if c.Environment != nil {
		s.Environment = maps.Clone(c.Environment.Variables)
		if s.Environment == nil {
			s.Environment = map[string]string{}
		}
	}
	return s
}

func set[T any](member *T, value *T) {
	if value != nil {
		*member = *value
	}
}

// runtimes are those that AWS lets functions be made with.
func runtimes() []string {
	return []string{
		"dotnet8", "dotnet10", "java8.al2", "java11", "java17", "java21", "java25", "nodejs20.x", "nodejs22.x", "nodejs24.x",
		"provided.al2", "provided.al2023", "python3.10", "python3.11", "python3.12", "python3.13", "python3.14", "ruby3.2",
		"ruby3.3", "ruby3.4", "ruby4.0",
	}
}

func checkRuntime(runtime string) error {
	if slices.Contains(runtimes(), runtime) {
		return nil
	}
	return invalidParameter("Value %s at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [%s] or be a valid ARN", runtime, strings.Join(runtimes(), ", "))
}

// reserved are the variables that Lambda sets itself,
// see https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime.
func reserved() []string {
	return []string{
		"AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
		"AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME",
		"AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY",
		"AWS_SESSION_TOKEN", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT",
	}
}

// checkVariables refuses reserved variables and an environment that is too large. AWS measures its JSON form, and its error
// repeats all of it, values included: so does this one, because a caller must not rely on the contrary.
func checkVariables(variables map[string]string) error {
	var used []string
	for _, key := range reserved() {
		if _, ok := variables[key]; ok {
			used = append(used, key)
		}
	}
	if len(used) > 0 {
		return invalidParameter("Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: %s", strings.Join(used, ", "))
	}
	var measured bytes.Buffer
	encoder := json.NewEncoder(&measured)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(variables); err != nil {
		return fmt.Errorf("measure the environment: %w", err)
	}
	text := strings.TrimSuffix(measured.String(), "\n")
	if variables != nil && len(text) > maxEnvironment {
		return invalidParameter("Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: %s", text)
	}
	return nil
}
