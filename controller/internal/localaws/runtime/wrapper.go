package runtime

import "os/exec"

// wrapperVariable names the program through which a managed runtime is started.
const wrapperVariable = "AWS_LAMBDA_EXEC_WRAPPER"

// startWrapped is what the bootstraps of AWS's managed runtimes do with the variable (public.ecr.aws/lambda/nodejs,
// /var/runtime/bootstrap): the wrapper gets the runtime's program and its arguments, and what is no program ends the init
// with the exit status of a shell.
const startWrapped = `wrapper=$AWS_LAMBDA_EXEC_WRAPPER
if [ ! -f "$wrapper" ]; then
  echo "$wrapper: does not exist"
  exit 127
fi
if [ ! -x "$wrapper" ]; then
  echo "$wrapper: is not an executable"
  exit 126
fi
exec "$wrapper" "$@"
`

// wrapped returns cmd as it is started under the function's wrapper, or cmd itself where there is none. AWS does not do it
// for custom runtimes (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html).
func (e *environment) wrapped(cmd *exec.Cmd) *exec.Cmd {
	if !isManaged(e.function.Runtime) || e.function.Environment[wrapperVariable] == "" {
		return cmd
	}
	return exec.Command("/bin/sh", append([]string{"-c", startWrapped, "bootstrap"}, cmd.Args...)...)
}
