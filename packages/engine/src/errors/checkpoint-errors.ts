/** Of checkpoints, savepoints, restarts, and of running again what they hold. */
export const checkpointErrors = {
  // checkpoints and restarts
  BARRIER_REPEATED: { who: 'bug', retry: true, message: 'Channel {channel} delivered the barrier of checkpoint {checkpointId} twice' },
  CHANNEL_CORRUPT: { who: 'bug', retry: true, message: 'Channel {channel} is corrupt: {problem}' },
  CHECKPOINT_UNALIGNED_CONFLICT: {
    who: 'user',
    retry: false,
    message: 'checkpointing.unaligned goes with {requirement}, but {option} is {value}',
  },
  CHECKPOINT_MEMORY_LIMITS_CONFLICT: {
    who: 'user',
    retry: false,
    message:
      'checkpointing.memory.maxStateSize is {state} bytes, more than the {message} of checkpointing.memory.maxMessageSize, which such a state has to fit into',
  },
  CHECKPOINT_STORAGE_CONFLICT: {
    who: 'user',
    retry: false,
    message:
      'state.backend is {backend} (by {backendOrigin}), which keeps checkpoints there, and checkpointing.storage is {storage} (by {storageOrigin}): remove one of them, or set state.backend to heap',
  },
  CHECKPOINT_STORAGE_FULL: { who: 'operator', retry: true, message: 'No space is left for checkpoints in {path}' },
  CHECKPOINT_STORAGE_NOT_WRITABLE: {
    who: 'operator',
    retry: false,
    message:
      'The checkpoint folder {path} cannot be written: {problem}. Check its owner and permissions, or set another with stateDir or checkpointing.dir',
  },
  CHECKPOINT_STORAGE_LOST: {
    who: 'operator',
    retry: false,
    message: 'The checkpoint folder {path} was there and is gone: it was removed, unmounted or mounted over while the job ran',
  },
  CHECKPOINTS_MISSING: {
    who: 'operator',
    retry: false,
    message:
      "Job {jobName} has had checkpoints, last in {place}, and there is none where checkpointing.dir says: it does not begin without state by itself. Mount or bring back what was there, or set checkpointing.dir as it was; or name a checkpoint or savepoint with --restore PATH; or begin without state with --restore none (in code, restore: 'none')",
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
      'A state of {length} bytes is larger than the {limit} bytes that checkpoints in memory hold; keep them on disk with checkpointing.storage=filesystem, or raise checkpointing.memory.maxStateSize',
  },
  CHECKPOINT_MESSAGE_TOO_LARGE: {
    who: 'user',
    retry: false,
    message:
      'The metadata of checkpoint {checkpointId} has {length} bytes, more than the {limit} that checkpoints in memory hold; keep them on disk with checkpointing.storage=filesystem, or raise checkpointing.memory.maxMessageSize',
  },
  CHECKPOINT_NOT_FOUND: { who: 'user', retry: false, message: 'There is no checkpoint at {path}{instead}' },
  CHECKPOINT_GIVEN_UP: {
    who: 'user',
    retry: false,
    message:
      'The checkpoint at {path} was given up: the job has gone on without it, and its sinks have undone what belonged to it. Restore a newer one, or a savepoint',
  },
  CHECKPOINT_DAMAGED: { who: 'operator', retry: false, message: 'The checkpoint at {path} is damaged: {problem}' },
  CHECKPOINT_ALL_DAMAGED: {
    who: 'operator',
    retry: false,
    message:
      'None of the {count} checkpoints in {path} can be read; {problem}. Restore another with --restore PATH, or start without state with --restore none',
  },
  CHECKPOINT_FORMAT_UNKNOWN: {
    who: 'operator',
    retry: false,
    message:
      'The checkpoint has format version {version}; this release reads up to {newest}. Use the release that wrote it, or a newer one',
  },
  STATE_DIR_IN_USE: {
    who: 'operator',
    retry: false,
    message:
      'Another process runs job {jobName} with the same stateDir, and takes its orders at {path}. Stop that one (millrace stop), or give this one another name or stateDir',
  },
  CONTROL_VERSION: {
    who: 'operator',
    retry: false,
    message: 'The job speaks version {ours} of the protocol of its socket, and not {theirs}: use the millrace command of its own release',
  },
  CONTROL_REQUEST_INVALID: { who: 'bug', retry: false, message: 'What was sent to the socket of a job is no request: {problem}' },
  CONTROL_LOST: { who: 'operator', retry: true, message: 'The job did not answer: {problem} ({path})' },
  SAVEPOINT_FAILED: { who: 'operator', retry: true, message: 'The savepoint failed, and the job {outcome}: {problem}' },
  SAVEPOINT_JOB_ENDED: {
    who: 'operator',
    retry: false,
    message: 'No savepoint is taken any more: the job has ended, or is being ended already',
  },
  SAVEPOINT_IS_CHECKPOINT: {
    who: 'user',
    retry: false,
    message: '{path} is a checkpoint of job {jobName} and no savepoint: the job removes its checkpoints itself',
  },
  CLAIM_MODE_LEGACY: {
    who: 'user',
    retry: false,
    message: 'checkpointing.claimMode is legacy, by which nobody would own what is restored: say no-claim or claim',
  },
  CLAIM_OF_RUNNING_JOB: {
    who: 'operator',
    retry: false,
    message:
      'The checkpoint at {path} cannot be claimed, as the job that it is of runs and builds on it: {jobName}, process {pid} on {host}, attempt {attempt}, since {since}. Stop that one first (millrace stop {jobName}), or leave it its checkpoint with --claim-mode no-claim',
  },
  SAVEPOINT_IN_DATABASE: {
    who: 'user',
    retry: false,
    message: 'State of {operator} is in RocksDB files, read by its job alone: take a savepoint',
  },
  SAVEPOINT_STATE_INVALID: { who: 'user', retry: false, message: 'State of operator {operator} cannot be written: {problem}' },
  SAVEPOINT_OPERATOR_UNKNOWN: { who: 'user', retry: false, message: 'There is no operator {operator} in {path}; there are {known}' },
  SAVEPOINT_STATE_UNKNOWN: { who: 'user', retry: false, message: 'There is no state {state} {where}; there are {known}' },
  SAVEPOINT_PLACE_TAKEN: { who: 'user', retry: false, message: 'A savepoint cannot be written to {path}: there is something already' },
  SAVEPOINT_PLACE_UNUSABLE: {
    who: 'user',
    retry: false,
    message: 'No savepoint can be written in {path}, where no folder can be made: {problem}. Name another',
  },
  SAVEPOINT_OPERATOR_TWICE: { who: 'user', retry: false, message: 'Operator {operator} would be in the savepoint twice' },
  CHECKPOINT_UNENCODABLE: { who: 'user', retry: false, message: 'What {owner} gave for a checkpoint cannot be stored: {problem}' },
  JOB_LOCKED: {
    who: 'operator',
    retry: false,
    message:
      'Job {jobName} already runs: process {pid} on {host}, attempt {attempt}, since {since} ({path}). Stop that one (millrace stop), or give this one another name or stateDir',
  },
  JOB_LOCK_UNDECIDED: {
    who: 'operator',
    retry: false,
    message:
      'Job {jobName} was last run by process {pid} on {host}, attempt {attempt}, since {since}; whether it still runs cannot be seen from here. If it does not, create the empty file {path}.released',
  },
  JOB_LOCK_GIVEN_UP: {
    who: 'operator',
    retry: true,
    message:
      'Job {jobName} was to end before it was known whether attempt {attempt} of it (process {pid} on {host}) still lives: it has not been started',
  },
  JOB_START_GIVEN_UP: {
    who: 'operator',
    retry: true,
    message: 'Job {jobName} was to end before it was known whether checkpoint {checkpointId} is whole: it has not been started',
  },
  JOB_FENCED: {
    who: 'operator',
    retry: false,
    message: 'Attempt {attempt} of job {jobName} was taken over by attempt {newer}: it must not go on',
  },
  // replaying what a job has stored
  REPLAY_OTHER_JOB: { who: 'user', retry: false, message: 'The checkpoint is of job {stored}, and the module is job {job}' },
  SHADOW_NO_CHECKPOINT: { who: 'user', retry: false, message: 'Job {job} has no completed checkpoint in {dir}: name one with --restore' },
} as const
