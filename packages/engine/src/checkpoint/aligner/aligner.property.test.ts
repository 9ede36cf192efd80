import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { AlignerEvent } from './aligner-events.ts'
import { BarrierAligner } from './aligner.ts'
import type { CheckpointMode } from '../options.ts'

/** What one channel will deliver, in order; a number is a barrier, a negative one a cancellation. */
type Item = 'record' | 'end' | number

interface Schedule {
  readonly mode: CheckpointMode
  readonly channels: readonly (readonly Item[])[]
  /** Events from elsewhere: each becomes possible at any time, in this order. */
  readonly others: readonly AlignerEvent[]
  /** Decides who is next. */
  readonly choices: readonly number[]
}

const LAST_ID = 5
const mode = fc.constantFrom<CheckpointMode>('exactly-once', 'at-least-once')
const choices = fc.array(fc.nat(1000), { minLength: 20, maxLength: 60 })
const trigger = (checkpointId: number): AlignerEvent => ({ kind: 'trigger', checkpointId, triggeredMs: checkpointId })
const ids = Array.from({ length: LAST_ID }, (_, index) => index + 1)

/** Streams in which every checkpoint reaches every channel that has not ended. */
const undisturbedChannel = fc
  .tuple(fc.array(fc.nat(2), { minLength: LAST_ID + 1, maxLength: LAST_ID + 1 }), fc.nat(LAST_ID))
  .map(([records, barriers]): Item[] => [
    ...ids.slice(0, barriers).flatMap((id) => [...Array<Item>(records[id - 1]!).fill('record'), id]),
    ...Array<Item>(records[LAST_ID]!).fill('record'),
    'end',
  ])

const undisturbed: fc.Arbitrary<Schedule> = fc.record({
  mode,
  channels: fc.array(undisturbedChannel, { maxLength: 4 }),
  others: fc.constant(ids.map(trigger)),
  choices,
})

/** Streams that skip checkpoints and cancel some: ids ascend, nothing else is sure. */
const disturbedChannel = fc
  .tuple(
    fc.array(fc.constantFrom<'barrier' | 'cancel' | 'skip'>('barrier', 'barrier', 'cancel', 'skip'), {
      minLength: LAST_ID,
      maxLength: LAST_ID,
    }),
    fc.nat(LAST_ID),
  )
  .map(([fates, length]): Item[] => [
    ...fates
      .slice(0, length)
      .flatMap((fate, index): Item[] => (fate === 'skip' ? ['record'] : ['record', fate === 'barrier' ? index + 1 : -index - 1])),
    'end',
  ])

const otherEvent: fc.Arbitrary<AlignerEvent> = fc.oneof(
  fc.integer({ min: 1, max: LAST_ID }).map(trigger),
  fc.integer({ min: 1, max: LAST_ID }).map((checkpointId): AlignerEvent => ({ kind: 'abort', checkpointId })),
  fc.constant<AlignerEvent>({ kind: 'limit-exceeded', limit: 'time' }),
)

const disturbed: fc.Arbitrary<Schedule> = fc.record({
  mode,
  channels: fc.array(disturbedChannel, { maxLength: 4 }),
  others: fc.array(otherEvent, { maxLength: 6 }),
  choices,
})

interface Step {
  readonly event: AlignerEvent
  readonly snapshots: readonly number[]
  readonly declined: readonly number[]
  readonly cancelled: readonly number[]
  /** Records of each channel let through before. */
  readonly passed: readonly number[]
}

/** Plays a schedule as a task would: blocked channels are not read. Fails if a channel is never read to its end. */
function run(schedule: Schedule): Step[] {
  const aligner = new BarrierAligner({ channels: schedule.channels.length, mode: schedule.mode })
  const rest = schedule.channels.map((items) => [...items])
  const others = [...schedule.others]
  const blocked = new Set<number>()
  const passed = schedule.channels.map(() => 0)
  const steps: Step[] = []
  for (let turn = 0; ; turn++) {
    const ready = rest.flatMap((items, channel) => (items.length > 0 && !blocked.has(channel) ? [channel] : []))
    const possible = others.length > 0 ? [...ready, -1] : ready
    if (possible.length === 0) break
    const channel = possible[schedule.choices[turn % schedule.choices.length]! % possible.length]!
    const item = channel === -1 ? undefined : rest[channel]!.shift()!
    if (item === 'record') {
      passed[channel]!++
      continue
    }
    const event = item === undefined ? others.shift()! : eventOf(channel, item)
    const before = [...passed]
    const actions = aligner.on(event)
    for (const action of actions) {
      if (action.kind === 'block') blocked.add(action.channel)
      if (action.kind === 'unblock-all') blocked.clear()
    }
    for (const [index] of rest.entries()) assert.equal(aligner.isBlocked(index), blocked.has(index))
    const idsOf = (kind: 'snapshot' | 'decline' | 'forward-cancel'): number[] =>
      actions.flatMap((action) => (action.kind === kind ? [action.checkpointId] : []))
    steps.push({ event, snapshots: idsOf('snapshot'), declined: idsOf('decline'), cancelled: idsOf('forward-cancel'), passed: before })
  }
  assert.deepEqual(rest.flat(), [], 'a channel stayed blocked for ever')
  return steps
}

function eventOf(channel: number, item: 'end' | number): AlignerEvent {
  if (item === 'end') return { kind: 'end', channel }
  return item > 0
    ? { kind: 'barrier', channel, checkpointId: item, triggeredMs: item }
    : { kind: 'cancel-barrier', channel, checkpointId: -item }
}

