/** For command lines: speaking to jobs that run in other processes of this machine. */
export { askJob } from './runtime/control/control-client.ts'
export { controlSocketOf, jobsOf, type KnownJob } from './runtime/control/jobs-of-folder.ts'
export type { ControlAnswers, ControlRequest, StopAnswer } from './runtime/control/protocol.ts'
