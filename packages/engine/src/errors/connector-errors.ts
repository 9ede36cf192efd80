/** Of the ready-made sources and sinks. */
export const connectorErrors = {
  CONNECTOR_OPTION_INVALID: { who: 'user', retry: false, message: '{connector}: option {option} {problem}' },
  SINK_FORMAT_FAILED: { who: 'user', retry: false, message: '{connector}: a record cannot be written as {format}: {problem}' },
  PRINT_CLOSED: { who: 'operator', retry: false, final: true, message: 'print: nobody reads the standard output any more (EPIPE)' },
  PRINT_FAILED: { who: 'operator', retry: false, message: 'print: the standard output cannot be written: {problem}' },
  FILES_NOT_FOUND: { who: 'user', retry: false, message: 'files: there is no file {path}' },
  FILES_PIPE: {
    who: 'user',
    retry: false,
    message:
      'files: {path} is a pipe, which cannot be read again from a place in it: read it as the standard input, with stdin, or write it to a file',
  },
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
  KAFKA_SINK_PREPARED_TOO_LONG: {
    who: 'operator',
    retry: true,
    message:
      'kafkaSink: what was prepared for checkpoint {checkpointId} waits for a checkpoint to complete for so long that the cluster may abort it before it is committed (transactionTimeout is {timeout}). Nothing is lost: it is written again after the restart. Find out why checkpoints come to nothing',
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
      'postgresSink: {commitTable} has no entry for what checkpoint {checkpointId} holds (batch {batch} of run {run}), so that nobody can tell whether it is in table {table}: the checkpoint was made with another database, the database is older than it, or its start ended longer ago than commitRetention',
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
} as const