/** The definition, read off the whole history each time: which checkpoints are over, which have begun, which are aligned. */
class Oracle {
  readonly #history: AlignerEvent[] = []
  readonly #skippedIds = new Set<number>()
  readonly #over = new Set<number>()
  readonly #mode: CheckpointMode
  readonly #channels: number

  constructor(schedule: Schedule) {
    this.#mode = schedule.mode
    this.#channels = schedule.channels.length
  }

  /** Snapshots due after this event, and ids given up by it. */
  tell(event: AlignerEvent): { readonly snapshots: number[]; readonly givenUp: number[] } {
    const live = ids.filter((id) => !this.#over.has(id))
    const newest = Math.max(0, ...live.filter((id) => this.#ends(id, event)))
    const givenUp = live.filter((id) => id <= newest && (id === newest || this.#begun(id)))
    this.#finish(newest)
    if (event.kind === 'barrier' && this.#mode === 'exactly-once' && !this.#over.has(event.checkpointId))
      this.#finish(event.checkpointId - 1)
    if (
      'checkpointId' in event &&
      !this.#over.has(event.checkpointId) &&
      !this.#begun(event.checkpointId) &&
      this.#skipped(event.checkpointId)
    ) {
      this.#skippedIds.add(event.checkpointId)
    }
    this.#history.push(event)
    const snapshots: number[] = []
    for (const id of live) {
      if (this.#over.has(id) || this.#skippedIds.has(id) || !this.#begun(id) || !this.#aligned(id)) continue
      snapshots.push(id)
      this.#finish(id)
    }
    return { snapshots, givenUp }
  }

  #finish(id: number): void {
    for (let older = 1; older <= id; older++) this.#over.add(older)
  }

  #ends(id: number, event: AlignerEvent): boolean {
    switch (event.kind) {
      case 'barrier': {
        const fresh = !this.#over.has(event.checkpointId)
        const skipped = this.#mode === 'exactly-once' || !this.#delivered(id).has(event.channel)
        return fresh && this.#begun(id) && event.checkpointId > id && skipped
      }
      case 'cancel-barrier':
      case 'abort':
        return !this.#over.has(event.checkpointId) && (id === event.checkpointId || (id < event.checkpointId && this.#begun(id)))
      case 'limit-exceeded': {
        const aligning = ids.find((other) => !this.#over.has(other) && this.#delivered(other).size > 0)
        return aligning !== undefined && id <= aligning && this.#begun(id)
      }
      case 'end':
      case 'trigger':
      case 'overtake':
      case 'ends-ahead':
      case 'skips-ahead':
        return false
      default:
        return event satisfies never
    }
  }

  #begun(id: number): boolean {
    if (this.#skippedIds.has(id)) return false
    return this.#delivered(id).size > 0 || this.#history.some((event) => event.kind === 'trigger' && event.checkpointId === id)
  }

  /** Some channel has gone past it. */
  #skipped(id: number): boolean {
    return this.#history.some((event) => event.kind === 'barrier' && event.checkpointId > id)
  }

  #delivered(id: number): Set<number> {
    if (this.#skippedIds.has(id)) return new Set()
    return new Set(this.#history.flatMap((event) => (event.kind === 'barrier' && event.checkpointId === id ? [event.channel] : [])))
  }

  #aligned(id: number): boolean {
    const ended = this.#history.flatMap((event) => (event.kind === 'end' ? [event.channel] : []))
    return new Set([...this.#delivered(id), ...ended]).size === this.#channels
  }
}

describe('aligner properties', () => {
  it('takes every checkpoint that nothing disturbs, once, in order, at its place in each channel', () => {
    fc.assert(
      fc.property(undisturbed, (schedule) => {
        const steps = run(schedule)
        assert.deepEqual(
          steps.flatMap((step) => step.snapshots),
          ids,
        )
        assert.deepEqual(
          steps.flatMap((step) => step.declined),
          [],
        )
        if (schedule.mode === 'at-least-once') return
        for (const step of steps) {
          for (const id of step.snapshots) assertCut(schedule, step, id)
        }
      }),
      { numRuns: 400 },
    )
  })

  it('agrees with the definition whatever is skipped, cancelled, aborted or over a limit', () => {
    fc.assert(
      fc.property(disturbed, (schedule) => {
        const oracle = new Oracle(schedule)
        for (const step of run(schedule)) {
          const expected = oracle.tell(step.event)
          assert.deepEqual(step.snapshots, expected.snapshots)
          assert.deepEqual(step.cancelled, expected.givenUp)
          const byCoordinator = step.event.kind === 'abort' ? step.event.checkpointId : undefined
          assert.deepEqual(
            step.declined,
            expected.givenUp.filter((id) => id !== byCoordinator),
          )
          if (schedule.mode === 'exactly-once') for (const id of step.snapshots) assertCut(schedule, step, id)
        }
      }),
      { numRuns: 800 },
    )
  })
})

/** Exactly the records before the barrier have been let through; of a channel that ended without one, all. */
function assertCut(schedule: Schedule, step: Step, id: number): void {
  for (const [channel, items] of schedule.channels.entries()) {
    const at = items.indexOf(id)
    const before = items.slice(0, at === -1 ? items.length : at).filter((item) => item === 'record').length
    assert.equal(step.passed[channel], before, `channel ${channel}, checkpoint ${id}`)
  }
}
