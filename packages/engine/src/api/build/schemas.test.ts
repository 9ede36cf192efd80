import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ErasedProcessFunction } from '../functions.ts'
import type { StandardSchema } from '../state.ts'
import { type } from '../types.ts'
import { validated } from './schemas.ts'

function schema<T>(validate: (value: unknown) => unknown): StandardSchema<T> {
  return { '~standard': { version: 1, vendor: 'test', validate } }
}

/** Numbers, doubled; anything else is an issue. */
const doubling = schema<number>((given) =>
  typeof given === 'number'
    ? { value: given * 2 }
    : { issues: [{ message: 'a number', path: ['a', { key: 0 }] }, { message: 'and no other' }] },
)

/** With private members, as real contexts have: a prototype trick would not reach them. */
class Context {
  readonly #emitted: unknown[] = []
  timestamp = 5
  get emitted(): readonly unknown[] {
    return this.#emitted
  }
  get key(): string {
    return `k${this.#emitted.length}`
  }
  emit(value: unknown): void {
    this.#emitted.push(value)
  }
  emitTo(name: string, value: unknown): void {
    this.#emitted.push([name, value])
  }
}

const forwarding: ErasedProcessFunction = {
  onElement: (value, ctx) => (ctx as Context).emit(value),
  finish: (ctx) => (ctx as Context).emitTo('late', 1),
}

test('without a schema a function stays what it is', () => {
  const fn: ErasedProcessFunction = { ...forwarding, emits: type<number>(), sides: { late: type<number>() } }
  assert.equal(validated('op', fn), fn)
})

test('what is emitted is what the schema makes of it, on the output it is declared for', () => {
  const main = new Context()
  const onMain = validated('op', { ...forwarding, emits: doubling, sides: { late: type<number>() } })
  onMain.onElement!(4, main)
  onMain.finish!(main)
  assert.deepEqual(main.emitted, [8, ['late', 1]])
  const side = new Context()
  const onSide = validated('op', { ...forwarding, emits: type<number>(), sides: { late: doubling } })
  onSide.onElement!(4, side)
  onSide.finish!(side)
  assert.deepEqual(side.emitted, [4, ['late', 2]])
})

test('a value that the schema refuses is an error that says where and why', () => {
  const fn = validated('op', { ...forwarding, emits: doubling })
  assert.throws(() => fn.onElement!('4', new Context()), {
    code: 'EMITTED_INVALID',
    message: /op: .* emits declares: a\.0: a number; and no other/,
  })
})

test('a schema that validates asynchronously is refused', () => {
  const fn = validated('op', { ...forwarding, emits: schema(async (given) => ({ value: given })) })
  assert.throws(() => fn.onElement!(4, new Context()), { code: 'SCHEMA_ASYNC' })
})

test('the context is otherwise the same, methods keep their object, async functions stay recognisable', async () => {
  const seen: unknown[] = []
  class Fn implements ErasedProcessFunction {
    readonly emits: unknown = doubling
    readonly #own = 'own'
    opened = 0
    open(): void {
      this.opened++
    }
    onElement(_value: unknown, ctx: unknown): void {
      const { timestamp, key } = ctx as Context
      seen.push(this.#own, timestamp, key)
    }
    async onEventTimer(time: number, ctx: unknown): Promise<void> {
      await Promise.resolve()
      ;(ctx as Context).emit(time)
    }
  }
  const original = new Fn()
  const fn = validated('op', original)
  const ctx = new Context()
  fn.open!(ctx)
  fn.onElement!(1, ctx)
  assert.deepEqual(seen, ['own', 5, 'k0'])
  assert.equal(original.opened, 1)
  assert.equal(fn.onEventTimer!.constructor.name, 'AsyncFunction')
  await fn.onEventTimer!(7, ctx)
  assert.deepEqual(ctx.emitted, [14])
  assert.ok(!('onProcessingTimer' in fn))
})

test('what a class declares by getters is not lost', () => {
  const declared = { sides: { late: type<number>() }, state: {}, operatorState: {}, onError: 'side', capacity: 7 } as const
  class Fn implements ErasedProcessFunction {
    readonly emits: unknown = doubling
    get sides(): typeof declared.sides {
      return declared.sides
    }
    get state(): typeof declared.state {
      return declared.state
    }
    get operatorState(): typeof declared.operatorState {
      return declared.operatorState
    }
    get onError(): 'side' {
      return declared.onError
    }
    get capacity(): number {
      return declared.capacity
    }
    onElement(value: unknown, ctx: unknown): void {
      ;(ctx as Context).emit(value)
    }
  }
  const { emits, sides, state, operatorState, onError, capacity } = validated('op', new Fn())
  assert.deepEqual({ emits, sides, state, operatorState, onError, capacity }, { emits: doubling, ...declared })
})
