import { hashKey } from '../../keys/hash.ts'
import type { ChannelEvent, OutputChannel } from '../../exchange/elements.ts'
import type { Partitioner } from '../../exchange/partitioner.ts'
import type { ChainCursor, Receiver } from '../../operators/receiver.ts'

/** One subtask's end of an exchange: chooses a channel for each record. */
export interface ExchangeOutput extends Receiver {
  readonly channels: readonly OutputChannel[]
  /** Records written. */
  readonly written: number
}

/** Sends an event down every channel, behind the records written so far. */
export function broadcastEvent(output: ExchangeOutput, event: ChannelEvent): void {
  for (const channel of output.channels) channel.event(event)
}

/** By key: the hash is computed here, once, and travels with the record. */
export class KeyedExchangeOutput implements ExchangeOutput {
  readonly channels: readonly OutputChannel[]
  written = 0
  readonly #cursor: ChainCursor
  readonly #select: (value: unknown) => unknown
  readonly #partitioner: Partitioner
  readonly #failed: (error: unknown, value: unknown) => Error

  constructor(
    channels: readonly OutputChannel[],
    cursor: ChainCursor,
    select: (value: unknown) => unknown,
    partitioner: Partitioner,
    failed: (error: unknown, value: unknown) => Error,
  ) {
    this.channels = channels
    this.#cursor = cursor
    this.#select = select
    this.#partitioner = partitioner
    this.#failed = failed
  }

  receive(value: unknown): void {
    this.written++
    let hash: number
    try {
      hash = hashKey(this.#select(value))
    } catch (error) {
      throw this.#failed(error, value)
    }
    const channel = this.channels[this.#partitioner.select(value, hash)]!
    append(channel, value, hash, this.#cursor, this.#failed)
  }

  watermark(time: number): void {
    broadcastEvent(this, { kind: 'watermark', time })
  }
}

/** By any other partitioning of one channel a record. */
export class PlainExchangeOutput implements ExchangeOutput {
  readonly channels: readonly OutputChannel[]
  written = 0
  readonly #cursor: ChainCursor
  readonly #partitioner: Partitioner
  readonly #failed: (error: unknown, value: unknown) => Error

  constructor(
    channels: readonly OutputChannel[],
    cursor: ChainCursor,
    partitioner: Partitioner,
    failed: (error: unknown, value: unknown) => Error,
  ) {
    this.channels = channels
    this.#cursor = cursor
    this.#partitioner = partitioner
    this.#failed = failed
  }

  receive(value: unknown): void {
    this.written++
    let index: number
    try {
      index = this.#partitioner.select(value, 0)
    } catch (error) {
      throw this.#failed(error, value)
    }
    append(this.channels[index]!, value, 0, this.#cursor, this.#failed)
  }

  watermark(time: number): void {
    broadcastEvent(this, { kind: 'watermark', time })
  }
}

/** To every channel. */
export class BroadcastExchangeOutput implements ExchangeOutput {
  readonly channels: readonly OutputChannel[]
  written = 0
  readonly #cursor: ChainCursor
  readonly #failed: (error: unknown, value: unknown) => Error

  constructor(channels: readonly OutputChannel[], cursor: ChainCursor, failed: (error: unknown, value: unknown) => Error) {
    this.channels = channels
    this.#cursor = cursor
    this.#failed = failed
  }

  receive(value: unknown): void {
    this.written++
    for (const channel of this.channels) append(channel, value, 0, this.#cursor, this.#failed)
  }

  watermark(time: number): void {
    broadcastEvent(this, { kind: 'watermark', time })
  }
}

function append(
  channel: OutputChannel,
  value: unknown,
  hash: number,
  cursor: ChainCursor,
  failed: (error: unknown, value: unknown) => Error,
): void {
  try {
    channel.append(value, cursor.timestamp, hash)
  } catch (error) {
    throw failed(error, value)
  }
  if (channel.queuedBytes > 0) cursor.interrupted = true
}
