/** Of operators, and of the threads that run them. */
export const runtimeErrors = {
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
  BROADCAST_ASYNC: {
    who: 'user',
    retry: false,
    message:
      'onBroadcast of operator {operator} answered a promise: it must be done when it returns, for every subtask changes broadcast state in the same order',
  },
  SOURCE_ANSWER_INVALID: {
    who: 'user',
    retry: false,
    message: "The reader of source {source} answered {answer} to poll, which must be 'more', 'wait' or 'end'",
  },
  CHECKPOINT_FAILED: {
    who: 'operator',
    retry: true,
    message: 'checkpoint {checkpointId} failed, and more may not fail in a row than checkpointing.tolerableFailures says: {problem}',
  },
  // With a restart the record may be another, or come to another state.
  CHECKPOINT_FAILED_BY_JOB: {
    who: 'user',
    retry: true,
    message: 'checkpoint {checkpointId} failed, and more may not fail in a row than checkpointing.tolerableFailures says: {problem}',
  },
  RESTORE_STATE_UNMAPPED: {
    who: 'user',
    retry: false,
    message:
      '{snapshot} holds state of operator "{operator}" ({stateId}), which job "{job}" does not have: give an operator this uid, drop the state with --allow-non-restored-state (-n), or start without the checkpoint (--restore none)',
  },
  RESTORE_KIND_CHANGED: {
    who: 'user',
    retry: false,
    message: 'Operator "{operator}" ({stateId}) is stored as {stored} and is now {now}, which cannot take its state: give it another uid',
  },
  RESTORE_INPUTS_CHANGED: {
    who: 'user',
    retry: false,
    message:
      'Operator "{operator}" ({stateId}) is stored as {stored}, with records that its inputs had brought and that are not worked off, and is now {now}, which has other inputs: let the job as it was go on until a checkpoint has none, or give the operator another uid',
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
  OPTION_OF_RUN: { who: 'user', retry: false, message: 'The option {option} is of the command millrace run. In a program: {instead}' },
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
  CAPSULE_OF_SINK: {
    who: 'user',
    retry: false,
    message:
      '{sink} is a sink, and is not run again by its capsule, as it would write for real. The file holds the record that it failed on; millrace replay runs the job up to it, and writes nothing',
  },
  WORKER_OUT_OF_MEMORY: {
    who: 'operator',
    retry: true,
    message: 'A worker thread ran out of memory: raise the limit of the heap (node --max-old-space-size) or the parallelism',
  },
  WORKER_NOT_STARTED: {
    who: 'user',
    retry: true,
    message:
      'Slot {slot} has not begun within {seconds} s: the module of the job loops without end or blocks when a worker thread imports it, or {slots} threads are more than this machine can start in that time',
  },
  WORKER_STUCK: {
    who: 'user',
    retry: true,
    message: 'Slot {slot} has not answered for {seconds} s: a user function of {tasks} loops without end or blocks',
  },
} as const
