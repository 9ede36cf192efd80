/**
 * Where a partition is read, as a state machine over what brokers answer.
 *
 * 1. `consumed` only follows what was taken by the reader; `fetch` runs ahead by what is buffered. A seek sets both and voids what is under way, by `version`.
 * 2. Nothing is fetched while an offset is to be found or a leader epoch to be checked.
 */
import { isZero } from '../metadata/cluster-view.ts'
import type { StartPosition, TopicPartition } from './fetcher-options.ts'

export type PositionState =
  /** An offset has to be looked up first. */
  | { readonly kind: 'finding'; readonly start: Exclude<StartPosition, { readonly offset: number }> }
  /** A new leader has to be asked whether its log goes as far. */
  | { readonly kind: 'checking' }
  | { readonly kind: 'fetching' }
  /** Stands still until a seek. */
  | { readonly kind: 'failed'; readonly error: Error }

export class Position implements TopicPartition {
  readonly topic: string
  readonly partition: number
  /** Of the topic that is meant; undefined where any of that name will do. */
  topicId: Uint8Array | undefined
  /** Of the topic that was read last; undefined before anything was, after a seek, and where brokers know no ids. */
  readFrom: Uint8Array | undefined
  state: PositionState
  /** The next offset the reader gets; -1 until it is found. */
  consumed = -1
  /** The next offset to fetch. */
  fetch = -1
  /** Of the last record fetched; -1 for not known. */
  lastEpoch = -1
  /** The leader epoch that the position was last checked with. */
  checkedEpoch = -1
  highWatermark = -1
  lastStableOffset = -1
  logStartOffset = -1
  bufferedBytes = 0
  isPaused = false
  /** Grows with each seek: answers to questions of an older version are void. */
  version = 0
  /** The version that a request under way is about. */
  #busyVersion = -1
  retryAtMs = 0
  failures = 0

  constructor({ topic, partition }: TopicPartition, start: StartPosition) {
    this.topic = topic
    this.partition = partition
    this.state = { kind: 'fetching' }
    this.seek(start)
  }

  /** Whether a request is under way whose answer will count. */
  get isBusy(): boolean {
    return this.#busyVersion === this.version
  }

  /** Marks a request as under way; answers what takes the mark away. */
  busy(): () => void {
    const version = this.version
    this.#busyVersion = version
    return () => {
      if (this.#busyVersion === version) this.#busyVersion = -1
    }
  }

  seek(start: StartPosition): void {
    this.version++
    this.readFrom = undefined
    this.bufferedBytes = 0
    this.failures = 0
    this.retryAtMs = 0
    if (typeof start === 'object' && 'offset' in start) {
      this.consumed = start.offset
      this.fetch = start.offset
      this.lastEpoch = start.leaderEpoch ?? -1
      this.checkedEpoch = -1
      this.state = { kind: 'fetching' }
    } else {
      this.consumed = -1
      this.lastEpoch = -1
      this.state = { kind: 'finding', start }
    }
  }

  found(offset: number, leaderEpoch: number): void {
    this.consumed = offset
    this.fetch = offset
    this.lastEpoch = -1
    this.checkedEpoch = leaderEpoch
    this.state = { kind: 'fetching' }
  }

  /** A leader epoch was learnt: what was read under an older one must be checked before more is read. */
  observeLeader(leaderEpoch: number): void {
    if (this.state.kind !== 'fetching' || leaderEpoch <= this.checkedEpoch) return
    if (this.lastEpoch >= 0 && this.lastEpoch < leaderEpoch) this.state = { kind: 'checking' }
    else this.checkedEpoch = leaderEpoch
  }

  /**
   * A new leader has said where its log of the last epoch ends. Answers where it ends before what was read, which is then not in it; undefined where all of that is. (KIP-320)
   */
  checked(currentEpoch: number, end: { readonly leaderEpoch: number; readonly endOffset: number }): number | undefined {
    this.state = { kind: 'fetching' }
    this.checkedEpoch = currentEpoch
    const isCut = end.endOffset >= 0 && (end.endOffset < this.fetch || end.leaderEpoch < this.lastEpoch)
    return isCut ? Math.min(end.endOffset, this.fetch) : undefined
  }

  /** Whether a topic of that name is the one that is meant; brokers that know no ids are believed. */
  isOf(topicId: Uint8Array): boolean {
    const { topicId: meant } = this
    return meant === undefined || topicId === meant || isZero(topicId) || Buffer.compare(topicId, meant) === 0
  }

  /** Whether the topic has been made again since it was read: offsets of the former one mean nothing in it. */
  isMadeAgain(topicId: Uint8Array): boolean {
    const { readFrom } = this
    return readFrom !== undefined && topicId !== readFrom && !isZero(topicId) && Buffer.compare(topicId, readFrom) !== 0
  }

  /** The end that readers of this isolation see, as the broker last said; undefined before its first answer. */
  endOffset(isCommitted: boolean): number | undefined {
    const end = isCommitted && this.lastStableOffset >= 0 ? this.lastStableOffset : this.highWatermark
    return end < 0 ? undefined : end
  }
}

/** 'orders-3', for people. */
export function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}

/** Names a partition in maps. */
export function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic} ${partition}`
}
