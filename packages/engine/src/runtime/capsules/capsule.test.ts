import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { defineJob } from '../../api/job.ts'
import { type } from '../../api/types.ts'
import { list, map, value, type ListState, type MapState, type ValueState } from '../../api/state.ts'
import { discard } from '../../connectors/discard.ts'
import { hashKey } from '../../keys/hash.ts'
import { OperatorFailure } from '../../operators/failure.ts'
import { KeyedState } from '../../state/keyed-state.ts'
import type { BuiltSubtask } from '../slot/subtask-builder.ts'
import { writeCapsule } from './capsule.ts'
import { replayCrash, stored } from './replay.ts'

void test('what users write cannot become part of the program, nor another prototype', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-capsule-'))
  try {
    const record: unknown = JSON.parse('{"__proto__":{"isAdmin":true},"n":1}')
    const site = { operator: 'parse', stateId: 'parse', subtask: 0, during: 'map', position: undefined, record }
    const failure = new OperatorFailure(site, new Error('no\u2028process.exit(7)\u2029process.exit(8)\nprocess.exit(9)'))
    const task = { parts: { subtask: 0 }, chain: { operators: [{ host: { node: { stateId: 'parse' } } }], cursor: { timestamp: 5 } } }
    const subtask = { task, keyed: () => undefined } as unknown as BuiltSubtask
    const written = await writeCapsule(failure, [subtask], { dir, limit: 1, modulePath: join(dir, 'job.ts'), params: {}, now: () => 0 })
    const program = await readFile(written!.path, 'utf8')
    assert.match(program, /record: stored\("/)
    for (const line of program.split(/[\r\n\u2028\u2029]/)) assert.ok(!line.startsWith('process.exit'), line)
  } finally {
    await rm(dir, { recursive: true })
  }
})

/** Writes the capsule of a failed operator `parse` of a kind, and answers the program. */
async function capsuleOf(
  facts: { readonly record: unknown; readonly kind?: string; readonly keyed?: Pick<KeyedState, 'exportKey'> },
  folder = 'crashes',
): Promise<[string, string] | undefined> {
  const parent = await mkdtemp(join(tmpdir(), 'millrace-capsule-'))
  try {
    const { record, kind = 'process', keyed: state = { exportKey: () => ({ total: 5n }) } } = facts
    const site = { operator: 'parse', stateId: 'parse', subtask: 0, during: 'onElement', position: undefined, record, key: 7n }
    const operators = [{ host: { node: { stateId: 'parse', kind } } }]
    const task = { parts: { subtask: 0 }, chain: { operators, cursor: { timestamp: 5 } } }
    const keyed = (): object => state
    const options = { dir: join(parent, folder), limit: 1, modulePath: join(parent, 'job.ts'), params: {}, now: () => 0 }
    const written = await writeCapsule(new OperatorFailure(site, new Error('no')), [{ task, keyed } as unknown as BuiltSubtask], options)
    return written && [await readFile(written.path, 'utf8'), written.command]
  } finally {
    await rm(parent, { recursive: true })
  }
}

void test('what JSON refuses is in a capsule all the same', async () => {
  for (const record of [1n, { id: 5n }, new Map([[1n, undefined]])]) {
    const [program] = (await capsuleOf({ record }))!
    const said = /record: stored\("([^"]+)"\)/.exec(program)
    assert.deepEqual(stored(said![1]!), record)
    assert.match(program, /key: stored\(.*\/\* 7n \*\//)
    assert.match(program, /state: stored\(.*\{ total: 5n \}/)
  }
})

class Money {
  readonly cents: number
  constructor(cents: number) {
    this.cents = cents
  }
}

interface Prices {
  readonly price: ValueState<Money>
  readonly recent: ValueState<Money>
  readonly none: ValueState<Money>
  readonly all: ListState<Money>
  readonly late: ListState<Money>
  readonly by: MapState<string, Money>
}

void test('state with a codec is in a capsule as that writes it, and comes back as what it was', async () => {
  const codec = {
    encode: ({ cents }: Money) => Buffer.from(String(cents)),
    decode: (bytes: Uint8Array) => new Money(Number(Buffer.from(bytes).toString())),
  }
  const keyed = (): KeyedState => {
    const states = {
      price: value<Money>({ codec }),
      recent: value<Money>({ codec, ttl: '1h' }),
      none: value<Money>({ codec }),
      all: list<Money>({ codec }),
      late: list<Money>({ codec, ttl: '1h' }),
      by: map<string, Money>({ codec }),
    }
    const state = new KeyedState({
      operator: 'parse',
      states,
      maxParallelism: 1,
      keyGroups: { first: 0, end: 1 },
      clock: { now: () => 0 },
    })
    state.use(7n, hashKey(7n))
    return state
  }
  const pricesOf = ({ handles }: KeyedState): unknown => {
    const { price, recent, none, all, late, by } = handles as unknown as Prices
    return [price.get(), recent.get(), none.get(), [...all.get()], [...late.get()], [...by.entries()]]
  }
  const failed = keyed()
  const { price, recent, all, late, by } = failed.handles as unknown as Prices
  price.set(new Money(5))
  recent.set(new Money(6))
  all.addAll([new Money(1), new Money(2)])
  late.addAll([new Money(3), new Money(4)])
  by.set('tea', new Money(7))
  const [program] = (await capsuleOf({ record: 1, keyed: failed }))!
  const again = keyed()
  const said = stored(/state: stored\("([^"]+)"\)/.exec(program)![1]!)
  again.importKey(7n, hashKey(7n), said as { readonly [name: string]: unknown })
  // Classes count.
  assert.deepEqual(pricesOf(again), pricesOf(failed))
})

void test('its command can be copied into a shell, wherever it lies', async () => {
  const [program, command] = (await capsuleOf({ record: 1 }, "it's here"))!
  assert.match(command, /node --inspect-brk .*'.*it'\\''s here\/.*\.mjs'$/)
  assert.ok(program.includes(`// Debug it: ${command} `))
})

void test('of a sink it holds the record, and says that it is not run again; without a record there is none', async () => {
  assert.match((await capsuleOf({ record: { n: 1 }, kind: 'sink' }))![0], /record: \{"n":1\}/)
  assert.equal(await capsuleOf({ record: undefined, kind: 'sink' }), undefined)
  const job = defineJob('sink', (env) => void env.fromCollection([1]).sinkTo(discard()).uid('out'))
  const facts = { stateId: 'out', during: 'write', subtask: 0, params: {}, timestamp: 0, record: 1, key: undefined, state: undefined }
  await assert.rejects(replayCrash(job, facts), { code: 'CAPSULE_OF_SINK' })
})

void test('what an operator emits before it fails is shown, whatever it is', async () => {
  const job = defineJob('emits', (env) => {
    env
      .fromCollection([1])
      .process({
        emits: type<unknown>(),
        onElement(_n, ctx) {
          const cycle: { self?: unknown } = {}
          cycle.self = cycle
          for (const value of [1n, cycle, undefined]) ctx.emit(value)
          throw new Error('the failure')
        },
      })
      .uid('emit')
      .sinkTo(discard())
  })
  const facts = { stateId: 'emit', during: 'onElement', subtask: 0, params: {}, timestamp: 0, record: 1, key: undefined, state: undefined }
  await assert.rejects(replayCrash(job, facts), /the failure/)
})

void test('only capsules make room for capsules, whatever else lies in their folder', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-capsule-'))
  try {
    const others = ['0.mjs', '2026-01-01.mjs', 'eslint.config.mjs']
    for (const name of others) await writeFile(join(dir, name), '')
    const site = { operator: 'parse', stateId: 'parse', subtask: 0, during: 'map', position: undefined, record: 1 }
    const task = { parts: { subtask: 0 }, chain: { operators: [{ host: { node: { stateId: 'parse' } } }], cursor: { timestamp: 5 } } }
    const subtask = { task, keyed: () => undefined } as unknown as BuiltSubtask
    const paths: string[] = []
    for (const ms of [1, 2, 3]) {
      const options = { dir, limit: 2, modulePath: join(dir, 'job.ts'), params: {}, now: () => ms }
      paths.push((await writeCapsule(new OperatorFailure(site, new Error('no')), [subtask], options))!.path)
    }
    assert.deepEqual((await readdir(dir)).toSorted(), [...others, ...paths.slice(1).map((path) => basename(path))].toSorted())
  } finally {
    await rm(dir, { recursive: true })
  }
})

void test('an operator with broadcast state is run again with its states, empty', async () => {
  const job = defineJob('rules', (env) => {
    const rules = env.fromCollection([1]).broadcast({ rules: map<string, number>() })
    env
      .fromCollection([1])
      .connect(rules)
      .process({
        onElement(_n, ctx) {
          throw new Error(`${ctx.broadcast.rules.size} rules`)
        },
        onBroadcast: () => {},
      })
      .uid('apply')
      .sinkTo(discard())
  })
  const facts = { stateId: 'apply', during: 'onElement', subtask: 0, params: {}, timestamp: 0, record: 1, key: undefined, state: undefined }
  await assert.rejects(replayCrash(job, facts), /0 rules/)
})

void test('a timer that failed is run again at its time, with its key', async () => {
  const job = defineJob('timers', (env) => {
    env
      .fromCollection([1])
      .keyBy((n) => n)
      .process({
        onElement: () => {},
        async onEventTimer(time, ctx) {
          throw new Error(`timer ${time} of ${ctx.key}`)
        },
      })
      .uid('wait')
      .sinkTo(discard())
  })
  const facts = { stateId: 'wait', during: 'onEventTimer', subtask: 0, params: {}, timestamp: 7, record: 7, key: 3, state: undefined }
  await assert.rejects(replayCrash(job, facts), /timer 7 of 3/)
})
