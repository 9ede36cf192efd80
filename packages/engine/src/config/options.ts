import type { OptionInput, OptionValues, ResolvedOptions } from '@millrace/core'
import { checkpointStorageOptions } from './checkpoint-storage-options.ts'
import { checkpointingOptions } from './checkpointing-options.ts'
import { restartOptions } from './restart-options.ts'

const generalOptions = {
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
} as const

const observingOptions = {
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

/** Every option of the engine. Defaults are Apache Flink's where it has the option and nothing else is said. */
export const engineOptionTable: typeof generalOptions &
  typeof checkpointingOptions &
  typeof checkpointStorageOptions &
  typeof restartOptions &
  typeof observingOptions = {
  ...generalOptions,
  ...checkpointingOptions,
  ...checkpointStorageOptions,
  ...restartOptions,
  ...observingOptions,
}

type Table = typeof engineOptionTable

/** The engine's options, nested by their keys: `options.checkpointing.interval`. Durations in milliseconds. */
export type EngineOptions = OptionValues<Table>

/** What code may set: `{ checkpointing: { interval: '1s' } }`. */
export type EngineOptionInput = OptionInput<Table>

/** The engine's options with every layer merged, and where each value came from: what `resolveOptions(engineOptionTable, …)` answers. */
export type ResolvedEngineOptions = ResolvedOptions<Table>
