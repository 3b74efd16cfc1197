#!/bin/sh
# Stands for a sample function where none can run. sealift brings the bundle into its
# package like into any other, but nothing here opens it.
message='sealift dev found neither Node.js with npm, nor Go with a clone of sealift as its folder, for a sample function that opens its bundle'
echo "$message" >&2
curl -s -o /dev/null -H 'Lambda-Runtime-Function-Error-Type: Sample.NoReader' \
  -d "{\"errorType\":\"Sample.NoReader\",\"errorMessage\":\"$message\"}" \
  "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/init/error"
exit 1
