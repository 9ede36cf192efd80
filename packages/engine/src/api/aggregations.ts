import { inspect } from 'node:util'
import { engineError } from '../errors.ts'
import type { ErasedProcessFunction } from './functions.ts'
import { value, type Aggregate, type StateOptions, type ValueState } from './state.ts'
import { type } from './types.ts'

/** The part of the context that aggregations use. One state, always called `result`. */
interface AggregationContext<T> {
  readonly key: unknown
  readonly state: { readonly result: ValueState<T> }
  emit(value: unknown): void
}

type Fields = { readonly [field: string]: unknown }

function aggregation<T>(
  options: StateOptions<T> | undefined,
  onElement: (record: never, ctx: AggregationContext<T>) => void,
): ErasedProcessFunction {
  return { emits: type<unknown>(), state: { result: value<T>(options) }, onElement: onElement }
}

/** Keeps what `fold` makes of the result so far and the record, and emits it; the first record stands for itself. `check` throws where a record cannot be folded. */
export function reduce<T>(fold: (a: T, b: T) => T, options?: StateOptions<T>, check?: (record: T) => void): ErasedProcessFunction {
  return aggregation<T>(options, (record: T, ctx) => {
    const { result } = ctx.state
    check?.(record)
    const before = result.get()
    const after = before === undefined ? record : made('reduce', 'the function', fold(before, record))
    result.set(after)
    ctx.emit(after)
  })
}

export function aggregate<In, Acc, Out>(parts: Aggregate<In, Acc, Out>, options?: StateOptions<Acc>): ErasedProcessFunction {
  return aggregation<Acc>(options, (record: In, ctx) => {
    const { result } = ctx.state
    const accumulator = made('aggregate', 'add', parts.add(record, result.get() ?? made('aggregate', 'create', parts.create())))
    result.set(accumulator)
    ctx.emit(parts.result(accumulator))
  })
}

export function count(): ErasedProcessFunction {
  return aggregation<number>(undefined, (_record, ctx) => {
    const { result } = ctx.state
    const next = (result.get() ?? 0) + 1
    result.set(next)
    ctx.emit({ key: ctx.key, count: next })
  })
}

/** A function that forgets to answer, or answers a promise, is found out at once, not by what it leaves in the state. */
function made<T>(call: string, argument: string, value: T): T {
  if (value !== undefined && !(value instanceof Promise)) return value
  const expected = 'synchronous and answer a value'
  throw engineError('ARGUMENT_INVALID', { call, argument, expected, value: value === undefined ? 'undefined' : 'a promise' })
}

/** Records are read-only once emitted, so each sum is a record of its own. */
export function sum(field: string): ErasedProcessFunction {
  const check = (record: Fields): void => {
    const { [field]: value } = record
    if (typeof value !== 'number' && typeof value !== 'bigint') throw invalidField('sum', field, 'a number or a bigint', value)
  }
  const add = (before: Fields, record: Fields): Fields => {
    const [left, right] = [before[field], record[field]]
    if (typeof left !== typeof right) throw invalidField('sum', field, `a ${typeof left}, as in the records before it`, right)
    return { ...before, [field]: (left as number) + (right as number) }
  }
  return reduce<Fields>(add, undefined, check)
}

/** The first record, with the least or greatest value of a field of all. */
export function extremeField(field: string, which: 'least' | 'greatest'): ErasedProcessFunction {
  const fold = (before: Fields, record: Fields): Fields =>
    isBeyond(record, before, field, which) ? { ...before, [field]: record[field] } : before
  return reduce<Fields>(fold, undefined, (record) => void orderOf(record, field, which))
}

/** The record with the least or greatest value of a field; of equals the first. */
export function extremeRecord(field: string, which: 'least' | 'greatest'): ErasedProcessFunction {
  const fold = (before: Fields, record: Fields): Fields => (isBeyond(record, before, field, which) ? record : before)
  return reduce<Fields>(fold, undefined, (record) => void orderOf(record, field, which))
}

/** `NaN` is the greatest of numbers, as for Java's `Double.compare`: else it would stay for ever where it comes first. */
function isBeyond(record: Fields, before: Fields, field: string, which: 'least' | 'greatest'): boolean {
  const candidate = orderOf(record, field, which)
  const best = orderOf(before, field, which)
  if (typeof candidate !== typeof best && (typeof candidate === 'string' || typeof best === 'string')) {
    const expected = `a ${typeof best}, as in the records before it`
    throw invalidField(which === 'least' ? 'min' : 'max', field, expected, record[field])
  }
  if (which === 'least') return candidate < best || (Number.isNaN(best) && !Number.isNaN(candidate))
  return candidate > best || (Number.isNaN(candidate) && !Number.isNaN(best))
}

/** What a field is compared by. */
function orderOf(record: Fields, field: string, which: 'least' | 'greatest'): number | bigint | string | boolean {
  const value = record[field]
  if (typeof value === 'number' || typeof value === 'string' || typeof value === 'bigint' || typeof value === 'boolean') return value
  if (value instanceof Date) return value.getTime()
  throw invalidField(which === 'least' ? 'min' : 'max', field, 'a number, bigint, string, boolean or Date', value)
}

function invalidField(call: string, field: string, expected: string, value: unknown): Error {
  return engineError('FIELD_INVALID', { call, field, expected, value: inspect(value, { depth: 0, maxStringLength: 80 }) })
}
