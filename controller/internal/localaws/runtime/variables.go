package runtime

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

// variables is the whole environment of the process: the function's variables between those defaults of Lambda that they
// may change and those that they may not.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html ("Defined runtime environment variables").
func (e *environment) variables(runtimeAPI string) ([]string, error) {
	stream, err := e.logStream()
	if err != nil {
		return nil, err
	}
	all := map[string]string{
		"LANG": "en_US.UTF-8",
		"PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
		"TZ":   ":UTC",
	}
	e.addLayerPaths(all)
	for name, value := range e.function.Environment {
		if e.function.Endpoint == "" || !leadsToAWS(name) {
			all[name] = e.inLayers(value)
		}
	}
	maps.Copy(all, e.reserved(runtimeAPI, stream))
	list := make([]string, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, name+"="+all[name])
	}
	return list, nil
}

// addLayerPaths has runtimes find what layers hold, as AWS does
// (https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html).
func (e *environment) addLayerPaths(all map[string]string) {
	all["PATH"] = "/usr/local/bin:/usr/bin/:/bin:" + e.inLayers("/opt/bin")
	all["LD_LIBRARY_PATH"] = e.inLayers("/opt/lib")
	if !isNode(e.function.Runtime) {
		return
	}
	version := strings.TrimSuffix(strings.TrimPrefix(e.function.Runtime, "nodejs"), ".x")
	all["NODE_PATH"] = e.inLayers("/opt/nodejs/node"+version+"/node_modules") + ":" + e.inLayers("/opt/nodejs/node_modules") + ":" + e.runtimeRoot() + "/node_modules"
}

// inLayers returns a value that names something below /opt with the folder of the layers in its place.
func (e *environment) inLayers(value string) string {
	if below, is := strings.CutPrefix(value, "/opt/"); is {
		return e.layerRoot() + "/" + below
	}
	return value
}

// leadsToAWS reports whether a variable of a function has its SDK pass over AWS_ENDPOINT_URL, or over the credentials that
// open nothing (https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html): a profile is one of the user's.
func leadsToAWS(name string) bool {
	switch name {
	case "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS":
		return true
	}
	return strings.HasPrefix(name, "AWS_ENDPOINT_URL_")
}

// reserved holds the variables that a function's configuration does not change. The credentials open nothing; the
// endpoint is among them so that no function that runs here calls AWS.
func (e *environment) reserved(runtimeAPI, logStream string) map[string]string {
	fn := e.function
	fixed := map[string]string{
		"_HANDLER":                        fn.Handler,
		"AWS_ACCESS_KEY_ID":               "ASIALOCALAWSFUNCTION",
		"AWS_DEFAULT_REGION":              fn.Region,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(fn.MemoryMB),
		"AWS_LAMBDA_FUNCTION_NAME":        fn.Name,
		"AWS_LAMBDA_FUNCTION_VERSION":     fn.Version,
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/" + fn.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME":      logStream,
		"AWS_LAMBDA_RUNTIME_API":          runtimeAPI,
		"AWS_REGION":                      fn.Region,
		"AWS_SECRET_ACCESS_KEY":           "local-aws-throwaway",
		"AWS_SESSION_TOKEN":               e.options.SessionToken,
		"LAMBDA_RUNTIME_DIR":              e.runtimeRoot(),
		"LAMBDA_TASK_ROOT":                e.taskRoot(),
	}
	if isManaged(fn.Runtime) { // AWS does not set it for custom runtimes
		fixed["AWS_EXECUTION_ENV"] = "AWS_Lambda_" + fn.Runtime
	}
	if fn.Endpoint != "" {
		fixed["AWS_ENDPOINT_URL"] = fn.Endpoint
		// Lambda has none of these files, and those in the user's home hold real credentials.
		fixed["AWS_CONFIG_FILE"], fixed["AWS_SHARED_CREDENTIALS_FILE"] = os.DevNull, os.DevNull
	}
	return fixed
}

// logStream is a name as CloudWatch Logs has them: 2026/01/31/[$LATEST]0f….
func (e *environment) logStream() (string, error) {
	var random [16]byte
	if _, err := io.ReadFull(e.options.Rand, random[:]); err != nil {
		return "", fmt.Errorf("drawing a log stream's name: %w", err)
	}
	return fmt.Sprintf("%s/[%s]%x", e.options.Now().UTC().Format("2006/01/02"), e.function.Version, random), nil
}
