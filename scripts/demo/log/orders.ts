// Orders that live their lives, and a plain recomputation of what becomes of them.
import { isFinal, transitions, type OrderEvent, type OrderEventType, type OrderState } from '../../../examples/03-order-state-machine.ts'
import type { Outcome } from '../../../examples/05-orders-log-to-log.ts'
import { drawsOf } from '../draws.ts'

const openOrders = 5_000
const mistakeShare = 0.1
const nextStep: { readonly [state in OrderState]?: OrderEventType } = { 'awaiting-payment': 'pay', paid: 'ship', 'in-delivery': 'receive' }
const eventTypes: readonly OrderEventType[] = ['pay', 'ship', 'receive', 'cancel']

/** An event as it is written: about 200 bytes of JSON. */
export interface WrittenEvent extends OrderEvent {
  readonly customer: string
  readonly amountCents: number
  readonly note: string
}

/** Events of many orders at a time, each in a state of its own; one in ten is not the one whose turn it is. */
export class OrderEvents {
  readonly #draw: () => number
  readonly #open: { readonly order: number; state: OrderState }[] = []
  #nextOrder = 0
  #slot = 0

  constructor(seed: number) {
    this.#draw = drawsOf(seed)
    for (let slot = 0; slot < openOrders; slot++) this.#open.push({ order: this.#nextOrder++, state: 'awaiting-payment' })
  }

  /** The next event. Once `isEnding`, no new orders are placed; undefined when all have come to an end. */
  next(isEnding: boolean): WrittenEvent | undefined {
    if (this.#open.length === 0) return undefined
    this.#slot = (this.#slot + 1) % this.#open.length
    const slot = this.#open[this.#slot]!
    const type = this.#draw() < mistakeShare ? eventTypes[Math.floor(this.#draw() * eventTypes.length)]! : nextStep[slot.state]!
    const event = eventOf(slot.order, type)
    slot.state = transitions[slot.state][type] ?? slot.state
    if (isFinal(slot.state)) {
      if (isEnding) this.#open.splice(this.#slot, 1)
      else this.#open[this.#slot] = { order: this.#nextOrder++, state: 'awaiting-payment' }
    }
    return event
  }
}

function eventOf(order: number, type: OrderEventType): WrittenEvent {
  const customer = `customer-${String((order * 7_919) % 100_000).padStart(6, '0')}`
  return {
    order,
    type,
    customer,
    amountCents: 990 + (order % 1_000) * 10,
    note: 'leave the parcel with the neighbours if nobody answers the door, please',
  }
}

/** What becomes of each order, worked out in one loop over all events. */
export class Recomputation {
  readonly outcomes: Map<number, Outcome> = new Map()
  readonly #open = new Map<number, { state: OrderState; moves: number; refused: number }>()

  add({ order, type }: OrderEvent): void {
    const progress = this.#open.get(order) ?? { state: 'awaiting-payment', moves: 0, refused: 0 }
    const next = transitions[progress.state][type]
    this.#open.set(order, progress)
    if (next === undefined) {
      progress.refused++
      return
    }
    progress.state = next
    progress.moves++
    if (!isFinal(next)) return
    this.outcomes.set(order, { order, ...progress })
    this.#open.delete(order)
  }
}

/** What is wrong with what was read, a line each; empty if each outcome is there, once, and none besides. */
export function problemsOf(found: readonly Outcome[], expected: ReadonlyMap<number, Outcome>, isComplete: boolean): string[] {
  const problems: string[] = []
  const seen = new Set<number>()
  for (const outcome of found) {
    const { order, state, moves, refused } = outcome
    const should = expected.get(order)
    if (seen.has(order)) problems.push(`the outcome of order ${order} is there twice`)
    else if (should === undefined) problems.push(`order ${order} has an outcome and should have none`)
    else if (should.state !== state || should.moves !== moves || should.refused !== refused) {
      problems.push(`order ${order} is ${JSON.stringify(outcome)} and should be ${JSON.stringify(should)}`)
    }
    seen.add(order)
  }
  if (isComplete) for (const order of expected.keys()) if (!seen.has(order)) problems.push(`the outcome of order ${order} is missing`)
  return problems
}
