import { formatDuration, type Duration } from '@millrace/core'
import { engineError } from '../../../errors.ts'
import { COMPRESSION_LEVELS, formatAddress, parseAddresses } from '@millrace/log/client'
import { checkOptionNames, choiceOption, durationOption, wholeNumberOption, type OptionNames } from '../../options.ts'
import type { Sink, SinkWriter, WriterContext } from '../../sink.ts'
import { checkCluster, clusterOptionNames, kafkaClient, type KafkaClusterOptions } from '../cluster.ts'
import { checkFormat, writing, type WriteFormat } from '../formats/format.ts'
import { ExactlyOnceWriter } from './exactly-once-writer.ts'
import { failpointsOf } from './failpoints.ts'
import { PlainWriter } from './plain-writer.ts'
import { transactionClient, type ProducerTuning } from './ports.ts'
import { RecordMaker, type RecordOptions } from './records.ts'
import { checkTransactionTimes } from './timeouts.ts'
import { ownPrefix } from './transactional-id.ts'

/** Topic, or topic by record; and what the other parts of a record are made of. */
export interface KafkaSinkOptions<T, K = unknown> extends KafkaClusterOptions, RecordOptions<T, K> {
  /** How a record's value is written; what answers null writes a tombstone. */
  readonly value: WriteFormat<T>
  /**
   * - `exactly-once`, the default: in transactions that end with the checkpoints. Readers must read committed.
   * - `at-least-once`: a checkpoint completes when all records before it are acknowledged; after a failure some are written again.
   * - `none`: as fast as it goes; what is lost is counted and reported.
   */
  readonly delivery?: 'exactly-once' | 'at-least-once' | 'none'
  /**
   * How transactional ids and the groups of the witnesses begin; the job's name, a slash and the sink's id by default. No two jobs on a cluster may share it,
   * nor two sinks of a job: they would abort each other's transactions. Where there are access rules, the prefix needs Write and Describe as a transactional id, Read as a group.
   */
  readonly transactionalIdPrefix?: string
  /**
   * `transaction.timeout.ms`: how long the coordinator keeps a transaction open for a job that is down; 15 minutes by default, the most that
   * brokers allow unless their `transaction.max.timeout.ms` is raised.
   */
  readonly transactionTimeout?: Duration
  /** How long the job may be down without losing a transaction; 4 minutes by default. Checked against `transactionTimeout` at the start. */
  readonly toleratedDowntime?: Duration
  /**
   * What the job does when a transaction that a completed checkpoint needs was aborted by the cluster, because the job was down for too long: fail for good (the default), or
   * go back to the checkpoint before and `replay` from there. Then no record is missing, and what other subtasks had committed since is written again. Needs a
   * `checkpointing.numRetained` of 2 at least, and of more where transactions are lost while the job runs: checkpoints go on completing until that is known.
   */
  readonly onTransactionLost?: 'fail' | 'replay'
  /** `compression.type`; 'none' by default. */
  readonly compression?: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'
  /** Of gzip, 1 to 9, or zstd, -131,072 to 22 (`compression.gzip.level`, `compression.zstd.level`); Kafka's default of each. Others have none: `CONNECTOR_OPTION_INVALID`. */
  readonly compressionLevel?: number
  /** `linger.ms`: how long a batch that is not full waits for more; 5 ms by default. */
  readonly linger?: Duration
  /** `batch.size` before compression; 131,072 by default. */
  readonly batchBytes?: number
  /** `max.request.size`; 1,048,576 by default. No record may be larger. */
  readonly maxRequestBytes?: number
  /** `delivery.timeout.ms`: after so long a record that is not acknowledged fails the job; 2 minutes by default. */
  readonly deliveryTimeout?: Duration
  /** `buffer.memory` of each subtask: bytes that are not acknowledged, before it presses back; 32 MiB by default. */
  readonly bufferBytes?: number
}

interface SinkSettings {
  readonly delivery: 'exactly-once' | 'at-least-once' | 'none'
  readonly transactionTimeoutMs: number
  readonly toleratedDowntimeMs: number
  readonly onTransactionLost: 'fail' | 'replay'
  readonly tuning: ProducerTuning
}

