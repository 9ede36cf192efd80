/** A log that speaks the Apache Kafka protocol, and its parts, each usable alone: the wire protocol, record batches, compression, and the log on disk. */
export { Log } from './broker/log.ts'
export type { LogOptions } from './broker/log-options.ts'
export type { DelayFault, DropFault, ErrorFault, Fault, FaultMoment, Faults, FaultScope } from './broker/faults/faults.ts'
export type { RequestLogEntry } from './broker/metrics/request-log.ts'
/** Compression of record batches: types by name and by the ids of the wire, and levels. */
export * as compression from './compression/index.ts'
/** Kafka's wire protocol: each API with its versions as data, the codecs that derive from that, frames and error codes. */
export * as protocol from './protocol/index.ts'
/** Record batches (format v2) and the records in them: reading where they lie, building, validation as a broker's. */
export * as records from './records/index.ts'
/** The log of partitions on disk, in Kafka's own format: directories, recovery, retention, compaction. */
export * as storage from './storage/index.ts'
