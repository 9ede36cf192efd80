import type { Duration } from '@millrace/core'
import type { FetcherOptions } from '@millrace/log/client'
import { didYouMean } from '../../../api/option-names.ts'
import { engineError } from '../../../errors.ts'
import { checkNestedNames, checkOptionNames, durationOption, wholeNumberOption, type OptionNames } from '../../options.ts'
import { checkCluster, clusterOptionNames, type KafkaClusterOptions } from '../cluster.ts'
import { checkFormat, reading, type Format, type KafkaHeader, type ReadFormat } from '../formats/format.ts'

/** Offsets by topic and partition: `{ orders: { 0: 1200, 1: 900 } }` or `{ orders: [1200, 900] }`. */
export type PartitionOffsets = Readonly<Record<string, Readonly<Record<number, number>>>>

/** Where reading begins when the job starts without state. */
export type StartAt =
  | 'earliest'
  | 'latest'
  /** At what `groupId` has committed; a partition without that from its beginning. */
  | 'committed'
  | { readonly committedOr: 'earliest' | 'latest' | 'fail' }
  /** At the first record of this time or later. */
  | { readonly timestampMs: number }
  /** `otherwise`: for partitions that are not named, `earliest` by default. */
  | { readonly offsets: PartitionOffsets; readonly otherwise?: 'earliest' | 'latest' }

/** Where reading ends: before this place, in each partition. It is found once, when the job starts without state. */
export type EndAt = 'latest' | { readonly timestampMs: number } | { readonly offsets: PartitionOffsets }

/**
 * What a record does that cannot be read: fail the task with `KAFKA_POISON`, be read as null, be left out and reported (`KAFKA_POISON_SKIPPED`),
 * or be emitted as a `PoisonRecord`, to be told apart by `isPoison`.
 */
export type OnPoison = 'fail' | 'null' | 'skip' | 'emit'

/** What is read of which topics, from where to where, and what is done with what cannot be read. */
export interface KafkaSourceOptions<V> extends KafkaClusterOptions {
  /** A topic, or several. Either these or `topicPattern`. */
  readonly topics?: string | readonly string[]
  /** All topics whose whole names match, internal ones left out. */
  readonly topicPattern?: RegExp | string
  /** Makes a value of the record's: `json<Order>()`, `string()`, `avro({ registry })`, or a function. */
  readonly value: ReadFormat<V>
  /** `earliest` by default. Partitions that come later are read from their beginnings. A job that has state goes on where that says. */
  readonly startAt?: StartAt
  /** With it the source is bounded; partitions that come later are not read. */
  readonly endAt?: EndAt
  /** The group whose offsets are committed when a checkpoint is complete, so that tools show lag. The job never joins it, and reads from it only with `startAt: 'committed'`. */
  readonly groupId?: string
  /** `fail` by default. */
  readonly onPoison?: OnPoison
  /** What a partition does whose next offset is gone (retention, an unclean election): fail the task with `KAFKA_OFFSET_LOST` (the default), or go on there and be reported. */
  readonly onOffsetLost?: 'fail' | 'earliest' | 'latest'
  /** What a topic does that was deleted: fail the job (the default), or be reported; one that was made anew under the name is read from its beginning then. */
  readonly onTopicLost?: 'fail' | 'skip'
  /** `isolation.level`; `read-committed` by default: records of open and aborted transactions are not seen. */
  readonly isolation?: 'read-committed' | 'read-uncommitted'
  /** How often to look for new partitions and topics, and for lost ones; `30s` by default, false for only when the job starts. */
  readonly discoverEvery?: Duration | false
  /** How much is fetched, and how long is waited for it. */
  readonly fetch?: Omit<FetcherOptions, 'isolation' | 'offsetReset' | 'lendRecords'>
}

