/** Of a job's module, of what it describes, and of its keys. */
export const jobErrors = {
  // loading a job's module
  JOB_MODULE_NOT_FOUND: { who: 'user', retry: false, message: 'There is no file {path}' },
  JOB_MODULE_FOLDER: { who: 'user', retry: false, message: '{path} is a folder: name the file in it that has the job' },
  JOB_MODULE_SYNTAX: { who: 'user', retry: false, message: '{path} cannot be loaded: {problem}' },
  JOB_MODULE_IMPORT: { who: 'user', retry: false, message: '{path} cannot be loaded: {problem}' },
  JOB_MODULE_THROWS: { who: 'user', retry: false, message: '{path} threw while it was loaded: {problem}' },
  JOB_MODULE_HANGS: {
    who: 'user',
    retry: false,
    message: '{path} was not loaded after {timeoutMs} ms: does it await something at its top level that never comes?',
  },
  JOB_MODULE_NO_JOB: {
    who: 'user',
    retry: false,
    message: '{path} is no job: {problem}. A job module ends with: export default defineJob(…)',
  },
  // building a job
  JOB_INVALID: { who: 'user', retry: false, message: 'not a job: expected what defineJob answers, got {value}' },
  JOB_NAME_INVALID: {
    who: 'user',
    retry: false,
    message: 'the job name {name} must be 1 to 128 letters, digits, spaces and . _ -, and begin with a letter or digit',
  },
  JOB_EMPTY: { who: 'user', retry: false, message: 'job {job} has no sink, so it would do nothing: end a stream with sinkTo' },
  JOB_BUILD_ASYNC: { who: 'user', retry: false, message: 'the build function of job {job} must be synchronous: it answered a promise' },
  JOB_BUILD_THROWS: { who: 'user', retry: false, message: 'the build function of job {job} threw: {problem}' },
  JOB_BUILT: { who: 'user', retry: false, message: '{call} was called after the job had been built' },
  ARGUMENT_INVALID: { who: 'user', retry: false, message: '{call}: {argument} must be {expected}, and is {value}' },
  FIELD_INVALID: { who: 'user', retry: false, message: '{call}: field "{field}" of a record must be {expected}, and is {value}' },
  NAME_INVALID: { who: 'user', retry: false, message: '{what} {name} must be 1 to 255 characters, without control characters' },
  PARAM_UNKNOWN: { who: 'user', retry: false, message: 'job {job} has no parameter "{param}"{hint}' },
  PARAM_INVALID: { who: 'user', retry: false, message: 'parameter "{param}" of job {job} must be {expected}, and is {value}' },
  UID_DUPLICATE: { who: 'user', retry: false, message: 'uid "{uid}" is used twice: by {operator} and by {other}' },
  SINK_CLAIMED_TWICE: {
    who: 'user',
    retry: false,
    message: '{operator} and {other} have one {claim}, and what either of them writes could be lost by the other: give each its own',
  },
  UID_RESERVED: {
    who: 'user',
    retry: false,
    message: 'uid "{uid}" has the form of a derived id: choose one that does not begin with "auto-"',
  },
  UID_MISSING: {
    who: 'user',
    retry: false,
    message:
      'stateful operators without a uid: {operators}; give each .uid(...), so that its state is found again when the job has changed',
  },
  NOT_AN_OPERATOR: {
    who: 'user',
    retry: false,
    message: '.{call}() was called on {view}, which is no operator: call it on the operator before or after',
  },
  STATE_NOT_KEYED: { who: 'user', retry: false, message: '{operator} declares {member}, which only a keyed stream has: call keyBy first' },
  STATE_INVALID: { who: 'user', retry: false, message: 'state "{state}" of {operator} {problem}' },
  SIDE_UNDECLARED: { who: 'user', retry: false, message: '{operator} declares no side output "{side}"{hint}' },
  FAILURES_OFF: { who: 'user', retry: false, message: "{operator} has no failures to read: declare onError: 'side'" },
  PARALLELISM_ABOVE_MAX: {
    who: 'user',
    retry: false,
    message: 'parallelism {parallelism} of {operator} is above its maxParallelism {maxParallelism}',
  },
  FORWARD_PARALLELISM: {
    who: 'user',
    retry: false,
    message:
      "partition('forward') from {from} ({fromParallelism} {fromParallelism?subtask:subtasks}) to {to} ({toParallelism} {toParallelism?subtask:subtasks}) needs equal parallelisms: use 'rebalance' or 'rescale'",
  },
  EMITTED_INVALID: { who: 'user', retry: false, message: '{operator}: what was emitted is not what {declaration} declares: {problem}' },
  SCHEMA_ASYNC: {
    who: 'user',
    retry: false,
    message: '{operator}: the schema of {declaration} validates asynchronously, which emit cannot wait for',
  },
  STREAM_FOREIGN: {
    who: 'user',
    retry: false,
    message: '{call}: the stream belongs to another environment; streams of two jobs cannot be combined',
  },
  UNION_REPEATED: { who: 'user', retry: false, message: 'union: the output of {operator} is in it twice, so that every record would be' },
  CONNECT_MIXED: { who: 'user', retry: false, message: 'connect: one stream is keyed, the other is not: key both, or neither' },
  // keys
  KEY_UNDEFINED: {
    who: 'user',
    retry: false,
    message: 'The key is undefined: does the key selector name a field that this record has? Use null for "no key"',
  },
  KEY_UNSUPPORTED: {
    who: 'user',
    retry: false,
    message: 'A key is a string, number, bigint, boolean, null, or a tuple of these, and this one is {type}',
  },
  KEY_TUPLE_EMPTY: { who: 'user', retry: false, message: 'A key is an empty tuple: use null to give all records the same key' },
  KEY_TUPLE_TOO_LONG: { who: 'user', retry: false, message: 'A key is a tuple of {length} atoms where at most {limit} are allowed' },
  KEY_TUPLE_ATOM: {
    who: 'user',
    retry: false,
    message: 'Atom {position} of a tuple key is {type}, which is not a string, number, bigint, boolean or null',
  },
  KEY_BYTES_CORRUPT: { who: 'operator', retry: false, message: 'An encoded key is corrupt at byte {at}: {problem}' },
  KEY_GROUP_RANGE: {
    who: 'user',
    retry: false,
    message:
      'Parallelism {parallelism} with max parallelism {maxParallelism}: both are whole numbers, 1 <= parallelism <= max parallelism <= {limit}',
  },
} as const
