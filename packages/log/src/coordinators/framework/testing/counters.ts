/** A state machine as small as can be, for tests: named counters, of which only the sum is written. */
import { answer, type Operation, type StateMachine } from '../decision.ts'
import { recordFormat, type RecordOf } from '../record-format.ts'

const TABLE = {
  Counter: { type: 7, key: { name: 'string' }, value: { total: 'int64' }, versions: '0-1', flexible: '1+', writes: 1 },
} as const

export type CounterRecord = RecordOf<typeof TABLE>

export interface CounterState {
  readonly totals: Map<string, number>
  /** By producer: what its open transaction has set. */
  readonly pending: Map<number, Map<string, number>>
  /** Never written: how often each counter was read. */
  readonly reads: Map<string, number>
}

export const counters: StateMachine<CounterState, CounterRecord> = {
  format: recordFormat(TABLE),
  empty: () => ({ totals: new Map(), pending: new Map(), reads: new Map() }),
  apply({ totals, pending }, { key, value }, { producer }) {
    if (producer !== undefined) {
      const mine = pending.get(producer.producerId) ?? new Map<string, number>()
      pending.set(producer.producerId, mine.set(key.name, value?.total ?? 0))
    } else if (value === null) totals.delete(key.name)
    else totals.set(key.name, value.total)
  },
  applyMarker({ totals, pending }, { producerId, isCommit }) {
    const mine = pending.get(producerId) ?? []
    if (isCommit) for (const [name, total] of mine) totals.set(name, total)
    pending.delete(producerId)
  },
}

type CounterOperation<T> = Operation<CounterState, CounterRecord, T>

export function add(name: string, amount: number): CounterOperation<number> {
  return ({ totals }, _, ticket) => {
    if (amount < 0) throw new RangeError('only upwards')
    const total = (totals.get(name) ?? 0) + amount
    return { records: [{ name: 'Counter', key: { name }, value: { total } }], answers: [answer(ticket, total)] }
  }
}

export function read(name: string): CounterOperation<number> {
  return ({ totals, reads }, _, ticket) => {
    const count = (reads.get(name) ?? 0) + 1
    return { remember: (state) => void state.reads.set(name, count), answers: [answer(ticket, totals.get(name) ?? 0)] }
  }
}

/** Answers when the counter reaches the total that is waited for, looking every 10 ms. */
export function waitFor(name: string, total: number): CounterOperation<number> {
  return (_, __, ticket) => {
    const look: CounterOperation<void> = ({ totals }) =>
      (totals.get(name) ?? 0) >= total
        ? { answers: [answer(ticket, totals.get(name)!)] }
        : { timers: [{ key: `${ticket.id}`, delayMs: 10, operation: look }] }
    return { timers: [{ key: `${ticket.id}`, delayMs: 0, operation: look }] }
  }
}

export function setInTransaction(name: string, total: number, producerId: number, producerEpoch: number): CounterOperation<void> {
  return (_, __, ticket) => ({
    records: [{ name: 'Counter', key: { name }, value: { total } }],
    producer: { producerId, producerEpoch },
    answers: [answer(ticket, undefined)],
  })
}
