export type { Cancel, Clock } from './io/clock.ts'
export { LinkedList, type Link } from './collections/linked-list.ts'
export { SpaceSaving, type HeavyKey } from './collections/space-saving.ts'
export { atOnce } from './io/at-once.ts'
export { discardBytes } from './io/discard-bytes.ts'
export { randomBelow, randomId, type Random } from './io/random.ts'
export { DiskError, type Disk, type DiskErrorReason, type FileHandle, type FileStat, type OpenMode } from './io/disk.ts'
export {
  NetworkError,
  type ConnectOptions,
  type Connection,
  type ListenOptions,
  type Listener,
  type Network,
  type TlsClientOptions,
  type TlsIdentity,
  type TlsServerOptions,
  type TlsVersion,
} from './io/network.ts'
export { nodeClock } from './io/node/clock.ts'
export { nodeRandom } from './io/node/random.ts'
export { createMemoryDisk } from './io/memory/memory-disk.ts'
export { folderProblem } from './folder-problem.ts'
export { nodeDisk, nodeDiskError } from './io/node/disk.ts'
export { createPromptDisk } from './io/node/prompt-disk.ts'
export { nodeNetwork } from './io/node/network.ts'
export {
  defineErrors,
  messageOf,
  messagePattern,
  MillraceError,
  type ErrorDefinition,
  type ErrorDetails,
  type ErrorFactory,
  type ErrorTable,
} from './errors.ts'
export { parseDuration, formatDuration, type Duration } from './durations.ts'
export { isFileUrl, pathOfFileUrl } from './file-urls.ts'
export { describeSize, formatSize, parseSize, type Size } from './sizes.ts'
export { environmentNameOf, flagOf, type OptionDefinition, type OptionInput, type OptionTable, type OptionValues } from './config/table.ts'
export {
  changeOptions,
  describeOptions,
  overrideOptions,
  resolveOptions,
  type OptionLayers,
  type OptionOrigins,
  type OptionState,
  type ResolvedOptions,
} from './config/resolve.ts'
export { editDistance, nearestName } from './config/nearest.ts'
export { unknownOption, type OptionNames, type UnknownOption } from './config/option-names.ts'
export type { LogFields, LogLevel, LogRecord } from './log/record.ts'
export type { CounterSnapshot, GaugeSnapshot, HistogramSnapshot, MetricLabels, MetricSnapshot } from './metrics/snapshot.ts'
export { readConfigFile, type ConfigFile } from './config/file.ts'
export { describeDefault, flagsOf, optionReference, type OptionFlag } from './config/help.ts'
export { createLogger, isLogged, type Logger, type LoggerOptions } from './log/logger.ts'
export { formatLogRecord } from './log/format.ts'
export { plainFields } from './log/plain-fields.ts'
export { MetricRegistry, type Counter, type Histogram, type MetricOptions } from './metrics/registry.ts'
export { prometheusText } from './metrics/prometheus.ts'
export { serveMetrics, type MetricServer, type MetricServerOptions } from './metrics/server.ts'
export { crc32c } from './crc32c.ts'
export {
  childPath,
  EmbeddedCoordination,
  makePath,
  parentPath,
  type Coordination,
  type CoordinationErrorCode,
  type CoordinationNode,
  type CoordinationOperation,
  type CoordinationSession,
  type CreateOptions,
  type EmbeddedCoordinationOptions,
  type NodeStat,
  type OperationResult,
  type WatchEvent,
  type WatchOptions,
  type WatchScope,
} from './coordination/index.ts'
