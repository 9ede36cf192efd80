/**
 * Which channel of a gate is read next where records have event times: the one whose next record is the earliest, so that what belongs together meets, whichever
 * thread it came from.
 *
 * 1. A preference, never a condition: records do not wait for others while there is nothing else to do.
 * 2. A channel that has something is passed over for `PASSED_OVER_MS_MAX`, no longer. Then of each `EARLIEST_TURNS` + 1 portions one is for all in turns, the others are for the earliest, until another
 *    one is that: a stream that goes through its past keeps none of today's records waiting, and one that was held up for a moment catches up.
 * 3. While one that is not idle has nothing, and may still send something earlier than all others have, those wait until the task need not be patient, and for
 *    `WAITED_MS_MAX` at most: other tasks of the thread may be busy for ever. They do so once: nobody is waited for again who has not come since.
 */
import type { Clock } from '@millrace/core'
import type { Element } from '../../exchange/elements.ts'
import { EVENT, UNTIMED, type PortionedChannel } from './portioned-channel.ts'

/** Records that are taken from a channel at a time. */
export const PORTION_RECORDS = 128
export const PASSED_OVER_MS_MAX = 100
export const WAITED_MS_MAX = 20
/** Portions of the earliest channel for each that all have in turns, once some have been passed over for too long. */
export const EARLIEST_TURNS = 3

/** What the gate knows of its channels. */
export interface ChannelStates {
  /** It may be read. */
  isOpen(channel: number): boolean
  /** It has said that nothing is to be waited for. */
  isIdle(channel: number): boolean
}

export class EventTimeOrder {
  readonly #channels: readonly PortionedChannel[]
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #keepsWhole: () => boolean
  /** When each last had its turn, or had nothing. */
  readonly #servedMs: number[]
  /** All have turns until another channel than this one is the earliest; -1: only the earliest is read. */
  #inTurnsUntilNot = -1
  /** Meanwhile: portions of that one since the last turn of the others. */
  #turnsOfEarliest = 0
  /** Some channel that has nothing is not waited for any longer. */
  #waitedEnough = false
  /** Since when the others have waited. */
  #waitingSinceMs: number | undefined

  /** `keepsWhole`: batches are taken as they came, not in portions. */
  constructor(channels: readonly PortionedChannel[], clock: Pick<Clock, 'monotonic'>, keepsWhole: () => boolean) {
    this.#channels = channels
    this.#clock = clock
    this.#keepsWhole = keepsWhole
    this.#servedMs = channels.map(() => clock.monotonic())
  }

  /** The channel to read; `in-turns`: whichever is next; undefined: none now. `patient`: the task may be asked again soon, as other work goes on. */
  choose(states: ChannelStates, patient: boolean): number | 'in-turns' | undefined {
    const nowMs = this.#clock.monotonic()
    let earliest = -1
    let earliestTime = Infinity
    let absentReached = Infinity
    let passedOver = false
    for (let index = 0; index < this.#channels.length; index++) {
      if (!states.isOpen(index)) continue
      const channel = this.#channels[index]!
      const next = channel.look()
      if (next === EVENT) return index
      if (next === UNTIMED) return 'in-turns'
      if (next === undefined) {
        this.#servedMs[index] = nowMs
        if (!states.isIdle(index)) absentReached = Math.min(absentReached, channel.reached)
        continue
      }
      if (nowMs - this.#servedMs[index]! > PASSED_OVER_MS_MAX) passedOver = true
      if (earliest >= 0 && next >= earliestTime) continue
      earliest = index
      earliestTime = next
    }
    if (earliest < 0) return undefined
    if (this.#waits(earliestTime, absentReached, nowMs, patient)) return undefined
    if (earliest !== this.#inTurnsUntilNot) this.#inTurnsUntilNot = passedOver ? earliest : -1
    if (this.#inTurnsUntilNot < 0 || this.#turnsOfEarliest++ < EARLIEST_TURNS) return earliest
    this.#turnsOfEarliest = 0
    return 'in-turns'
  }

  /** Reads the channel that was chosen. */
  take(channel: number): Element {
    this.served(channel)
    return this.#channels[channel]!.take(this.#keepsWhole() ? Infinity : PORTION_RECORDS)!
  }

  /** The channel has had its turn. */
  served(channel: number): void {
    this.#servedMs[channel] = this.#clock.monotonic()
  }

  #waits(earliestTime: number, absentReached: number, nowMs: number, patient: boolean): boolean {
    if (absentReached === Infinity) this.#waitedEnough = false
    if (earliestTime <= absentReached || this.#waitedEnough) {
      this.#waitingSinceMs = undefined
      return false
    }
    this.#waitingSinceMs ??= nowMs
    if (patient && nowMs - this.#waitingSinceMs <= WAITED_MS_MAX) return true
    this.#waitingSinceMs = undefined
    this.#waitedEnough = true
    return false
  }
}
