/**
 * Invocations of one operator's asynchronous user function: which may start, which are done, what waits for what. Decides only; effects are the operator's.
 *
 * 1. With keys, invocations of one key run one after the other, in order of arrival; their effects are applied as each finishes.
 * 2. Without keys they run side by side and their effects are applied in order of arrival.
 * 3. Never more than `capacity` run; the rest waits, and begins in the order in which it could have: before whatever arrives later. `full` says when to hand in no more.
 *    One runs until `settle` has seen that its promise is settled, so that nothing that arrives in between takes the room of what waits.
 * 4. A watermark passes when every invocation that arrived before it has been applied, and every timer it fires too, those that these set among them.
 * 5. Effects are applied only from `settle`, that is in the task's turn; nothing is applied after a failure.
 * 6. Of a key the timers of a watermark run in the order of their times. Where there may be any (`serial`), what came behind a watermark begins when that has passed:
 *    a record must not find what a timer that was due before it would have changed.
 * 7. What is not done with is told in the order in which it would have run.
 */
import { sameKey } from '../keys/key.ts'
import { isTimer } from './invocations.ts'
import { Line } from './line.ts'
import type { UnfinishedInput } from './operator.ts'

/** An invocation that has been started; its effects are buffered until `apply`. */
export interface StartedInvocation {
  readonly done: Promise<unknown>
  /** Makes the effects real; `result` is what the promise answered. */
  apply(result: unknown): void
  /** The promise was rejected: forgets the effects. May throw what the task is to fail with. */
  reject(error: unknown): void
}

export interface AsyncHooks {
  start(input: UnfinishedInput): StartedInvocation
  /** Fires event-time timers up to `time`, by submitting them or directly; answers nothing. */
  fireEventTimers(time: number): void
  forwardWatermark(time: number): void
  wake(): void
}

interface Entry {
  readonly input: UnfinishedInput
  readonly epoch: Epoch
  /** `held`: until the watermark before it has passed. */
  state: 'waiting' | 'held' | 'running' | 'settled'
  started: StartedInvocation | undefined
  outcome: { readonly ok: boolean; readonly value: unknown } | undefined
}

/** What arrived between two watermarks. */
interface Epoch {
  open: number
  /** The watermark that ends it, once it has arrived. */
  watermark: number | undefined
  /** What may run as soon as the watermark before it has passed. */
  readonly held: Set<Entry>
  /** Whether it fires timers: all that came before it has been applied. */
  fired: boolean
}

export class AsyncExecution {
  readonly #hooks: AsyncHooks
  readonly #keyed: boolean
  readonly #serial: boolean
  readonly #capacity: number
  /** All not yet applied, in order of arrival. */
  readonly #entries: Set<Entry> = new Set()
  readonly #byKey: Map<number, Line<Entry>> = new Map()
  /** How many timers wait behind others of their keys, by `nameOf`: of a key there may be very many, and each that is set or deleted is looked for among them. */
  readonly #timersWaiting: Map<string, number> = new Map()
  /** May run, but the capacity is used up. */
  readonly #startable: Line<Entry> = new Line()
  readonly #settled: Entry[] = []
  readonly #epochs: Epoch[] = [newEpoch()]
  #running = 0

  constructor(options: { readonly keyed: boolean; readonly capacity: number; readonly serial?: boolean }, hooks: AsyncHooks) {
    this.#keyed = options.keyed
    this.#serial = options.serial ?? false
    this.#capacity = options.capacity
    this.#hooks = hooks
  }

  get pending(): number {
    return this.#entries.size
  }

  get full(): boolean {
    return this.#entries.size >= this.#capacity
  }

  /** Whether a watermark may pass at once. */
  get idle(): boolean {
    return this.#entries.size === 0 && this.#epochs.length === 1
  }

