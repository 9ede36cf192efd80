import { checkName, checkOneOf, checkOptionNames, checkPlace, checkWholeNumber, INT32_MAX, type OptionNames } from '../option-checks.ts'

/** How partitions are read. Names in quotes are Kafka's. */
export interface FetcherOptions {
  /** `isolation.level`: 'read_committed' by default, unlike Kafka. */
  readonly isolation?: 'read_committed' | 'read_uncommitted'
  /**
   * `auto.offset.reset`: where to go on when an offset is not there any more; 'none', the default, makes it an error. A topic that was made again under its name while it
   * was read is read from its beginning, or with 'none' an error too (`CLIENT_TOPIC_RECREATED`).
   */
  readonly offsetReset?: 'earliest' | 'latest' | 'none'
  /** `fetch.min.bytes`; 1 by default. */
  readonly minBytes?: number
  /** `fetch.max.wait.ms`; 500 by default. */
  readonly maxWaitMs?: number
  /** `fetch.max.bytes`; 52,428,800 by default. */
  readonly maxBytes?: number
  /** `max.partition.fetch.bytes`; 1,048,576 by default. A partition with so much that is not taken yet is not fetched. */
  readonly partitionMaxBytes?: number
  /** Bytes over all partitions that are fetched and not taken yet, beyond which nothing is fetched; 67,108,864 by default. */
  readonly bufferBytes?: number
  /** Whether brokers keep the list of partitions between requests; true by default. */
  readonly sessions?: boolean
  /**
   * Whether keys, values and headers are only lent: good until the next `take` or `poll`, and then overwritten. Saves copying them. By default, false, they are good for
   * as long as somebody has them.
   */
  readonly lendRecords?: boolean
}

export type FetcherSettings = Required<FetcherOptions>

const optionNames: OptionNames<FetcherOptions> = {
  isolation: true,
  offsetReset: true,
  minBytes: true,
  maxWaitMs: true,
  maxBytes: true,
  partitionMaxBytes: true,
  bufferBytes: true,
  sessions: true,
  lendRecords: true,
}

/** @throws CLIENT_OPTION */
export function fetcherSettings(options: FetcherOptions): FetcherSettings {
  checkOptionNames('a fetcher', options, optionNames)
  const settings: FetcherSettings = {
    isolation: options.isolation ?? 'read_committed',
    offsetReset: options.offsetReset ?? 'none',
    minBytes: options.minBytes ?? 1,
    maxWaitMs: options.maxWaitMs ?? 500,
    maxBytes: options.maxBytes ?? 52_428_800,
    partitionMaxBytes: options.partitionMaxBytes ?? 1_048_576,
    bufferBytes: options.bufferBytes ?? 67_108_864,
    sessions: options.sessions ?? true,
    lendRecords: options.lendRecords ?? false,
  }
  // What is spelled otherwise, as `read-committed` is in a job, must not be taken for one of them: it would show what is not committed.
  checkOneOf('isolation', settings.isolation, ['read_committed', 'read_uncommitted'])
  checkOneOf('offsetReset', settings.offsetReset, ['earliest', 'latest', 'none'])
  for (const option of ['minBytes', 'maxWaitMs'] as const) checkWholeNumber(option, settings[option], 0, INT32_MAX)
  for (const option of ['maxBytes', 'partitionMaxBytes'] as const) checkWholeNumber(option, settings[option], 1, INT32_MAX)
  checkWholeNumber('bufferBytes', settings.bufferBytes, 1, Number.MAX_SAFE_INTEGER)
  return settings
}

/** Where to begin in a partition. */
export type StartPosition =
  | {
      readonly offset: number
      /** Of the record before it: finds out whether it is still there after an election. */ readonly leaderEpoch?: number
    }
  | 'earliest'
  | 'latest'
  /** The first record at or after this time, the end where there is none. */
  | { readonly timestampMs: number }

/** @throws `CLIENT_OPTION` */
export function checkStart(start: StartPosition): void {
  checkPlace('start', start, ['earliest', 'latest'], ['offset', 'timestampMs'])
}

/** A partition by its topic's name and its number, from 0. */
export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** A partition that is to be read, and from where. */
export interface AssignedPartition extends TopicPartition {
  readonly start: StartPosition
  /** The topic that is meant, where its id is known: one that was made anew under the name since fails with `CLIENT_TOPIC_RECREATED`. */
  readonly topicId?: Uint8Array
}

/** @throws `CLIENT_OPTION` */
export function checkAssigned({ topic, partition, start }: AssignedPartition): void {
  checkName('topic', topic)
  checkWholeNumber('partition', partition, 0, INT32_MAX)
  checkStart(start)
}
