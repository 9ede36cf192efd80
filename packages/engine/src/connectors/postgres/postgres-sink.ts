import type { Duration } from '@millrace/core'
import type { ClientConfig } from 'pg'
import { engineError } from '../../errors.ts'
import { checkOptionNames, choiceOption, durationOption, wholeNumberOption, type OptionNames } from '../options.ts'
import type { Sink, SinkWriter, WriterContext } from '../sink.ts'
import { AtLeastOnceWriter } from './at-least-once-writer.ts'
import type { CommitNames } from './commit-protocol.ts'
import { clientConfig, connectionNames, statementTimeoutMs, type PostgresConnection } from './connection.ts'
import { ExactlyOnceWriter } from './exactly-once-writer.ts'
import { PgStore } from './pg-store.ts'
import { RowMaker, type ColumnSource } from './rows.ts'
import { parseTable, type RowTarget, type TableName } from './sql.ts'
import { Staging } from './staging.ts'

/** The table, what of a record goes into it, and when rows show. */
export interface PostgresSinkOptions<T> extends PostgresConnection {
  /** 'orders' or 'shop.orders', as it is spelled. It must exist. */
  readonly table: string
  /** The columns that are written: names of properties of the record, or an object from columns to properties or functions. */
  readonly columns: readonly Extract<keyof T, string>[] | Readonly<Record<string, ColumnSource<T>>>
  /** Columns with a unique index that make a row the same. Without them rows are only inserted. */
  readonly keys?: readonly string[]
  /** What is done where a row of the key is there: `update` it (the default), or `ignore` the new one. */
  readonly onConflict?: 'update' | 'ignore'
  /** Records whose key is deleted instead of written; needs `keys`. */
  readonly deleteWhen?: (record: T) => boolean
  /**
   * - `exactly-once`, the default: rows show when the checkpoint that holds them is complete.
   * - `at-least-once`: rows show at once; after a failure some are written again. With keys that changes nothing in the end.
   */
  readonly delivery?: 'exactly-once' | 'at-least-once'
  /** Exactly once: where the sink keeps how far it has come, in the same database; `millrace_sink_commits` beside the table by default. Made at the first start. */
  readonly commitTable?: string
  /**
   * Exactly once: how long the sink keeps its entries for former starts of the job in `commitTable`, `1h` at least; for ever by default. A checkpoint or savepoint whose
   * entry is gone cannot be restored any more (`POSTGRES_SINK_ENTRY_MISSING`).
   */
  readonly commitRetention?: Duration
  /** Exactly once: rows of a subtask that wait for a checkpoint to complete, in bytes; 64 MiB by default. They are part of the checkpoint. */
  readonly maxStagedBytes?: number
  /** At least once: rows of a batch; 1000 by default. */
  readonly batchRows?: number
  /** At least once: how long a batch that is not full waits for more; `100ms` by default. */
  readonly batchInterval?: Duration
  /** How long what may succeed later is tried again (a server that restarts, a deadlock) before the task fails; `1m` by default. */
  readonly retryFor?: Duration
}

interface SinkSettings<T> {
  readonly delivery: 'exactly-once' | 'at-least-once'
  readonly table: string
  readonly target: RowTarget
  readonly commitTable: TableName
  readonly commitRetentionMs: number | undefined
  readonly columns: readonly (readonly [string, ColumnSource<T>])[]
  readonly deleteWhen: ((record: T) => boolean) | undefined
  readonly stagedBytesMax: number
  readonly batchRows: number
  readonly batchIntervalMs: number
  readonly retryForMs: number
  readonly client: ClientConfig
  readonly statementTimeoutMs: number
}

const CONNECTOR = 'postgresSink'
const optionNames: OptionNames<PostgresSinkOptions<unknown>> = {
  ...connectionNames,
  table: true,
  columns: true,
  keys: true,
  onConflict: true,
  deleteWhen: true,
  delivery: true,
  commitTable: true,
  commitRetention: true,
  maxStagedBytes: true,
  batchRows: true,
  batchInterval: true,
  retryFor: true,
}
const STAGED_BYTES = 64 * 1_024 * 1_024
const COMMIT_RETENTION_MS_MIN = 3_600_000

/**
 * Rows of a table of PostgreSQL: inserted, or updated and deleted by key. Needs the package `pg`.
 *
 * Exactly once, the rows between two checkpoints are part of the second; when it is complete they are written in one transaction, which also moves the sink's entry
 * in a table of its own: whoever repeats it finds it done, and a former start that is still alive is fenced.
 *
 * Throws `CONNECTOR_OPTION_INVALID`. Fails with `POSTGRES_SINK_UNAVAILABLE`, `POSTGRES_SINK_REFUSED`, `POSTGRES_SINK_RECORD_REFUSED`, `POSTGRES_SINK_FENCED`,
 * `POSTGRES_SINK_ENTRY_MISSING`, `POSTGRES_SINK_STAGED_TOO_MUCH`, `LIBRARY_MISSING`.
 */
export function postgresSink<T>(options: PostgresSinkOptions<T>): Sink<T> {
  checkOptionNames<PostgresSinkOptions<T>>(CONNECTOR, options, optionNames)
  const settings = sinkSettings(options)
  return {
    connector: 'postgres',
    delivery: settings.delivery,
    createWriter: (context) => createWriter(settings, context),
  }
}