  /** Of a key in the order in which they run: a timer may have come after what waits behind it. */
  unfinished(): readonly UnfinishedInput[] {
    if (!this.#keyed) return Array.from(this.#entries, ({ input }) => input)
    return [...this.#byKey.values()].flatMap((entries) => entries.items().map(({ input }) => input))
  }

  submit(input: UnfinishedInput): void {
    const entry = this.#add(input, this.#epochs.at(-1)!)
    this.#schedule(entry)
  }

  /** Takes in an invocation that is already under way, as the first of all. */
  adopt(input: UnfinishedInput, started: StartedInvocation): void {
    const entry = this.#add(input, this.#epochs.at(-1)!)
    if (this.#keyed) this.#byKey.set(input.hash, new Line([entry]))
    this.#follow(entry, started)
  }

  /** A timer fired by the watermark that is passing: counts against the epoch it ends. */
  submitTimer(input: UnfinishedInput): void {
    const entry = this.#add(input, this.#epochs[0]!)
    const sameKey = this.#byKey.get(input.hash)
    if (sameKey === undefined) return this.#schedule(entry)
    const first = sameKey.at(0)!
    // Unless it is held the first of them is under way, or about to be.
    const earliest = first.state === 'held' ? 0 : 1
    let at = sameKey.length
    while (at > earliest && isBehind(sameKey.at(at - 1)!, entry)) at--
    sameKey.insert(at, entry)
    if (at > 0) return this.#countTimer(input, 1)
    if (isTimer(first.input.what)) this.#countTimer(first.input, 1)
    first.epoch.held.delete(first)
    first.state = 'waiting'
    this.#startOrQueue(entry)
  }

  /** Whether a timer of the key that was due waits for its turn. */
  hasTimer(timer: UnfinishedInput): boolean {
    return this.#waitingTimer(timer) > 0
  }

  /** Such a timer is not to run any more. */
  dropTimer(timer: UnfinishedInput): void {
    const at = this.#waitingTimer(timer)
    if (at <= 0) return
    const entry = this.#byKey.get(timer.hash)!.remove(at)
    this.#countTimer(timer, -1)
    this.#entries.delete(entry!)
    entry!.epoch.open--
  }

  /** Where it stands among the invocations of its key, of which the first does not wait. */
  #waitingTimer(timer: UnfinishedInput): number {
    if (!this.#timersWaiting.has(nameOf(timer))) return -1
    const { what, value, timestamp, hash } = timer
    const isIt = ({ input }: Entry, at: number): boolean =>
      at > 0 && input.what === what && input.timestamp === timestamp && sameKey(input.value, value)
    return this.#byKey.get(hash)?.find(isIt) ?? -1
  }

  #countTimer(timer: UnfinishedInput, by: 1 | -1): void {
    const name = nameOf(timer)
    const count = (this.#timersWaiting.get(name) ?? 0) + by
    if (count > 0) this.#timersWaiting.set(name, count)
    else this.#timersWaiting.delete(name)
  }

  watermark(time: number): void {
    this.#epochs.at(-1)!.watermark = time
    this.#epochs.push(newEpoch())
    this.#passWatermarks()
  }

  /** Applies what has finished, as far as the order allows, and starts what may start. */
  settle(): void {
    const settled = this.#settled.splice(0)
    this.#running -= settled.length
    if (this.#keyed) {
      for (const entry of settled) this.#apply(entry)
    } else {
      for (const entry of this.#entries) {
        if (entry.state !== 'settled') break
        this.#apply(entry)
      }
    }
    this.#startWaiting()
    this.#passWatermarks()
  }

  #add(input: UnfinishedInput, epoch: Epoch): Entry {
    const entry: Entry = { input, epoch, state: 'waiting', started: undefined, outcome: undefined }
    epoch.open++
    this.#entries.add(entry)
    return entry
  }

  #schedule(entry: Entry): void {
    if (this.#keyed) {
      const sameKey = this.#byKey.get(entry.input.hash)
      if (sameKey !== undefined) {
        sameKey.push(entry)
        if (isTimer(entry.input.what)) this.#countTimer(entry.input, 1)
        return
      }
      this.#byKey.set(entry.input.hash, new Line([entry]))
    }
    this.#startOrQueue(entry)
  }

  #startOrQueue(entry: Entry): void {
    if (this.#serial && entry.epoch !== this.#epochs[0]) {
      entry.state = 'held'
      entry.epoch.held.add(entry)
      return
    }
    this.#startable.push(entry)
    this.#startWaiting()
  }

  #startWaiting(): void {
    while (this.#running < this.#capacity && this.#startable.length > 0) {
      const next = this.#startable.shift()!
      this.#follow(next, this.#hooks.start(next.input))
    }
  }

  #follow(entry: Entry, started: StartedInvocation): void {
    this.#running++
    entry.state = 'running'
    entry.started = started
    const finish = (ok: boolean, value: unknown): void => {
      entry.state = 'settled'
      entry.outcome = { ok, value }
      this.#settled.push(entry)
      this.#hooks.wake()
    }
    started.done.then(
      (value) => finish(true, value),
      (error) => finish(false, error),
    )
  }

  #apply(entry: Entry): void {
    const { ok, value } = entry.outcome!
    if (ok) entry.started!.apply(value)
    else entry.started!.reject(value)
    this.#entries.delete(entry)
    entry.epoch.open--
    // Timers that it has set for times that are past come before what of its key waits behind it.
    if (entry.epoch.fired) this.#hooks.fireEventTimers(entry.epoch.watermark!)
    if (this.#keyed) this.#releaseKey(entry.input.hash)
  }

  #releaseKey(hash: number): void {
    const sameKey = this.#byKey.get(hash)!
    sameKey.shift()
    const next = sameKey.at(0)
    if (next === undefined) {
      this.#byKey.delete(hash)
      return
    }
    if (isTimer(next.input.what)) this.#countTimer(next.input, -1)
    this.#startOrQueue(next)
  }

  #release(held: Set<Entry>): void {
    for (const entry of held) {
      entry.state = 'waiting'
      this.#startOrQueue(entry)
    }
    held.clear()
  }

  #passWatermarks(): void {
    for (;;) {
      const epoch = this.#epochs[0]!
      if (epoch.watermark === undefined || epoch.open > 0) return
      epoch.fired = true
      this.#hooks.fireEventTimers(epoch.watermark)
      if (epoch.open > 0) return
      this.#epochs.shift()
      this.#hooks.forwardWatermark(epoch.watermark)
      this.#release(this.#epochs[0]!.held)
    }
  }
}

/** Of timers of different keys with one hash it is the same. */
function nameOf({ what, timestamp, hash }: UnfinishedInput): string {
  return `${what} ${timestamp} ${hash}`
}

function newEpoch(): Epoch {
  return { open: 0, watermark: undefined, held: new Set(), fired: false }
}

/** Whether an invocation that waits comes after a timer of its key that the watermark fires. */
function isBehind({ input, epoch }: Entry, timer: Entry): boolean {
  return epoch !== timer.epoch || (input.what === 'event-timer' && input.timestamp > timer.input.timestamp)
}
