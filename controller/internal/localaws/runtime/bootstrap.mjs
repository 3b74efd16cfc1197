// The Node.js side of a local Lambda function: loads the handler and serves it invocations from the Lambda Runtime API,
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html, as AWS's managed runtimes do.

import { existsSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { format, types } from 'node:util';

const [hostname, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const agent = new Agent({ keepAlive: true });
const require = createRequire(import.meta.url);
const exit = process.exit.bind(process);
const write = process.stdout.write.bind(process.stdout);
// Callbacks, and the rule that a plain return value is no answer, ended with nodejs24.x.
const callbacks = /nodejs2[02]\.x$/.test(process.env.AWS_EXECUTION_ENV);

let requestID; // of the invocation that runs
let loaded = false;
let whenIdle; // called once when the event loop is empty

function fault(type, message) {
  const error = new Error(message);
  error.name = `Runtime.${type}`;
  Error.captureStackTrace(error, fault);
  return error;
}

// The error document that AWS's runtime posts.
function describe(error) {
  try {
    if (types.isNativeError(error) || (error?.name && error.message && error.stack)) {
      return { errorType: String(error.name), errorMessage: String(error.message), trace: String(error.stack).split('\n') };
    }
    return { errorType: typeof error, errorMessage: String(error), trace: [] };
  } catch {
    return { errorType: 'handled', errorMessage: 'the error could not be described', trace: [] };
  }
}

function call(method, path, body = '', headers = {}) {
  return new Promise((done, fail) => {
    const sent = request(
      {
        hostname, port, agent, method,
        path: `/2018-06-01/runtime/${path}`,
        headers: { ...headers, 'User-Agent': `node/${process.versions.node}`, 'Content-Length': Buffer.byteLength(body) },
      },
      (answer) => {
        const chunks = [];
        answer.on('data', (chunk) => chunks.push(chunk));
        answer.on('end', () => done({ headers: answer.headers, text: Buffer.concat(chunks).toString('utf8') }));
        answer.on('error', fail);
      },
    );
    sent.on('error', fail);
    sent.end(body);
  });
}

// Posting ends an invocation, so that everything printed must be out before.
async function post(path, body, headers) {
  await new Promise((done) => process.stdout.write('', done));
  await new Promise((done) => process.stderr.write('', done));
  await call('POST', path, body, { 'Content-Type': 'application/json', ...headers });
}

function postError(path, title, error) {
  const document = describe(error);
  console.error(title, `\t${JSON.stringify({ ...document, trace: undefined, stack: document.trace })}`);
  return post(path, JSON.stringify(document), { 'Lambda-Runtime-Function-Error-Type': encodeURI(document.errorType) });
}

async function die(title, error, status) {
  try {
    if (requestID) await postError(`invocation/${requestID}/error`, title, error);
    else if (!loaded) await postError('init/error', title, error);
  } finally {
    exit(status);
  }
}

// Lambda's log lines: time, request, level, message.
function patchConsole() {
  const levels = { trace: 'TRACE', debug: 'DEBUG', log: 'INFO', info: 'INFO', warn: 'WARN', error: 'ERROR' };
  for (const [method, level] of Object.entries(levels)) {
    console[method] = (...values) => void write(`${new Date().toISOString()}\t${requestID}\t${level}\t${format(...values)}\n`);
  }
}

// A .js file is an ES module when the nearest package.json says so.
function isModuleScope(folder) {
  const file = join(folder, 'package.json');
  if (existsSync(file)) {
    try {
      return JSON.parse(readFileSync(file, 'utf8')).type === 'module';
    } catch {
      return false;
    }
  }
  return dirname(folder) !== folder && basename(folder) !== 'node_modules' && isModuleScope(dirname(folder));
}

async function importFile(path, root, name) {
  const esm = isModuleScope(dirname(path));
  const kinds = [['', false], ['.js', esm], ['.mjs', true], ['.cjs', false]];
  for (const [extension, asModule] of kinds) {
    const file = path + extension;
    if (existsSync(file)) return asModule ? import(pathToFileURL(file)) : require(file);
  }
  return require(require.resolve(name, { paths: [root] }));
}

async function load(root, handler) {
  if (handler.includes('..')) {
    throw fault('MalformedHandlerName', `'${handler}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`);
  }
  const [, name, property] = /^([^.]*)\.(.*)$/.exec(basename(handler)) ?? [];
  if (property === undefined) throw fault('MalformedHandlerName', 'Bad handler');
  let module;
  try {
    module = await importFile(resolve(root, dirname(handler), name), root, name);
  } catch (error) {
    if (error instanceof SyntaxError) throw fault('UserCodeSyntaxError', String(error));
    if (error?.code === 'MODULE_NOT_FOUND') throw fault('ImportModuleError', String(error));
    throw error;
  }
  const found = property.split('.').reduce((value, key) => value?.[key], module);
  if (!found) throw fault('HandlerNotFound', `${handler} is undefined or not exported`);
  if (typeof found !== 'function') throw fault('HandlerNotFound', `${handler} is not a function`);
  if (!callbacks && found.length >= 3) {
    throw fault('CallbackHandlerDeprecated', 'ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24.');
  }
  return found;
}

function contextOf(headers) {
  const env = process.env;
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  return {
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

// Runs a handler as nodejs20.x and nodejs22.x do: its answer is a promise's value or what it gives the callback; without
// either it is null, once nothing is left to do.
function runWithCallback(handler, event, context) {
  return new Promise((succeed, fail) => {
    const settle = (error, result) => (error === undefined || error === null ? succeed(result) : fail(error));
    const callback = (error, result) => {
      const isError = error !== undefined && error !== null;
      if (isError || !context.callbackWaitsForEmptyEventLoop) settle(error, result);
      else whenIdle = () => settle(null, result);
    };
    Object.assign(context, {
      callbackWaitsForEmptyEventLoop: true,
      done: settle,
      succeed: (result) => settle(null, result),
      fail: (error) => settle(error ?? 'handled'),
    });
    if (handler.constructor.name !== 'AsyncFunction') whenIdle = () => succeed(null);
    const result = handler(event, context, callback);
    if (typeof result?.then === 'function') result.then(succeed, fail);
  });
}

function run(handler, event, context) {
  const unfinished = new Promise((_, fail) => {
    whenIdle = () => fail(fault('NodeJsExit', 'the handler left nothing to wait for and did not answer'));
  });
  const answer = callbacks ? runWithCallback(handler, event, context) : Promise.resolve().then(() => handler(event, context));
  return Promise.race([answer, unfinished]);
}

function stringify(result) {
  try {
    return JSON.stringify(result ?? null) ?? 'null';
  } catch {
    throw fault('JSONStringifyError', 'Unable to stringify response body');
  }
}

async function serve(handler) {
  const { headers, text } = await call('GET', 'invocation/next');
  const context = contextOf(headers);
  requestID = context.awsRequestId;
  process.env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'];
  try {
    const result = await run(handler, JSON.parse(text), context);
    await post(`invocation/${requestID}/response`, stringify(result));
  } catch (error) {
    await postError(`invocation/${requestID}/error`, 'Invoke Error', error);
  }
  requestID = undefined;
  whenIdle = undefined;
}

process.on('uncaughtException', (error) => die('Uncaught Exception', error, 129));
process.on('unhandledRejection', (reason) => die('Unhandled Promise Rejection', fault('UnhandledPromiseRejection', String(reason)), 128));
process.on('beforeExit', () => {
  const idle = whenIdle;
  whenIdle = undefined;
  if (idle) setImmediate(idle);
});

patchConsole();
let handler;
try {
  handler = await load(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER);
} catch (error) {
  await die('Init Error', error, 1);
}
loaded = true;
for (;;) await serve(handler);
