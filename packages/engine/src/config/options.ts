import type { OptionInput, OptionValues, ResolvedOptions } from '@millrace/core'

/** Every option of the engine. Defaults are Apache Flink's where it has the option and nothing else is said. */
export const engineOptionTable = {
  parallelism: {
    type: 'integer',
    default: 1,
    min: 1,
    max: 32768,
    unit: 'subtasks',
    shortFlag: 'p',
    flink: 'parallelism.default',
    documentation: 'Subtasks of every operator that does not set its own.',
  },
  maxParallelism: {
    type: 'integer',
    min: 1,
    max: 32768,
    unit: 'key groups',
    flink: 'pipeline.max-parallelism',
    whenUnset: 'one and a half times the parallelism, rounded up to a power of two, at least 128',
    documentation:
      'Key groups that keyed state is divided into: the largest parallelism the job can have. A restore with another number of them deals the keys out anew.',
  },
  bufferTimeout: {
    type: 'duration',
    default: '10ms',
    max: '1h',
    flink: 'execution.buffer-timeout.interval',
    documentation:
      'The longest a record waits for others to fill a batch on its way to another subtask. With 0 it waits for no others: only those that the same turn of work emits, a few milliseconds at most, go with it.',
  },
  development: {
    type: 'boolean',
    default: false,
    documentation:
      'Finds mistakes that only show at a higher parallelism: freezes emitted records and values read from state, and encodes every record on every edge. Slow.',
  },
  stuckTimeout: {
    type: 'duration',
    default: '60s',
    min: '1s',
    documentation:
      'A worker thread that has not been heard of for this long, because a user function loops without end or blocks, is ended, and the job fails with WORKER_STUCK; with WORKER_NOT_STARTED where it has not begun.',
  },
  requireUids: {
    type: 'boolean',
    default: false,
    documentation: 'Refuses a job in which a stateful operator has no uid.',
  },
  stateDir: {
    type: 'path',
    default: '.millrace',
    documentation: 'Folder of everything that outlives a run, in one folder a job name: checkpoints, the lock, crash capsules.',
  },
  'sources.maxRecordsPerSecond': {
    type: 'number',
    min: 0.001,
    unit: 'records a second',
    flag: 'max-records-per-second',
    dynamic: true,
    whenUnset: 'no limit',
    documentation:
      'Records that each source of the job may read in a second, over all its subtasks. They come in bursts of what it reads at once, a few hundred at most.',
  },
  'state.backend': {
    type: 'enum',
    values: ['heap', 'rocksdb', 'memory', 'filesystem'],
    default: 'heap',
    flag: 'backend',
    flink: 'state.backend.type',
    documentation:
      'Where keyed state is while the job runs: live objects in memory (`heap`), or a cache of them over RocksDB, for state larger than memory (`rocksdb`). `memory` and `filesystem` are the heap, and set `checkpointing.storage` to what they are called.',
  },
  'state.cacheSize': {
    type: 'bytes',
    default: '256MiB',
    min: '4KiB',
    flag: 'state-cache-size',
    flink: 'state.backend.rocksdb.memory.managed',
    documentation: 'What live rows in front of RocksDB take in each slot, about; the rest is on disk.',
  },
  'checkpointing.asynchronous': {
    type: 'boolean',
    default: true,
    flag: 'checkpoint-asynchronous',
    flink: 'state.backend.async',
    documentation:
      'Whether state is written between batches while the job goes on. Without, each subtask stands still until its state is written; `rocksdb` has no such snapshots.',
  },
  'checkpointing.incremental': {
    type: 'boolean',
    default: true,
    flag: 'checkpoint-incremental',
    flink: 'execution.checkpointing.incremental',
    documentation:
      'Whether a checkpoint stores what has changed, and refers to files of those before it for the rest. Without, each is all of the state, in files of its own, and costs what a savepoint does, also with `rocksdb`. In Flink this is off unless it is set.',
  },
  'checkpointing.interval': {
    type: 'duration',
    min: '1ms',
    flag: 'checkpoint-interval',
    flink: 'execution.checkpointing.interval',
    whenUnset: 'no periodic checkpoints; one is still taken when the job is stopped or its input ends',
    dynamic: true,
    documentation: 'Time from the start of one checkpoint to the start of the next.',
  },
  'checkpointing.mode': {
    type: 'enum',
    values: ['exactly-once', 'at-least-once'],
    default: 'exactly-once',
    flag: 'checkpoint-mode',
    flink: 'execution.checkpointing.mode',
    documentation:
      'Whether each input affects state exactly once after a restart, or at least once (barriers are not aligned: lower latency under back-pressure).',
  },
  'checkpointing.unaligned': {
    type: 'boolean',
    default: false,
    flag: 'checkpoint-unaligned',
    flink: 'execution.checkpointing.unaligned.enabled',
    documentation:
      'Checkpoints do not wait until what is in flight has been processed: they store it. They complete fast also under back-pressure. For exactly once, with one checkpoint at a time; savepoints and the checkpoint that a job stops with are aligned all the same.',
  },
  'checkpointing.alignedTimeout': {
    type: 'duration',
    default: 0,
    flag: 'checkpoint-aligned-timeout',
    flink: 'execution.checkpointing.aligned-checkpoint-timeout',
    documentation:
      'With `unaligned`: a subtask waits for barriers this long, from the trigger of the checkpoint, before it goes over to storing what is in flight. 0: it does not wait.',
  },
  'checkpointing.inFlightLimit': {
    type: 'bytes',
    default: '256MiB',
    min: 0,
    flag: 'checkpoint-in-flight-limit',
    documentation:
      'With `unaligned`: the most that a checkpoint may store of what is in flight to one subtask. With more it is given up; the job goes on.',
  },
  'checkpointing.minPause': {
    type: 'duration',
    default: 0,
    flag: 'checkpoint-min-pause',
    flink: 'execution.checkpointing.min-pause',
    dynamic: true,
    documentation: 'Least time from the end of one checkpoint to the start of the next.',
  },
  'checkpointing.timeout': {
    type: 'duration',
    default: '10m',
    min: '10ms',
    flag: 'checkpoint-timeout',
    flink: 'execution.checkpointing.timeout',
    dynamic: true,
    documentation: 'A checkpoint that takes longer is abandoned; the job goes on.',
  },
  'checkpointing.maxConcurrent': {
    type: 'integer',
    default: 1,
    min: 1,
    max: 100,
    unit: 'checkpoints',
    flag: 'checkpoint-max-concurrent',
    flink: 'execution.checkpointing.max-concurrent-checkpoints',
    dynamic: true,
    documentation: 'Checkpoints that may be under way at once.',
  },
  'checkpointing.tolerableFailures': {
    type: 'integer',
    default: 0,
    min: 0,
    unit: 'checkpoints',
    flag: 'checkpoint-tolerable-failures',
    flink: 'execution.checkpointing.tolerable-failed-checkpoints',
    dynamic: true,
    documentation: 'Checkpoints in a row that may fail before the job fails and restarts.',
  },
  'checkpointing.retainOnCancel': {
    type: 'boolean',
    default: false,
    flag: 'checkpoint-retain-on-cancel',
    flink: 'execution.checkpointing.externalized-checkpoint-retention',
    documentation: 'Keeps the checkpoints of a job that is cancelled. Those of a job that is stopped, fails or is killed are always kept.',
  },
  'checkpointing.numRetained': {
    type: 'integer',
    default: 1,
    min: 1,
    max: 10000,
    unit: 'checkpoints',
    flag: 'checkpoint-num-retained',
    flink: 'execution.checkpointing.num-retained',
    dynamic: true,
    documentation: 'Completed checkpoints that are kept; older ones are deleted.',
  },
  'checkpointing.storage': {
    type: 'enum',
    values: ['filesystem', 'memory'],
    default: 'filesystem',
    flag: 'checkpoint-storage',
    flink: 'execution.checkpointing.storage',
    documentation:
      'Where checkpoints are kept. In memory they survive a restart of the job but not the end of the process, and hold what `checkpointing.memory` allows.',
  },
  'checkpointing.dir': {
    type: 'path',
    flag: 'checkpoint-dir',
    flink: 'execution.checkpointing.dir',
    whenUnset: '`checkpoints` in the folder of the job under `stateDir`',
    documentation:
      'Place of the checkpoints, for the storage `filesystem`: a folder (`/data` or `file:///data`), `s3://bucket/prefix`, `hdfs://host:port/path` or `webhdfs://host:port/path`. Each job has a folder of its own in it. A job that has had checkpoints in another place does not begin without state in this one: take one of them along with `--restore PATH`.',
  },
  'checkpointing.memory.maxStateSize': {
    type: 'bytes',
    default: '5MiB',
    min: 1,
    max: '1GiB',
    documentation: 'The largest state file, of one subtask and operator, that a checkpoint in memory may have. With a larger one it fails.',
  },
  'checkpointing.memory.maxMessageSize': {
    type: 'bytes',
    default: '10MiB',
    min: 1,
    max: '1GiB',
    documentation: 'The largest metadata that a checkpoint in memory may have. A state must fit into it: `maxStateSize` may not be more.',
  },
  'checkpointing.claimMode': {
    type: 'enum',
    values: ['no-claim', 'claim', 'legacy'],
    default: 'no-claim',
    flag: 'claim-mode',
    flink: 'execution.state-recovery.claim-mode',
    documentation:
      'Whose a savepoint is, or a checkpoint of another job, from which the job starts. `no-claim`: yours; the job reads it, and does not need it after its first checkpoint, which is full. `claim`: the job’s, which removes it as it does its own checkpoints. `legacy` is refused.',
  },
  'checkpointing.savepointDir': {
    type: 'path',
    flag: 'savepoint-dir',
    flink: 'execution.checkpointing.savepoint-dir',
    whenUnset: '`savepoints` in the folder of the job under `stateDir`',
    documentation: 'Folder in which a savepoint gets its own, where none is named when it is triggered.',
  },
  'checkpointing.inlineThreshold': {
    type: 'bytes',
    default: '20KiB',
    max: '1MiB',
    flink: 'execution.checkpointing.data-inline-threshold',
    documentation:
      'State files up to this size have no object of their own on S3 and HDFS: they are kept in `_metadata`. More of it means fewer requests, and larger metadata that are written anew with each checkpoint.',
  },
  'checkpointing.fileMerging.enabled': {
    type: 'boolean',
    default: false,
    flink: 'execution.checkpointing.file-merging.enabled',
    documentation:
      'Merges state files of up to 1 MiB of a checkpoint on S3 and HDFS into few objects: a checkpoint takes a request or two, whatever the number of subtasks and operators. The bytes go through the thread of the coordinator.',
  },
  'checkpointing.fileMerging.maxFileSize': {
    type: 'bytes',
    default: '32MiB',
    min: '1KiB',
    max: '1GiB',
    flink: 'execution.checkpointing.file-merging.max-file-size',
    documentation:
      'The largest object into which state files are merged. Its space is free again when none of them is needed any more, or fewer than half and those were merged anew.',
  },
  'checkpointing.compression': {
    type: 'enum',
    values: ['none', 'zstd'],
    default: 'none',
    flag: 'checkpoint-compression',
    flink: 'execution.checkpointing.snapshot-compression',
    documentation:
      'Whether keyed state and its timers are compressed (Zstandard) in checkpoints and savepoints: fewer bytes to store and to send, for some processor time. What is small, or gets no smaller, is stored as it is, and so are the files of RocksDB. A restore takes either, whatever it says here.',
  },
  'checkpointing.localCopies': {
    type: 'boolean',
    default: false,
    flink: 'execution.checkpointing.local-backup.enabled',
    documentation:
      'Keeps a copy of each state file of the latest completed checkpoint on a disk of this machine: a restart here reads it, checked by its checksum, and not the storage of checkpoints. What is damaged or missing is read from there.',
  },
  'checkpointing.localDir': {
    type: 'path',
    flink: 'execution.checkpointing.local-backup.dirs',
    whenUnset: '`local-copies` in the folder of the job under `stateDir`',
    documentation: 'Folder of the local copies, on a disk of this machine. Each job has a folder of its own in it.',
  },
  'checkpointing.requestTimeout': {
    type: 'duration',
    default: '30s',
    min: '100ms',
    max: '24d',
    documentation: 'The longest that one request to a checkpoint storage on S3 or HDFS may take before it is made again.',
  },
  'checkpointing.s3.endpoint': {
    type: 'string',
    flink: 's3.endpoint',
    whenUnset: 'as the AWS SDK finds it: from AWS_ENDPOINT_URL_S3, the shared configuration, else that of the region',
    documentation: 'URL of the S3 server. Credentials are found by the AWS SDK, and are never options.',
  },
  'checkpointing.s3.region': {
    type: 'string',
    flink: 's3.region',
    whenUnset: 'as the AWS SDK finds it: from AWS_REGION or the shared configuration',
    documentation: 'Region of the bucket.',
  },
  'checkpointing.s3.pathStyle': {
    type: 'boolean',
    default: false,
    flink: 's3.path.style.access',
    documentation: 'Names the bucket in the path of a URL and not in its host, as most servers other than that of AWS want it.',
  },
  'checkpointing.hdfs.webPort': {
    type: 'integer',
    min: 1,
    max: 65535,
    unit: 'port',
    whenUnset: 'the port of the URL; 9870 where it has none, or one of Hadoop’s own protocol (8020, 9000)',
    documentation: 'Port of the HTTP interface of the name node, for `hdfs://` URLs.',
  },
  'checkpointing.hdfs.user': {
    type: 'string',
    whenUnset: 'HADOOP_USER_NAME, else the user of the process',
    documentation: 'Who HDFS is told we are. Clusters with Kerberos are not supported.',
  },
  'restart.strategy': {
    type: 'enum',
    values: ['none', 'fixed-delay', 'failure-rate', 'exponential-delay'],
    aliases: { off: 'none', disable: 'none' },
    flink: 'restart-strategy.type',
    whenUnset: '`exponential-delay` if checkpoints are taken periodically, else `none`',
    documentation: 'What happens when the job fails.',
  },
  'restart.failoverStrategy': {
    type: 'enum',
    values: ['region', 'full'],
    default: 'region',
    flag: 'failover-strategy',
    flink: 'jobmanager.execution.failover-strategy',
    documentation:
      'What restarts after a failure: of a job that consists of parts between which no records pass, only the part with the failure, while the others go on (`region`), or the whole job (`full`). Each part has threads of its own with `region`.',
  },
  'restart.fixedDelay.attempts': {
    type: 'integer',
    default: 1,
    min: 1,
    unit: 'restarts',
    flag: 'restart-attempts',
    flink: 'restart-strategy.fixed-delay.attempts',
    documentation: 'Restarts before the job fails for good, under `fixed-delay`.',
  },
  'restart.fixedDelay.delay': {
    type: 'duration',
    default: '1s',
    flag: 'restart-delay',
    flink: 'restart-strategy.fixed-delay.delay',
    documentation: 'Time from a failure to the restart, under `fixed-delay`.',
  },
  'restart.failureRate.maxFailures': {
    type: 'integer',
    default: 1,
    min: 1,
    unit: 'failures',
    flink: 'restart-strategy.failure-rate.max-failures-per-interval',
    documentation:
      'So many failures within `restart.failureRate.interval` fail the job for good: 3 allow two restarts, and 1 none. As in Flink, where the failure is counted before it is judged.',
  },
  'restart.failureRate.interval': {
    type: 'duration',
    default: '1m',
    min: '1ms',
    flink: 'restart-strategy.failure-rate.failure-rate-interval',
    documentation: 'The time over which `failure-rate` counts failures. It begins with the first of them.',
  },
  'restart.failureRate.delay': {
    type: 'duration',
    default: '1s',
    flink: 'restart-strategy.failure-rate.delay',
    documentation: 'Time from a failure to the restart, under `failure-rate`.',
  },
  'restart.exponentialDelay.initial': {
    type: 'duration',
    default: '1s',
    min: '1ms',
    flink: 'restart-strategy.exponential-delay.initial-backoff',
    documentation: 'Time from the first failure to the restart, under `exponential-delay`.',
  },
  'restart.exponentialDelay.max': {
    type: 'duration',
    default: '1m',
    min: '1ms',
    flink: 'restart-strategy.exponential-delay.max-backoff',
    documentation: 'The longest delay of `exponential-delay`.',
  },
  'restart.exponentialDelay.multiplier': {
    type: 'number',
    default: 1.5,
    min: 1,
    flink: 'restart-strategy.exponential-delay.backoff-multiplier',
    documentation: 'What the delay grows by with every further failure.',
  },
  'restart.exponentialDelay.resetAfter': {
    type: 'duration',
    default: '1h',
    min: '1ms',
    flink: 'restart-strategy.exponential-delay.reset-backoff-threshold',
    documentation: 'After this long without a failure the delay starts again at `restart.exponentialDelay.initial`.',
  },
  'restart.exponentialDelay.jitter': {
    type: 'number',
    default: 0.1,
    min: 0,
    max: 1,
    unit: 'share of the delay',
    flink: 'restart-strategy.exponential-delay.jitter-factor',
    documentation: 'The share of the delay that is added or taken away at random, so that jobs do not restart in step.',
  },
  'restart.exponentialDelay.attempts': {
    type: 'integer',
    min: 1,
    unit: 'restarts',
    flink: 'restart-strategy.exponential-delay.attempts-before-reset-backoff',
    whenUnset: 'no limit',
    documentation: 'Restarts in a row before the job fails for good, under `exponential-delay`.',
  },
  'crashCapsules.enabled': {
    type: 'boolean',
    default: true,
    flag: 'crash-capsules',
    documentation:
      'Writes the record, key and state of each failure as a small runnable test. It holds the data of your users: the files are readable by their owner alone.',
  },
  'crashCapsules.limit': {
    type: 'integer',
    default: 10,
    min: 1,
    max: 10000,
    unit: 'capsules',
    documentation: 'Crash capsules kept for a job; older ones are deleted.',
  },
  'crashCapsules.dir': {
    type: 'path',
    whenUnset: '`crashes` in the folder of the job under `stateDir`',
    documentation: 'Folder of the crash capsules.',
  },
  'metrics.port': {
    type: 'integer',
    min: 0,
    max: 65535,
    whenUnset: 'no metrics are served',
    documentation: 'Serves metrics as Prometheus text at `/metrics` on this port; 0 takes any free one and prints it.',
  },
  'metrics.host': {
    type: 'string',
    default: '127.0.0.1',
    documentation: 'Address the metrics are served on.',
  },
  'log.format': {
    type: 'enum',
    values: ['text', 'json'],
    default: 'text',
    flag: 'log',
    documentation: 'How log lines are written: for people, or one JSON object a line.',
  },
  'log.level': {
    type: 'enum',
    values: ['debug', 'info', 'warn', 'error'],
    default: 'info',
    documentation: 'The least urgent log lines that are written.',
  },
} as const

type Table = typeof engineOptionTable

/** The engine's options, nested by their keys: `options.checkpointing.interval`. Durations in milliseconds. */
export type EngineOptions = OptionValues<Table>

/** What code may set: `{ checkpointing: { interval: '1s' } }`. */
export type EngineOptionInput = OptionInput<Table>

/** The engine's options with every layer merged, and where each value came from: what `resolveOptions(engineOptionTable, …)` answers. */
export type ResolvedEngineOptions = ResolvedOptions<Table>
