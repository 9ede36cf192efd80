// What a row holds of a kind of timers: one, a list of some, or a map of many.
//
// 1. A list is in order of time, as timers mostly come and always go. A change of it is written as the whole list, so it is a list only while it is short; from a map one changed
//    timer is one changed entry. A map stays one until it is empty.
// 2. Stored, a list is a map that is written whole.
import { MapCell, MapEntry, RESTORED_EPOCH } from './map-cell.ts'
import { Timer } from './timer-queue.ts'

/** More timers than this are a map. */
export const TIMERS_OF_LIST_MAX = 64

/** Of different times, the earliest first. */
export class TimerList {
  readonly timers: Timer[]

  constructor(timers: Timer[]) {
    this.timers = timers
  }

  find(time: number): Timer | undefined {
    const timer = this.timers[this.#place(time) - 1]
    return timer?.time === time ? timer : undefined
  }

  /** None of its time is there. */
  add(timer: Timer): void {
    const { timers } = this
    const place = this.#place(timer.time)
    timers.push(timer)
    for (let at = timers.length - 1; at > place; at--) timers[at] = timers[at - 1]!
    timers[place] = timer
  }

  remove(timer: Timer): void {
    const { timers } = this
    if (timers[0] === timer) timers.shift()
    else timers.splice(timers.indexOf(timer), 1)
  }

  /** Behind all that are not later. */
  #place(time: number): number {
    let place = this.timers.length
    while (place > 0 && this.timers[place - 1]!.time > time) place--
    return place
  }
}

export type TimerCell = Timer | TimerList | MapCell

export function findTimer(cell: TimerCell | undefined, time: number): Timer | undefined {
  if (cell instanceof Timer) return cell.time === time ? cell : undefined
  if (cell instanceof TimerList) return cell.find(time)
  return cell?.entries.get(time)?.value as Timer | undefined
}

export function timersIn(cell: TimerCell | undefined): Iterable<Timer> {
  if (cell === undefined) return []
  if (cell instanceof Timer) return [cell]
  return cell instanceof TimerList ? cell.timers : cell.entries.values().map(({ value }) => value as Timer)
}

/** The cell with one more timer, of a time that it has none of. `restored`: it is one that is stored already. */
export function withTimer(cell: TimerCell | undefined, timer: Timer, epoch: number, restored: boolean = false): TimerCell {
  if (cell === undefined) return timer
  if (cell instanceof MapCell) {
    if (restored) cell.entries.set(timer.time, new MapEntry(timer.time, timer, RESTORED_EPOCH))
    else cell.set(timer.time, timer, epoch)
    return cell
  }
  const list = cell instanceof Timer ? new TimerList([cell]) : cell
  if (list.timers.length >= TIMERS_OF_LIST_MAX) return withTimer(mapOf(list), timer, epoch, restored)
  list.add(timer)
  return list
}

/** The cell without one of its timers. */
export function withoutTimer(cell: TimerCell, timer: Timer, epoch: number, restored: boolean = false): TimerCell | undefined {
  if (cell instanceof Timer) return undefined
  if (cell instanceof TimerList) {
    cell.remove(timer)
    return cell.timers.length === 0 ? undefined : cell
  }
  if (cell.size === 1) return undefined
  if (restored) cell.entries.delete(timer.time)
  else cell.delete(timer.time, epoch)
  return cell
}

/** It has not been written as a map yet, so it will be, whole. */
function mapOf({ timers }: TimerList): MapCell {
  const cell = new MapCell()
  for (const timer of timers) cell.entries.set(timer.time, new MapEntry(timer.time, timer, RESTORED_EPOCH))
  return cell
}
