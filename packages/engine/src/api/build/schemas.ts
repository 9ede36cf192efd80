import { engineError } from '../../errors.ts'
import { isAsyncFunction } from '../../operators/thenable.ts'
import type { Emitter } from '../contexts.ts'
import type { ErasedProcessFunction } from '../functions.ts'
import { isStandardSchema, judge } from '../standard-schema.ts'
import type { SideTypes } from '../types.ts'

const declarations = ['emits', 'sides', 'state', 'operatorState', 'onError', 'capacity'] as const
const methods = ['finish', 'onElement', 'onLeft', 'onRight', 'onBroadcast', 'onEventTimer', 'onProcessingTimer'] as const

type Method = (argument: unknown, ctx?: unknown) => unknown
type Check = (value: unknown) => unknown

/** A process function whose emitted values pass through the Standard Schemas it declares; without one, the function as it is. */
export function validated(operator: string, fn: ErasedProcessFunction): ErasedProcessFunction {
  const main = checkOf(operator, 'emits', fn.emits)
  const sides = new Map(Object.entries(fn.sides ?? {}).map(([name, declared]) => [name, checkOf(operator, `sides.${name}`, declared)]))
  if (main === undefined && ![...sides.values()].some((check) => check !== undefined)) return fn
  const checked = new WeakMap<object, ValidatingContext>()
  const contextOf = (ctx: unknown): ValidatingContext => {
    const inner = ctx as Erased
    const known = checked.get(inner)
    if (known !== undefined) return known
    const made = new ValidatingContext(inner, main, sides)
    checked.set(inner, made)
    return made
  }
  const wrapped = methods.flatMap((name) => {
    const method = fn[name] as Method | undefined
    if (method === undefined) return []
    const call: Method = (argument, ctx) =>
      ctx === undefined ? method.call(fn, contextOf(argument)) : method.call(fn, argument, contextOf(ctx))
    // Whether a function is async is seen by its kind, before it is called.
    return [[name, isAsyncFunction(method) ? async (argument: unknown, ctx?: unknown) => call(argument, ctx) : call] as const]
  })
  // Of a class, declarations may be getters of the prototype, which a spread leaves behind.
  const declared = declarations.flatMap((name) => (fn[name] === undefined ? [] : [[name, fn[name]] as const]))
  return {
    ...fn,
    ...Object.fromEntries(declared),
    ...(fn.open === undefined ? {} : { open: (ctx: unknown) => fn.open?.(ctx) }),
    ...(fn.close === undefined ? {} : { close: () => fn.close?.() }),
    ...Object.fromEntries(wrapped),
  }
}

function checkOf(operator: string, declaration: string, declared: unknown): Check | undefined {
  if (!isStandardSchema(declared)) return undefined
  return (value) => {
    const verdict = judge(declared, value)
    if (verdict.kind === 'valid') return verdict.value
    if (verdict.kind === 'async') throw engineError('SCHEMA_ASYNC', { operator, declaration })
    throw engineError('EMITTED_INVALID', { operator, declaration, problem: verdict.problem })
  }
}

type Erased = Emitter<unknown, SideTypes> & { readonly [member in KeyedMember]: unknown }
type KeyedMember = 'key' | 'state' | 'operatorState' | 'eventTimers' | 'processingTimers' | 'broadcast'

/** A context seen through its schemas. Every member is asked of the inner one at each use, as it may be revoked. */
class ValidatingContext {
  readonly #inner: Erased
  readonly #main: Check | undefined
  readonly #sides: ReadonlyMap<string, Check | undefined>

  constructor(inner: Erased, main: Check | undefined, sides: ReadonlyMap<string, Check | undefined>) {
    this.#inner = inner
    this.#main = main
    this.#sides = sides
  }

  emit(value: unknown): void {
    this.#inner.emit(this.#main === undefined ? value : this.#main(value))
  }
  emitTo(name: string, value: unknown): void {
    const check = this.#sides.get(name)
    this.#inner.emitTo(name, check === undefined ? value : check(value))
  }
  get timestamp(): number {
    return this.#inner.timestamp
  }
  get subtask(): number {
    return this.#inner.subtask
  }
  get signal(): unknown {
    return this.#inner.signal
  }
  get log(): unknown {
    return this.#inner.log
  }
  get metrics(): unknown {
    return this.#inner.metrics
  }
  get key(): unknown {
    return this.#inner.key
  }
  get state(): unknown {
    return this.#inner.state
  }
  get operatorState(): unknown {
    return this.#inner.operatorState
  }
  get eventTimers(): unknown {
    return this.#inner.eventTimers
  }
  get processingTimers(): unknown {
    return this.#inner.processingTimers
  }
  get broadcast(): unknown {
    return this.#inner.broadcast
  }
}