const CONNECTOR = 'kafkaSink'
const optionNames: OptionNames<KafkaSinkOptions<unknown>> = {
  ...clusterOptionNames,
  topic: true,
  topicOf: true,
  key: true,
  keyFormat: true,
  headers: true,
  timestamp: true,
  partition: true,
  value: true,
  delivery: true,
  transactionalIdPrefix: true,
  transactionTimeout: true,
  toleratedDowntime: true,
  onTransactionLost: true,
  compression: true,
  compressionLevel: true,
  linger: true,
  batchBytes: true,
  maxRequestBytes: true,
  deliveryTimeout: true,
  bufferBytes: true,
}
/** A little less than 2 ** 31 ms. */
const TIME_MAX_MS = 24 * 86_400_000
const COMPRESSIONS: readonly unknown[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

/**
 * Topics of any cluster that speaks Kafka's protocol.
 *
 * Exactly once, a transaction of each subtask holds what it wrote between two checkpoints: prepared at the barrier, committed when the checkpoint is
 * complete, committed again after a crash. Readers with `isolation.level=read_committed` see each record once, and only then.
 *
 * Throws `CONNECTOR_OPTION_INVALID`. When the job is built: `SINK_CLAIMED_TWICE`. At the start of the job: `KAFKA_SINK_TIMEOUT_TOO_SHORT`. While it runs: `KAFKA_SINK_FAILED`, `KAFKA_SINK_REFUSED`,
 * `KAFKA_SINK_FENCED`, `KAFKA_SINK_PREPARED_TOO_LONG`, `KAFKA_SINK_TRANSACTION_LOST`, `KAFKA_SINK_TRANSACTION_REPLAYED`.
 */
export function kafkaSink<T, K = unknown>(options: KafkaSinkOptions<T, K>): Sink<T> {
  checkOptionNames<KafkaSinkOptions<T, K>>(CONNECTOR, options, optionNames)
  checkCluster(CONNECTOR, options)
  const settings = sinkSettings(options)
  return {
    connector: 'kafka',
    delivery: settings.delivery,
    claims: claimedPrefixes(options, settings),
    createWriter: (context) => createWriter(options, settings, context),
    checkCheckpoints: (checkpoints) => {
      if (settings.delivery === 'exactly-once') checkTimes(settings, checkpoints)
    },
  }
}

function createWriter<T, K>(options: KafkaSinkOptions<T, K>, settings: SinkSettings, context: WriterContext): SinkWriter<T> {
  if (settings.delivery === 'exactly-once') checkTimes(settings, context.checkpoints)
  const client = kafkaClient(CONNECTOR, options, context)
  const maker = new RecordMaker<T, K>(options, writing(options.value))
  const record = (value: T, timestamp: number): ReturnType<typeof maker.make> => maker.make(value, timestamp)
  const openFormat = (): Promise<void> => maker.open()
  const { delivery, transactionTimeoutMs, toleratedDowntimeMs, tuning } = settings
  const { keepsNothing } = maker
  if (delivery !== 'exactly-once') {
    return new PlainWriter<T>(context, { client, record, keepsNothing, openFormat, delivery, tuning })
  }
  return new ExactlyOnceWriter<T>(context, {
    prefix: options.transactionalIdPrefix ?? ownPrefix(context.jobName, context.stateId),
    transactionTimeoutMs,
    toleratedDowntimeMs,
    onLost: settings.onTransactionLost,
    client: transactionClient(client, tuning, transactionTimeoutMs),
    reach: failpointsOf(process.env['KAFKA_SINK_FAILPOINT']),
    record,
    keepsNothing,
    openFormat,
  })
}

/** A given prefix, on each broker that is named. One that is not given is the sink's own in any case: its id is in it. */
function claimedPrefixes<T, K>({ transactionalIdPrefix, brokers }: KafkaSinkOptions<T, K>, { delivery }: SinkSettings): readonly string[] {
  if (transactionalIdPrefix === undefined || delivery !== 'exactly-once') return []
  const addresses = new Set(parseAddresses(brokers).map(formatAddress))
  return [...addresses].map((address) => `transactionalIdPrefix "${transactionalIdPrefix}" on ${address}`)
}

/** Where nobody says when checkpoints are taken (a test's host), there is nothing to compare with. */
function checkTimes({ transactionTimeoutMs, toleratedDowntimeMs }: SinkSettings, checkpoints: WriterContext['checkpoints']): void {
  if (checkpoints === undefined) return
  const { intervalMs: checkpointIntervalMs, timeoutMs: checkpointTimeoutMs } = checkpoints
  checkTransactionTimes({ transactionTimeoutMs, checkpointIntervalMs, checkpointTimeoutMs, toleratedDowntimeMs })
}

function sinkSettings<T, K>(options: KafkaSinkOptions<T, K>): SinkSettings {
  const { delivery = 'exactly-once', transactionTimeout = '15m', toleratedDowntime = '4m', transactionalIdPrefix } = options
  const { onTransactionLost = 'fail' } = options
  choiceOption(CONNECTOR, 'onTransactionLost', onTransactionLost, ['fail', 'replay'])
  choiceOption(CONNECTOR, 'delivery', delivery, ['exactly-once', 'at-least-once', 'none'])
  if (transactionalIdPrefix !== undefined && (typeof transactionalIdPrefix !== 'string' || transactionalIdPrefix === ''))
    invalid('transactionalIdPrefix', 'must be text, and not empty')
  if ((options.topic === undefined) === (options.topicOf === undefined)) invalid('topic', 'or topicOf must be given, and not both')
  if (options.topic !== undefined && (typeof options.topic !== 'string' || options.topic === '')) invalid('topic', 'must be a name')
  checkFormat(CONNECTOR, 'value', options.value, 'serialize')
  if (options.keyFormat !== undefined) checkFormat(CONNECTOR, 'keyFormat', options.keyFormat, 'serialize')
  for (const name of ['topicOf', 'key', 'headers', 'timestamp', 'partition'] as const) {
    if (options[name] !== undefined && typeof options[name] !== 'function') invalid(name, 'must be a function of the record')
  }
  const { compression, compressionLevel, linger, batchBytes = 131_072, maxRequestBytes, deliveryTimeout, bufferBytes } = options
  if (compression !== undefined && !COMPRESSIONS.includes(compression))
    invalid('compression', `is ${compression}: one of ${COMPRESSIONS.join(', ')}`)
  if (compressionLevel !== undefined) {
    // Of the others brokers and clients know none, or have none to choose from here.
    if (compression !== 'gzip' && compression !== 'zstd')
      invalid('compressionLevel', `has no use with compression ${compression ?? 'none'}`)
    const { min, max } = COMPRESSION_LEVELS[compression]
    wholeNumberOption(CONNECTOR, 'compressionLevel', compressionLevel, min, max)
  }
  for (const name of ['batchBytes', 'maxRequestBytes', 'bufferBytes'] as const) {
    if (options[name] !== undefined) wholeNumberOption(CONNECTOR, name, options[name], 1, 0x7fff_ffff)
  }
  return {
    delivery,
    transactionTimeoutMs: protocolTime('transactionTimeout', transactionTimeout, 1),
    toleratedDowntimeMs: durationOption(CONNECTOR, 'toleratedDowntime', toleratedDowntime),
    onTransactionLost,
    tuning: {
      batchBytes,
      ...(compression === undefined ? {} : { compression }),
      ...(compressionLevel === undefined ? {} : { compressionLevel }),
      ...(linger === undefined ? {} : { lingerMs: protocolTime('linger', linger, 0) }),
      ...(maxRequestBytes === undefined ? {} : { maxRequestBytes }),
      ...(deliveryTimeout === undefined ? {} : { deliveryTimeoutMs: protocolTime('deliveryTimeout', deliveryTimeout, 1) }),
      ...(bufferBytes === undefined ? {} : { bufferBytes }),
    },
  }
}

/** A time for which the client and the protocol have 31 bits. */
function protocolTime(option: string, value: Duration, leastMs: 0 | 1): number {
  const ms = durationOption(CONNECTOR, option, value)
  if (ms >= leastMs && ms <= TIME_MAX_MS) return ms
  return invalid(option, `is ${String(value)}, and must be ${formatDuration(leastMs)} to ${formatDuration(TIME_MAX_MS)}`)
}

function invalid(option: string, problem: string): never {
  throw engineError('CONNECTOR_OPTION_INVALID', { connector: CONNECTOR, option, problem })
}
