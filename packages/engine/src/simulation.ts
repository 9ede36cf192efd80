/** For hosts of the engine other than its own: the whole of it on one thread, over the ports and channels they give. */
export type { ProcessInspector } from './checkpoint/process-identity.ts'
export { LocalChannel } from './exchange/channel-local.ts'
export type { ChannelEvent, Element, InputChannel, OutputChannel, RecordBatch } from './exchange/elements.ts'
export type { ChannelPlace } from './runtime/deployment.ts'
export type { ChannelFactory } from './runtime/slot-ports.ts'
export { startLocalJob, type LocalJobOptions } from './runtime/start-job.ts'
