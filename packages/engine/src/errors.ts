import { defineErrors, type ErrorDetails, type MillraceError } from '@millrace/core'

/** Every error of the engine: who must act, and whether the same attempt may succeed later. */
const table = {
  // connectors
  CONNECTOR_OPTION_INVALID: { who: 'user', retry: false, message: '{connector}: option {option} {problem}' },
  SINK_FORMAT_FAILED: { who: 'user', retry: false, message: '{connector}: a record cannot be written as {format}: {problem}' },
  PRINT_CLOSED: { who: 'operator', retry: false, message: 'print: nobody reads the standard output any more (EPIPE)' },
  PRINT_FAILED: { who: 'operator', retry: false, message: 'print: the standard output cannot be written: {problem}' },
  FILES_NOT_FOUND: { who: 'user', retry: false, message: 'files: there is no file {path}' },
  FILES_UNREADABLE: { who: 'operator', retry: true, message: 'files: {file} cannot be read: {problem}' },
  FILES_LOST: {
    who: 'operator',
    retry: false,
    message: 'files: {file} was read to byte {offset} and is gone; what followed is lost (onLostFile: skip accepts that)',
  },
  FILES_LINE_TOO_LONG: { who: 'user', retry: false, message: 'files: the line at {file}:{offset} is longer than maxLineBytes, {limit}' },
  FILES_PARSE_FAILED: { who: 'user', retry: false, message: 'files: the line at {file}:{offset} cannot be parsed: {problem}' },
  FILES_GZIP_DAMAGED: { who: 'operator', retry: false, message: 'files: {file} is no whole gzip file: {problem}' },
  LINE_TOO_LONG: { who: 'user', retry: false, message: '{source}: a line is longer than maxLineBytes, {limit}' },
  SOCKET_LOST: { who: 'operator', retry: true, message: 'socketText: the connection to {host}:{port} is lost: {problem}' },
  STDIN_FAILED: { who: 'operator', retry: false, message: 'stdin: the standard input cannot be read: {problem}' },
  FILE_SINK_WRITE_FAILED: { who: 'operator', retry: true, message: 'fileSink: {file} cannot be written: {problem}' },
  FILE_SINK_COMMIT_FAILED: { who: 'operator', retry: true, message: 'fileSink: {file} cannot be published: {problem}' },
  FILE_SINK_LOST: {
    who: 'operator',
    retry: false,
    final: true,
    message: 'fileSink: {file} belongs to a checkpoint and is gone, and so is its final form {final}',
  },
  FILE_SINK_DAMAGED: {
    who: 'operator',
    retry: false,
    final: true,
    message: 'fileSink: {file} has {found} bytes instead of the {expected} that were written',
  },
  FILE_SINK_HANDLE_UNKNOWN: {
    who: 'user',
    retry: false,
    message: 'fileSink: the checkpoint holds something under {stateId} that this sink did not write',
  },
  KAFKA_POISON: {
    who: 'user',
    retry: false,
    message: 'kafkaSource: the {part} of {topic}-{partition} at offset {offset} cannot be read: {problem} (onPoison says what else to do)',
  },
  KAFKA_NO_TOPIC: { who: 'user', retry: true, message: 'kafkaSource: the cluster has no topic that matches {pattern}' },
  KAFKA_TOPIC_DELETED: {
    who: 'user',
    retry: false,
    message: "kafkaSource: topic {topic} was deleted; what had not been read of it is lost (onTopicLost: 'skip' accepts that)",
  },
  KAFKA_TOPIC_RECREATED: {
    who: 'user',
    retry: false,
    message:
      "kafkaSource: topic {topic} was deleted and made anew; what had not been read of the former is lost (onTopicLost: 'skip' reads the new one from its beginning)",
  },
  KAFKA_OFFSET_LOST: {
    who: 'user',
    retry: false,
    message: 'kafkaSource: {topic}-{partition} cannot go on at offset {offset}: {problem} (onOffsetLost: earliest or latest accepts that)',
  },
  KAFKA_NOT_COMMITTED: {
    who: 'user',
    retry: false,
    message: 'kafkaSource: group {groupId} has committed no offset of {topic}-{partition}',
  },
  SCHEMA_REGISTRY_REFUSED: { who: 'user', retry: false, message: 'The schema registry refuses {url} with status {status}: {problem}' },
  SCHEMA_REGISTRY_UNAVAILABLE: { who: 'operator', retry: true, message: 'The schema registry {url} does not answer {path}: {problem}' },
  SCHEMA_UNUSABLE: { who: 'user', retry: false, message: 'A schema cannot be used: {problem}' },
  LIBRARY_MISSING: { who: 'user', retry: false, message: '{user} needs the package {name}: npm install {name}' },
  KAFKA_NO_END: { who: 'user', retry: false, message: 'kafkaSource: endAt.offsets names no offset of {topic}-{partition}' },
  KAFKA_SINK_HANDLE_UNKNOWN: {
    who: 'user',
    retry: false,
    message: 'kafkaSink: the checkpoint holds something under {stateId} that this sink did not write',
  },
  KAFKA_SINK_TIMEOUT_TOO_SHORT: {
    who: 'user',
    retry: false,
    message:
      'kafkaSink: transactionTimeout is {timeout} and must be {needed} at least: checkpoint interval {interval} + checkpoint timeout {checkpointTimeout} + toleratedDowntime {downtime}; else a transaction could time out that a completed checkpoint needs',
  },
  KAFKA_SINK_FAILED: { who: 'operator', retry: true, message: 'kafkaSink: {problem}' },
  KAFKA_SINK_REFUSED: { who: 'user', retry: false, message: 'kafkaSink: {problem}' },
  KAFKA_SINK_FENCED: {
    who: 'operator',
    retry: true,
    message:
      'kafkaSink: {problem}. The transaction was open for too long, or another job has the same transactionalIdPrefix. Nothing is lost: what it held is written again after the restart',
  },
  KAFKA_SINK_TRANSACTION_LOST: {
    who: 'operator',
    retry: false,
    final: true,
    message:
      'kafkaSink: the transaction that holds the records of checkpoint {checkpointId} (first topic {topic}; transactional id {transactionalId}, producer {producerId} epoch {producerEpoch}) can no longer be committed, and was not: the cluster has aborted it. It could count on being kept until {deadline}. Its records are not to be read; restore the checkpoint or savepoint before this one to write them again',
  },
  KAFKA_SINK_TRANSACTION_REPLAYED: {
    who: 'operator',
    retry: false,
    message:
      'kafkaSink: the cluster has aborted the transaction that holds the records of checkpoint {checkpointId} (first topic {topic}; transactional id {transactionalId}, producer {producerId} epoch {producerEpoch}), which could count on being kept until {deadline}. The job goes back to the checkpoint before (onTransactionLost is replay): what other subtasks have committed since is written again',
  },
  KAFKA_SINK_TOO_MANY_PREPARED: {
    who: 'operator',
    retry: true,
    message: 'kafkaSink: more than {limit} transactions are prepared and wait for a checkpoint to complete: too many have come to nothing',
  },
  WEBHOOK_REFUSED: {
    who: 'user',
    retry: false,
    message: 'webhookSink: {url} refuses a request with status {status}: {problem} (onRefused says what else to do)',
  },
  WEBHOOK_UNAVAILABLE: { who: 'operator', retry: true, message: 'webhookSink: {url} did not accept a request in {tries} tries: {problem}' },
  EVENTS_REFUSED: { who: 'user', retry: false, message: 'serverSentEvents: {url} gives no events: {problem}' },
  EVENTS_LOST: { who: 'operator', retry: true, message: 'serverSentEvents: {url} cannot be reached: {problem}' },
  EVENT_TOO_LARGE: { who: 'user', retry: false, message: 'serverSentEvents: an event of {url} is longer than maxEventCharacters, {limit}' },
  POSTGRES_SINK_UNAVAILABLE: { who: 'operator', retry: true, message: 'postgresSink: the database cannot do its part now: {problem}' },
  POSTGRES_SINK_REFUSED: { who: 'user', retry: false, message: 'postgresSink: the database refuses table {table}: {problem}' },
  POSTGRES_SINK_RECORD_REFUSED: {
    who: 'user',
    retry: false,
    message: 'postgresSink: table {table} refuses the row {row}{place}: {problem}',
  },
  POSTGRES_SINK_FENCED: {
    who: 'operator',
    retry: true,
    message:
      'postgresSink: another start of job {jobName} has taken over the sink {sink}; nothing more of this one is committed. Nothing is lost: whoever goes on from the checkpoint commits it',
  },
  POSTGRES_SINK_ENTRY_MISSING: {
    who: 'operator',
    retry: false,
    message:
      'postgresSink: {commitTable} has no entry for what checkpoint {checkpointId} holds (batch {batch} of run {run}), so that nobody can tell whether it is in table {table}: the checkpoint was made with another database, or the database is older than it',
  },
  POSTGRES_SINK_STAGED_TOO_MUCH: {
    who: 'operator',
    retry: true,
    message:
      'postgresSink: more than {limit} bytes of rows wait for a checkpoint to complete: checkpoint more often, raise the parallelism or maxStagedBytes, or see why checkpoints fail',
  },
  POSTGRES_SINK_HANDLE_UNKNOWN: {
    who: 'user',
    retry: false,
    message: 'postgresSink: the checkpoint holds something under {stateId} that this sink did not write',
  },
  // replaying what a job has stored
  REPLAY_OTHER_JOB: { who: 'user', retry: false, message: 'The checkpoint is of job {stored}, and the module is job {job}' },
  SHADOW_NO_CHECKPOINT: { who: 'user', retry: false, message: 'Job {job} has no completed checkpoint in {dir}: name one with --restore' },
  // loading a job's module
  JOB_MODULE_NOT_FOUND: { who: 'user', retry: false, message: 'There is no file {path}' },
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
  JOB_BUILT: { who: 'user', retry: false, message: '{call} was called after the job had been built' },
  ARGUMENT_INVALID: { who: 'user', retry: false, message: '{call}: {argument} must be {expected}, and is {value}' },
  NAME_INVALID: { who: 'user', retry: false, message: '{what} {name} must be 1 to 255 characters, without control characters' },
  PARAM_UNKNOWN: { who: 'user', retry: false, message: 'job {job} has no parameter "{param}"{hint}' },
  PARAM_INVALID: { who: 'user', retry: false, message: 'parameter "{param}" of job {job} must be {expected}, and is {value}' },
  UID_DUPLICATE: { who: 'user', retry: false, message: 'uid "{uid}" is used twice: by {operator} and by {other}' },
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
      "partition('forward') from {from} ({fromParallelism} subtasks) to {to} ({toParallelism} subtasks) needs equal parallelisms: use 'rebalance' or 'rescale'",
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
  // checkpoints and restarts
  BARRIER_REPEATED: { who: 'bug', retry: true, message: 'Channel {channel} delivered the barrier of checkpoint {checkpointId} twice' },
  CHANNEL_CORRUPT: { who: 'bug', retry: true, message: 'Channel {channel} is corrupt: {problem}' },
  CHECKPOINT_UNALIGNED_CONFLICT: {
    who: 'user',
    retry: false,
    message: 'checkpointing.unaligned goes with {requirement}, but {option} is {value}',
  },
  CHECKPOINT_STORAGE_FULL: { who: 'operator', retry: true, message: 'No space is left for checkpoints in {path}' },
  CHECKPOINT_STORAGE_NOT_WRITABLE: {
    who: 'operator',
    retry: false,
    message:
      'The checkpoint folder {path} cannot be written: {problem}. Check its owner and permissions, or set another with checkpointing.dir',
  },
  CHECKPOINT_STORAGE_LOST: {
    who: 'operator',
    retry: false,
    message: 'The checkpoint folder {path} was there and is gone: it was removed or unmounted while the job ran',
  },
  CHECKPOINT_STORAGE_FAILED: { who: 'operator', retry: true, message: 'The checkpoint storage failed at {path}: {problem}' },
  CHECKPOINT_STORAGE_UNREACHABLE: {
    who: 'operator',
    retry: true,
    message: 'The checkpoint storage {path} does not answer, or cannot do what it is asked now: {problem}',
  },
  CHECKPOINT_STORAGE_FORBIDDEN: {
    who: 'operator',
    retry: false,
    message: 'The checkpoint storage {path} refuses access: {problem}. Check credentials and permissions',
  },
  CHECKPOINT_STORAGE_MISSING: {
    who: 'operator',
    retry: false,
    message: 'The checkpoint storage {path} does not exist: {problem}. Create the bucket, or set another with checkpointing.dir',
  },
  CHECKPOINT_URL_INVALID: {
    who: 'user',
    retry: false,
    message:
      '{url} is no place of checkpoints: {problem}. There are s3://bucket/prefix, hdfs://host:port/path, webhdfs://host:port/path and folders',
  },
  CHECKPOINT_S3_SDK_MISSING: {
    who: 'user',
    retry: false,
    message: 'Checkpoints in {url} need the package @aws-sdk/client-s3, which is not installed: npm install @aws-sdk/client-s3',
  },
  CHECKPOINT_STATE_TOO_LARGE: {
    who: 'user',
    retry: false,
    message:
      'A state of {length} bytes is larger than the {limit} bytes that checkpoints in memory hold; keep them on disk with checkpointing.storage=filesystem',
  },
  CHECKPOINT_MESSAGE_TOO_LARGE: {
    who: 'user',
    retry: false,
    message:
      'The metadata of checkpoint {checkpointId} has {length} bytes, more than the {limit} that checkpoints in memory hold; keep them on disk with checkpointing.storage=filesystem',
  },
  CHECKPOINT_NOT_FOUND: { who: 'user', retry: false, message: 'There is no checkpoint at {path}' },
  CHECKPOINT_DAMAGED: { who: 'operator', retry: false, message: 'The checkpoint at {path} is damaged: {problem}' },
  CHECKPOINT_ALL_DAMAGED: {
    who: 'operator',
    retry: false,
    message:
      'None of the {count} checkpoints in {path} can be read; the newest: {problem}. Restore another with --restore PATH, or start without state with --restore none',
  },
  CHECKPOINT_FORMAT_UNKNOWN: {
    who: 'operator',
    retry: false,
    message:
      'The checkpoint has format version {version}; this release reads up to {newest}. Use the release that wrote it, or a newer one',
  },
  CONTROL_VERSION: {
    who: 'operator',
    retry: false,
    message: 'The job speaks version {ours} of the protocol of its socket, and not {theirs}: use the millrace command of its own release',
  },
  CONTROL_REQUEST_INVALID: { who: 'bug', retry: false, message: 'What was sent to the socket of a job is no request: {problem}' },
  CONTROL_LOST: { who: 'operator', retry: true, message: 'The job did not answer: {problem} ({path})' },
  SAVEPOINT_FAILED: { who: 'operator', retry: true, message: 'The savepoint failed, and the job goes on: {problem}' },
  SAVEPOINT_JOB_ENDED: { who: 'operator', retry: false, message: 'There is no savepoint: the job has ended, or ends, without' },
  SAVEPOINT_IS_CHECKPOINT: {
    who: 'user',
    retry: false,
    message: '{path} is a checkpoint of job {jobName} and no savepoint: the job removes its checkpoints itself',
  },
  CLAIM_MODE_LEGACY: {
    who: 'user',
    retry: false,
    message: 'claimMode legacy, where nobody owns what is restored, is not: no-claim or claim',
  },
  SAVEPOINT_IN_DATABASE: {
    who: 'user',
    retry: false,
    message: 'State of {operator} is in RocksDB files, read by its job alone: take a savepoint',
  },
  SAVEPOINT_STATE_INVALID: { who: 'user', retry: false, message: 'State of operator {operator} cannot be written: {problem}' },
  SAVEPOINT_OPERATOR_UNKNOWN: { who: 'user', retry: false, message: 'There is no operator {operator} in {path}; there are {known}' },
  SAVEPOINT_PLACE_TAKEN: { who: 'user', retry: false, message: 'A savepoint cannot be written to {path}: there is something already' },
  SAVEPOINT_OPERATOR_TWICE: { who: 'user', retry: false, message: 'Operator {operator} would be in the savepoint twice' },
  CHECKPOINT_UNENCODABLE: { who: 'user', retry: false, message: 'What {owner} gave for a checkpoint cannot be stored: {problem}' },
  JOB_LOCKED: {
    who: 'operator',
    retry: false,
    message: 'Job {jobName} already runs: process {pid} on {host}, attempt {attempt}, since {since} ({path})',
  },
  JOB_LOCK_UNDECIDED: {
    who: 'operator',
    retry: false,
    message:
      'Job {jobName} was last run by process {pid} on {host}, attempt {attempt}, since {since}; whether it still runs cannot be seen from here. If it does not, create the empty file {path}.released',
  },
  JOB_FENCED: {
    who: 'operator',
    retry: false,
    message: 'Attempt {attempt} of job {jobName} was taken over by attempt {newer}: it must not go on',
  },
  // values, channels
  VALUE_UNSUPPORTED: { who: 'user', retry: false, message: '{path} is {what}, which can neither be sent to another subtask nor be stored' },
  VALUE_TOO_DEEP: { who: 'user', retry: false, message: '{path} is nested deeper than {limit} levels' },
  VALUE_TOO_LARGE: { who: 'user', retry: false, message: 'A value needs more than {limit} bytes' },
  VALUE_CORRUPT: { who: 'operator', retry: false, message: 'An encoded value is corrupt at byte {at}: {problem}' },
  VALUE_VERSION_UNKNOWN: {
    who: 'operator',
    retry: false,
    message:
      'An encoded value has format version {version}; this release reads up to {newest}. Use the release that wrote it, or a newer one',
  },
  FRAME_CORRUPT: { who: 'bug', retry: true, message: 'A frame of a channel is corrupt: {problem}' },
  PARTITION_OUT_OF_RANGE: {
    who: 'user',
    retry: false,
    message: 'The custom partitioner answered {answer}; it must answer a whole number from 0 to {last}',
  },
  // state
  KEY_GROUP_FOREIGN: {
    who: 'bug',
    retry: false,
    message:
      'A key of group {group} came to a subtask that has the groups {first} to {last}: either it was sent astray or its hash is not hashKey of it',
  },
  STATE_MAP_KEY: {
    who: 'user',
    retry: false,
    message: 'A key of map state "{state}" of {operator} is {type}: it can be a string, number, bigint, boolean or null',
  },
  STATE_VALUE_UNDEFINED: {
    who: 'user',
    retry: false,
    message: 'undefined cannot be put into state "{state}" of {operator}: delete or clear instead, or use null',
  },
  STATE_ITERATOR_STALE: {
    who: 'user',
    retry: false,
    message:
      'entries() of map state "{state}" of {operator} was continued under another key: finish it, or copy it, in the same invocation',
  },
  STATE_INVOCATION_OVER: {
    who: 'user',
    retry: false,
    message: 'State "{state}" of {operator} was used after its invocation had ended: await everything that uses it',
  },
  STATE_DECLARATION_INVALID: { who: 'user', retry: false, message: 'State "{state}" of {operator} is declared with {problem}' },
  STATE_READ_ONLY: {
    who: 'user',
    retry: false,
    message: 'Broadcast state "{state}" of {operator} can only be changed by the broadcast side: {call} was called on the other',
  },
  STATE_CORRUPT: {
    who: 'operator',
    retry: false,
    message: 'Stored state of {operator}, key group {group}, is corrupt at byte {at}: {problem}',
  },
  STATE_FORMAT_NEWER: {
    who: 'user',
    retry: false,
    message: 'Stored state of {operator} has format version {version}, and this release reads up to {known}: use a newer release',
  },
  STATE_UNMAPPED: {
    who: 'user',
    retry: false,
    message: 'Stored state "{state}" of {operator} is not declared any more: declare it, or allow non-restored state to drop it',
  },
  STATE_KIND_CHANGED: {
    who: 'user',
    retry: false,
    message: 'State "{state}" of {operator} is stored as {stored} state and declared as {declared} state: use another name',
  },
  STATE_VERSION_NEWER: {
    who: 'user',
    retry: false,
    message: 'State "{state}" of {operator} is stored in version {stored}, newer than the declared version {declared}',
  },
  STATE_MIGRATION_MISSING: {
    who: 'user',
    retry: false,
    message:
      'State "{state}" of {operator} is stored in version {stored} and declared in version {declared}: give it migrate: (old, fromVersion) => today\'s value, or a schema that accepts what is stored',
  },
  STATE_MIGRATION_FAILED: {
    who: 'user',
    retry: false,
    message: 'migrate of state "{state}" of {operator} failed from version {stored} to {declared}: {problem}',
  },
  STATE_SCHEMA_FAILED: {
    who: 'user',
    retry: false,
    message:
      'State "{state}" of {operator}, stored in version {stored} and declared in version {declared}, is not what its schema asks for: {problem}. If its shape has changed, declare version {next} with migrate: (old, fromVersion) => today\'s value, or let the schema accept the older shape',
  },
  STATE_SCHEMA_ASYNC: {
    who: 'user',
    retry: false,
    message: 'The schema of state "{state}" of {operator} validates asynchronously, which a restore cannot wait for',
  },
  STATE_CODEC_MISSING: {
    who: 'user',
    retry: false,
    message:
      'State "{state}" of {operator} was stored by a codec, in version {stored}, and is declared without one in version {declared}: declare the codec that reads it',
  },
  STATE_CODEC_FAILED: {
    who: 'user',
    retry: false,
    message:
      'The codec of state "{state}" of {operator}, declared in version {declared}, cannot decode what was stored in version {stored}: {problem}',
  },
  STATE_RAW_FAILED: { who: 'user', retry: false, message: 'Raw state "{state}" of {operator}: {problem}' },
  STATE_RAW_BUFFERED: {
    who: 'user',
    retry: false,
    message:
      'Raw state "{state}" of {operator} was used by an asynchronous function, or with onError: \'side\': what is done to it cannot be held back until the call has succeeded. Use a list or keyed state there',
  },
  RESTORE_RAW_MAX_PARALLELISM: {
    who: 'user',
    retry: false,
    message:
      'Keyed raw state of "{operator}" is stored with {stored} key groups and there are {now} now: only its operator knows the keys in it, so set maxParallelism to {stored}',
  },
  STATE_UNENCODABLE: {
    who: 'user',
    retry: false,
    message: 'State "{state}" of {operator}, key {key}, holds a value that cannot be stored: {problem}',
  },
  STATE_ROCKSDB_MISSING: {
    who: 'user',
    retry: false,
    final: true,
    message: 'The state backend rocksdb needs the package {name}, which is not installed or does not load here: npm install {name}',
  },
  STATE_BACKEND_SYNCHRONOUS: {
    who: 'user',
    retry: false,
    final: true,
    message: 'rocksdb has no synchronous snapshots: remove checkpointing.asynchronous=false',
  },
  STATE_BACKEND_OTHER: {
    who: 'user',
    retry: false,
    final: true,
    message:
      'The state of {operator} was stored by the state backend rocksdb, in a checkpoint: restore it with that one; a savepoint can be restored with any',
  },
  STATE_STORED_TOO_LARGE: { who: 'user', retry: false, message: 'A {what} of {operator} takes {length} bytes; RocksDB takes {limit}' },
  STATE_SNAPSHOT_ABANDONED: {
    who: 'bug',
    retry: false,
    message: 'The snapshot of checkpoint {checkpointId} was abandoned and has no index',
  },
  EVENT_TIME_INVALID: {
    who: 'user',
    retry: false,
    message: 'The watermark strategy of source {source} gave {what} of {time}{position}, which is not a time in milliseconds',
  },
  TIMER_TIME_INVALID: { who: 'user', retry: false, message: 'A timer of {operator} is set to {time}, which is not a time in milliseconds' },
  // operators and runtime
  CONTEXT_REVOKED: {
    who: 'user',
    retry: false,
    message: 'Operator {operator} used {use} of a context whose invocation has already ended: await everything that uses the context',
  },
  SIDE_OUTPUT_UNDECLARED: {
    who: 'user',
    retry: false,
    message: 'Operator {operator} emitted to the side output "{side}", which it does not declare in `sides`',
  },
  RESTORE_STATE_UNMAPPED: {
    who: 'user',
    retry: false,
    message:
      'Checkpoint {checkpoint} holds state of operator "{operator}" ({stateId}), which the job no longer has: give an operator this uid, drop the state with --allow-non-restored-state (-n), or start without the checkpoint (--restore none)',
  },
  RESTORE_KIND_CHANGED: {
    who: 'user',
    retry: false,
    message: 'Operator "{operator}" ({stateId}) is stored as {stored} and is now {now}, which cannot take its state: give it another uid',
  },
  RESTORE_PARTLY_FINISHED: {
    who: 'user',
    retry: false,
    message:
      'Some of the {stored} subtasks of "{operator}" had reached the end of their input in the checkpoint, others had not: restore with the same parallelism, not with {now}',
  },
  JOB_CHANGED: {
    who: 'user',
    retry: false,
    message:
      'A worker built another graph of job "{job}" than the main thread: the job must be built the same each time (params, not the environment or the clock), and its file must not change while it runs',
  },
  EXECUTE_IN_WORKER: {
    who: 'user',
    retry: false,
    message:
      'The module of job "{job}" calls execute or collect when it is imported, and worker threads import it too: put the call under if (import.meta.main)',
  },
  EXECUTE_MODULE_UNKNOWN: {
    who: 'user',
    retry: false,
    message:
      'Where job "{job}" was defined cannot be told, so that no worker thread can import it: call defineJob at the top of a module, or leave out threads',
  },
  WORKER_EXITED: { who: 'user', retry: true, message: 'A worker thread ended by itself: {problem}' },
  UNHANDLED_REJECTION: { who: 'user', retry: true, message: 'A promise of user code was rejected and nobody handled it: {reason}' },
  UNCAUGHT_EXCEPTION: { who: 'user', retry: true, message: 'An exception in a callback of user code was caught by nobody: {reason}' },
  CAPSULE_OPERATOR_MISSING: {
    who: 'user',
    retry: false,
    message: 'Job "{job}" has no operator {stateId} any more that could be run again: the capsule is of another version of the job',
  },
  WORKER_OUT_OF_MEMORY: {
    who: 'operator',
    retry: true,
    message: 'A worker thread ran out of memory: raise the limit of the heap (node --max-old-space-size) or the parallelism',
  },
  WORKER_STUCK: {
    who: 'user',
    retry: true,
    message: 'Slot {slot} has not answered for {seconds} s: a user function of {tasks} loops without end or blocks',
  },
} as const

export type EngineErrorCode = keyof typeof table

/** Makes an error of this package: `throw engineError('CONNECTOR_OPTION_INVALID', { connector, option, problem })`. */
export const engineError: (code: EngineErrorCode, details?: ErrorDetails, cause?: unknown) => MillraceError = defineErrors(table)
