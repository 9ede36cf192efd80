/** A log that speaks the Apache Kafka protocol, and its parts, each usable alone: the wire protocol, record batches, compression, and the log on disk. */
export { Log } from './broker/log.ts'
export type { LogOptions } from './broker/log-options.ts'
export type { DelayFault, DropFault, ErrorFault, Fault, FaultMoment, Faults, FaultScope } from './broker/faults/faults.ts'
export type { RequestLogEntry } from './broker/metrics/request-log.ts'
export * as compression from './compression/index.ts'
export * as protocol from './protocol/index.ts'
export * as records from './records/index.ts'
export * as storage from './storage/index.ts'