/** A record with all that is known of it. */
export interface KafkaRecord<K, V> {
  readonly key: K | null
  readonly value: V
  readonly headers: readonly KafkaHeader[]
  /** Milliseconds since 1970; -1 where the producer gave none. */
  readonly timestampMs: number
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

export interface KafkaSourceSettings {
  readonly cluster: KafkaClusterOptions
  readonly topics: readonly string[] | RegExp
  readonly start: StartAt
  readonly end: EndAt | undefined
  readonly groupId: string | undefined
  readonly onPoison: OnPoison
  readonly onOffsetLost: 'fail' | 'earliest' | 'latest'
  readonly onTopicLost: 'fail' | 'skip'
  readonly isolation: 'read_committed' | 'read_uncommitted'
  readonly discoverEveryMs: number | undefined
  readonly fetch: FetcherOptions
  readonly value: Pick<Format<unknown>, 'deserialize' | 'open'>
  readonly key: Pick<Format<unknown>, 'deserialize' | 'open'> | undefined
  readonly hasMetadata: boolean
}

export const CONNECTOR = 'kafkaSource'

type AllOptions = KafkaSourceOptions<unknown> & { readonly key?: ReadFormat<unknown>; readonly metadata?: boolean }
type FetchOptions = NonNullable<KafkaSourceOptions<unknown>['fetch']>

const optionNames: OptionNames<AllOptions> = {
  ...clusterOptionNames,
  topics: true,
  topicPattern: true,
  value: true,
  key: true,
  metadata: true,
  startAt: true,
  endAt: true,
  groupId: true,
  onPoison: true,
  onOffsetLost: true,
  onTopicLost: true,
  isolation: true,
  discoverEvery: true,
  fetch: true,
}
const fetchNames: OptionNames<FetchOptions> = {
  minBytes: true,
  maxWaitMs: true,
  maxBytes: true,
  partitionMaxBytes: true,
  bufferBytes: true,
  sessions: true,
}

/** @throws `CONNECTOR_OPTION_INVALID` */
export function sourceSettings(options: AllOptions): KafkaSourceSettings {
  checkOptionNames(CONNECTOR, options, optionNames)
  checkCluster(CONNECTOR, options)
  const { startAt: start = 'earliest', endAt: end, groupId, discoverEvery = '30s' } = options
  checkFormat(CONNECTOR, 'value', options.value, 'deserialize')
  if (options.key !== undefined) {
    checkFormat(CONNECTOR, 'key', options.key, 'deserialize')
    if (options.metadata !== true) throw invalid('key', 'has no use without metadata: true, which emits whole records')
  }
  const isCommitted = start === 'committed' || (typeof start === 'object' && 'committedOr' in start)
  if (isCommitted && groupId === undefined) throw invalid('groupId', 'is missing: startAt asks for what it has committed')
  if (groupId !== undefined && (typeof groupId !== 'string' || groupId === '')) throw invalid('groupId', 'must be text, and not empty')
  checkPlace('startAt', start)
  if (end !== undefined) checkPlace('endAt', end)
  const topics = chosenTopics(options)
  checkOffsetTopics('startAt', start, topics)
  if (end !== undefined) checkOffsetTopics('endAt', end, topics)
  const isolation = oneOf('isolation', options.isolation ?? 'read-committed', ['read-committed', 'read-uncommitted'])
  return {
    cluster: options,
    topics,
    start,
    end,
    groupId,
    onPoison: oneOf('onPoison', options.onPoison ?? 'fail', ['fail', 'null', 'skip', 'emit']),
    onOffsetLost: oneOf('onOffsetLost', options.onOffsetLost ?? 'fail', ['fail', 'earliest', 'latest']),
    onTopicLost: oneOf('onTopicLost', options.onTopicLost ?? 'fail', ['fail', 'skip']),
    isolation: isolation === 'read-committed' ? 'read_committed' : 'read_uncommitted',
    discoverEveryMs: discoverEvery === false ? undefined : Math.max(1, durationOption(CONNECTOR, 'discoverEvery', discoverEvery)),
    fetch: fetchOptions(options.fetch),
    value: reading(options.value),
    key: options.key === undefined ? undefined : reading(options.key),
    hasMetadata: options.metadata === true,
  }
}

function chosenTopics({ topics, topicPattern }: KafkaSourceOptions<unknown>): readonly string[] | RegExp {
  if ((topics === undefined) === (topicPattern === undefined)) throw invalid('topics', 'or else topicPattern must be given, and not both')
  if (topicPattern !== undefined) return anchored(topicPattern)
  const names = [...new Set(typeof topics === 'string' ? [topics] : topics)]
  if (names.length === 0 || names.some((name) => typeof name !== 'string' || name === '')) throw invalid('topics', 'names no topic')
  return names
}

/** The pattern for whole names. */
function anchored(pattern: RegExp | string): RegExp {
  if (typeof pattern !== 'string' && !(pattern instanceof RegExp)) throw invalid('topicPattern', 'must be a RegExp, or text')
  const { source, flags } = typeof pattern === 'string' ? { source: pattern, flags: '' } : pattern
  try {
    return new RegExp(`^(?:${source})$`, flags.replaceAll(/[gy]/g, ''))
  } catch (error) {
    throw engineError(
      'CONNECTOR_OPTION_INVALID',
      { connector: CONNECTOR, option: 'topicPattern', problem: `is none: ${(error as Error).message}` },
      error,
    )
  }
}

function checkPlace(option: 'startAt' | 'endAt', place: StartAt | EndAt): void {
  if (typeof place === 'string') {
    oneOf(option, place, option === 'startAt' ? ['earliest', 'latest', 'committed'] : ['latest'])
    return
  }
  const kinds: readonly string[] = option === 'startAt' ? ['timestampMs', 'offsets', 'committedOr'] : ['timestampMs', 'offsets']
  if (typeof place !== 'object' || place === null) throw invalid(option, `is ${String(place)}, which is none of the places that are known`)
  const kind = kinds.find((each) => each in place)
  const names = [...(kind === undefined ? kinds : [kind]), ...(option === 'startAt' && kind === 'offsets' ? ['otherwise'] : [])]
  checkNestedNames<object>(CONNECTOR, option, place, Object.fromEntries(names.map((name) => [name, true])))
  if ('timestampMs' in place) {
    if (!Number.isSafeInteger(place.timestampMs) || place.timestampMs < 0)
      throw invalid(option, `has a timestampMs of ${place.timestampMs}, which are no milliseconds since 1970`)
  } else if ('offsets' in place) {
    if (typeof place.offsets !== 'object' || place.offsets === null)
      throw invalid(`${option}.offsets`, 'must be offsets by topic and partition')
    for (const [topic, offsets] of Object.entries(place.offsets)) {
      if (typeof offsets !== 'object' || offsets === null) throw invalid(`${option}.offsets`, `must have offsets by partition for ${topic}`)
      for (const [partition, offset] of Object.entries(offsets))
        if (!/^\d+$/.test(partition)) throw invalid(option, `names ${partition} in ${topic}, which is no partition`)
        else if (!Number.isSafeInteger(offset) || offset < 0)
          throw invalid(option, `has ${offset} for ${topic}-${partition}, which is no offset`)
    }
    if ('otherwise' in place) oneOf(`${option}.otherwise`, place.otherwise, ['earliest', 'latest', undefined])
  } else if (option === 'startAt' && 'committedOr' in place) oneOf('startAt.committedOr', place.committedOr, ['earliest', 'latest', 'fail'])
  else throw invalid(option, 'is none of the places that are known')
}

/** A topic that is not read is a name that is misspelled. */
function checkOffsetTopics(option: 'startAt' | 'endAt', place: StartAt | EndAt, topics: readonly string[] | RegExp): void {
  if (typeof place !== 'object' || !('offsets' in place)) return
  const names = topics instanceof RegExp ? [] : topics
  const other = Object.keys(place.offsets).find((name) => (topics instanceof RegExp ? !topics.test(name) : !names.includes(name)))
  if (other !== undefined) throw invalid(`${option}.offsets`, `names the topic ${other}, which is not read${didYouMean(other, names)}`)
}

function fetchOptions(given: FetchOptions | undefined): FetcherOptions {
  checkNestedNames<FetchOptions>(CONNECTOR, 'fetch', given, fetchNames)
  for (const name of ['minBytes', 'maxWaitMs', 'maxBytes', 'partitionMaxBytes', 'bufferBytes'] as const) {
    const value = given?.[name]
    if (value !== undefined)
      wholeNumberOption(CONNECTOR, `fetch.${name}`, value, name === 'minBytes' || name === 'maxWaitMs' ? 0 : 1, 0x7fff_ffff)
  }
  return given ?? {}
}

function oneOf<T>(option: string, value: T, values: readonly T[]): T {
  if (values.includes(value)) return value
  throw invalid(option, `must be one of ${values.filter((each) => each !== undefined).join(', ')}, and is ${String(value)}`)
}

function invalid(option: string, problem: string): Error {
  return engineError('CONNECTOR_OPTION_INVALID', { connector: CONNECTOR, option, problem })
}
