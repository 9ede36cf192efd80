/** For command lines: running a job again from what it has stored, without touching it. */
export { compareOutputs, type OutputDifference, type SinkComparison } from './replay/compare-outputs.ts'
export { newestCheckpointOf } from './replay/newest-checkpoint.ts'
export { replayJob, type ReplayOptions } from './replay/replay-job.ts'
export { temporaryFolder, type TemporaryFolder } from './replay/temporary-folder.ts'
export { shadowRun, type ShadowFailure, type ShadowOptions, type ShadowReport, type ShadowVersion } from './replay/shadow.ts'
