import { inspect } from 'node:util'
import type { Random } from '@millrace/core'
import { randomBelow } from '@millrace/core'
import { engineError } from '../errors.ts'
import type { Partitioning } from '../graph/graph.ts'
import { keyGroupOf, subtaskOfKeyGroup } from '../keys/key-group.ts'

/** Chooses the channel of a record, out of those its sender has. `hash`: of the record's key, on edges partitioned by key. */
export interface Partitioner {
  select(value: unknown, hash: number): number
}

export interface PartitionerOptions {
  readonly partitioning: Partitioning
  /** The sender's. */
  readonly subtask: number
  readonly parallelism: number
  /** Channels the sender has: to every receiver, or to the ones that `forward` and `rescale` leave it. */
  readonly channels: number
  /** The receivers' key groups. */
  readonly maxParallelism: number
  readonly custom: ((value: unknown, partitions: number) => number) | undefined
  readonly random: Random
}

/** The partitioner of one sender. Records for every channel (`broadcast`) need none. */
export function createPartitioner(options: PartitionerOptions): Partitioner {
  const { partitioning, subtask, channels } = options
  switch (partitioning) {
    case 'hash':
      return new KeyGroupPartitioner(options.maxParallelism, channels)
    case 'forward':
    case 'global':
    case 'broadcast':
      return first
    case 'rebalance':
    case 'rescale':
      return channels === 1 ? first : new RoundRobinPartitioner(channels, subtask)
    case 'shuffle':
      return new ShufflePartitioner(channels, options.random)
    case 'custom':
      return new CustomPartitioner(channels, options.custom!)
  }
}

const first: Partitioner = { select: () => 0 }

/** By key group: contiguous ranges of groups to channels, looked up in a table. */
class KeyGroupPartitioner implements Partitioner {
  readonly #maxParallelism: number
  readonly #channelOfGroup: Uint16Array

  constructor(maxParallelism: number, channels: number) {
    this.#maxParallelism = maxParallelism
    this.#channelOfGroup = Uint16Array.from({ length: maxParallelism }, (_, group) => subtaskOfKeyGroup(group, maxParallelism, channels))
  }

  select(_value: unknown, hash: number): number {
    return this.#channelOfGroup[keyGroupOf(hash, this.#maxParallelism)]!
  }
}

/** In turn. Senders begin at different channels, so that short inputs spread too. */
class RoundRobinPartitioner implements Partitioner {
  readonly #channels: number
  #next: number

  constructor(channels: number, subtask: number) {
    this.#channels = channels
    this.#next = subtask % channels
  }

  select(): number {
    const channel = this.#next
    this.#next = channel + 1 === this.#channels ? 0 : channel + 1
    return channel
  }
}

class ShufflePartitioner implements Partitioner {
  readonly #channels: number
  readonly #random: Random

  constructor(channels: number, random: Random) {
    this.#channels = channels
    this.#random = random
  }

  select(): number {
    return randomBelow(this.#random, this.#channels)
  }
}

class CustomPartitioner implements Partitioner {
  readonly #channels: number
  readonly #choose: (value: unknown, partitions: number) => number

  constructor(channels: number, choose: (value: unknown, partitions: number) => number) {
    this.#channels = channels
    this.#choose = choose
  }

  select(value: unknown): number {
    const channel = this.#choose(value, this.#channels)
    if (Number.isInteger(channel) && channel >= 0 && channel < this.#channels) return channel
    throw engineError('PARTITION_OUT_OF_RANGE', { answer: inspect(channel, { depth: 0 }), last: this.#channels - 1 })
  }
}
