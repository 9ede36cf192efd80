/** Of values, of the channels they go through, and of the state they are kept in. */
export const stateErrors = {
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
  KEY_CHANGED: {
    who: 'user',
    retry: false,
    message:
      'A record of {operator} has another key than when it was sent to its subtask: what keyBy is given must answer the same for a record each time it is asked. Where records were restored, as from an asynchronous function that was not done with them, it must answer what it did in the job that stored them',
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
  STATE_FOLD_UNDEFINED: {
    who: 'user',
    retry: false,
    message:
      'The function that folds into state "{state}" of {operator} answered undefined: it must answer the new value, also where it has changed the old one in place',
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
  STATE_DATABASE_CORRUPT: {
    who: 'operator',
    retry: false,
    message: 'Stored state of {operator} is corrupt, in the database that {path} is of: {problem}',
  },
  STATE_FORMAT_NEWER: {
    who: 'user',
    retry: false,
    message: 'Stored state of {operator} has format version {version}, and this release reads up to {known}: use a newer release',
  },
  STATE_UNMAPPED: {
    who: 'user',
    retry: false,
    message:
      'Stored state "{state}" of {operator} is not declared any more: declare it, drop it with --allow-non-restored-state (-n), or give it its new name with millrace state edit --rename',
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
    message: 'migrate of state "{state}" of {operator}{place} failed from version {stored} to {declared}: {problem}',
  },
  STATE_SCHEMA_FAILED: {
    who: 'user',
    retry: false,
    message:
      'State "{state}" of {operator}{place}, stored in version {stored} and declared in version {declared}, is not what its schema asks for: {problem}. If its shape has changed, declare version {next} with migrate: (old, fromVersion) => today\'s value, or let the schema accept the older shape',
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
      'The codec of state "{state}" of {operator}{place}, declared in version {declared}, cannot decode what was stored in version {stored}: {problem}',
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
    message:
      'State "{state}" of {operator}, key {key}, holds a value that cannot be stored: {problem}. Keep plain data, or declare a codec',
  },
  STATE_ROCKSDB_MISSING: {
    who: 'user',
    retry: false,
    final: true,
    message: 'The state backend rocksdb needs the package {name}, which is not installed or does not load here: npm install {name}',
  },
  STATE_DISK_FULL: {
    who: 'operator',
    retry: true,
    message: 'No space is left for state, in {path}: make room there, or keep it on a larger disk with stateDir',
  },
  STATE_DISK_NOT_WRITABLE: {
    who: 'operator',
    retry: false,
    message: 'State cannot be kept in {path}: {problem}. Check its owner and permissions, or set another place with stateDir',
  },
  STATE_DISK_FAILED: { who: 'operator', retry: true, message: 'The disk that state is kept on has failed: {problem}' },
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
  TIMER_UNHANDLED: {
    who: 'user',
    retry: false,
    message: 'A timer of {operator} is set, and its function has no {handler}, which is what would be called when it is due',
  },
} as const