function createWriter<T>(settings: SinkSettings<T>, context: WriterContext): SinkWriter<T> {
  const { delivery, table, target, commitTable, commitRetentionMs, columns, deleteWhen, retryForMs } = settings
  const { jobName, stateId } = context
  const names: CommitNames = { jobName, sink: stateId, table, commitTable: commitTable.name }
  const isExact = delivery === 'exactly-once'
  const isPruned = commitRetentionMs !== undefined
  const store = new PgStore({
    client: settings.client,
    statementTimeoutMs: settings.statementTimeoutMs,
    target,
    names,
    commitTable: isExact ? commitTable : undefined,
    isPruned,
  })
  const keeps = target.keys.length === 0 ? 'all' : target.onConflict === 'ignore' ? 'first' : 'last'
  const staging = new Staging(new RowMaker<T>({ columns, keys: target.keys, deleteWhen }), keeps)
  const { stagedBytesMax } = settings
  if (isExact) return new ExactlyOnceWriter(context, { names, store, staging, stagedBytesMax, retryForMs, commitRetentionMs })
  const { batchRows, batchIntervalMs } = settings
  return new AtLeastOnceWriter(context, { store, staging, batchRows, batchIntervalMs, retryForMs })
}

function sinkSettings<T>(options: PostgresSinkOptions<T>): SinkSettings<T> {
  const { delivery = 'exactly-once', keys = [], onConflict = 'update', deleteWhen } = options
  choiceOption(CONNECTOR, 'delivery', delivery, ['exactly-once', 'at-least-once'])
  choiceOption(CONNECTOR, 'onConflict', onConflict, ['update', 'ignore'])
  const table = tableOption('table', options.table)
  const columns = columnsOf(options.columns)
  const names = columns.map(([name]) => name)
  if (!Array.isArray(keys)) invalid('keys', 'must be a list of columns')
  if (deleteWhen !== undefined && typeof deleteWhen !== 'function') invalid('deleteWhen', 'must be a function of the record')
  if (new Set(keys).size < keys.length) invalid('keys', 'names a column twice')
  for (const key of keys) if (!names.includes(key)) invalid('keys', `names ${key}, which is none of columns`)
  if (deleteWhen !== undefined && keys.length === 0) invalid('deleteWhen', 'needs keys')
  if (deleteWhen !== undefined && onConflict === 'ignore') invalid('deleteWhen', "cannot go with onConflict 'ignore'")
  const retryForMs = durationOption(CONNECTOR, 'retryFor', options.retryFor ?? '1m')
  return {
    delivery,
    table: options.table,
    target: { table, columns: names, keys, onConflict },
    commitTable:
      options.commitTable === undefined
        ? { schema: table.schema, name: 'millrace_sink_commits' }
        : tableOption('commitTable', options.commitTable),
    commitRetentionMs: retentionOf(options.commitRetention, retryForMs),
    columns,
    deleteWhen,
    stagedBytesMax: wholeNumberOption(CONNECTOR, 'maxStagedBytes', options.maxStagedBytes ?? STAGED_BYTES, 1),
    batchRows: wholeNumberOption(CONNECTOR, 'batchRows', options.batchRows ?? 1_000, 1, 100_000),
    batchIntervalMs: durationOption(CONNECTOR, 'batchInterval', options.batchInterval ?? '100ms'),
    retryForMs,
    client: clientConfig(CONNECTOR, options),
    statementTimeoutMs: statementTimeoutMs(CONNECTOR, options),
  }
}

/** Longer than a start may take to enter itself: one whose entry is gone must not make another. */
function retentionOf(retention: Duration | undefined, retryForMs: number): number | undefined {
  if (retention === undefined) return undefined
  const retentionMs = durationOption(CONNECTOR, 'commitRetention', retention)
  if (retentionMs < COMMIT_RETENTION_MS_MIN) invalid('commitRetention', `is ${retention}: 1h at least`)
  return retentionMs > retryForMs ? retentionMs : invalid('commitRetention', `is ${retention}: longer than retryFor`)
}

function tableOption(option: string, value: string): TableName {
  const table = typeof value === 'string' ? parseTable(value) : undefined
  return table ?? invalid(option, `is ${value}: 'table' or 'schema.table'`)
}

function columnsOf<T>(columns: PostgresSinkOptions<T>['columns']): readonly (readonly [string, ColumnSource<T>])[] {
  if (typeof columns !== 'object' || columns === null)
    invalid('columns', 'is missing: names, or an object from columns to what they are made of')
  const pairs = Array.isArray(columns)
    ? (columns as readonly Extract<keyof T, string>[]).map((name) => [name, name] as const)
    : Object.entries(columns as Readonly<Record<string, ColumnSource<T>>>)
  if (pairs.length === 0) invalid('columns', 'names no column')
  if (new Set(pairs.map(([name]) => name)).size < pairs.length) invalid('columns', 'names a column twice')
  for (const [name, source] of pairs) {
    if (name === '' || name.includes('\u0000')) invalid('columns', 'has an empty name')
    if (typeof source !== 'string' && typeof source !== 'function')
      invalid('columns', `makes ${name} of ${typeof source}: a property or a function`)
  }
  return pairs
}

function invalid(option: string, problem: string): never {
  throw engineError('CONNECTOR_OPTION_INVALID', { connector: CONNECTOR, option, problem })
}
