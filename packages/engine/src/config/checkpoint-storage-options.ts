/** Where checkpoints and savepoints are kept, and how the systems there are reached. */
export const checkpointStorageOptions = {
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
      'Place of the checkpoints, for the storage `filesystem` (with `memory` a warning says that it is not heeded): a folder (`/data` or `file:///data`), `s3://bucket/prefix`, `hdfs://host:port/path` or `webhdfs://host:port/path`. Each job has a folder of its own in it. A job that has had checkpoints in another place does not begin without state in this one: take one of them along with `--restore PATH`.',
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
    documentation:
      'The longest that a request to a checkpoint storage on S3 or HDFS waits for its answer, and within the answer for more of it, before it is made again. On S3 the time in which the request is sent counts too: what it sends are parts of at least 8 MiB where a file is larger.',
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
} as const
