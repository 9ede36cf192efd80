import assert from 'node:assert/strict'
import { test } from 'node:test'
import { discard } from '../connectors/discard.ts'
import { describeJob } from '../graph/describe.ts'
import { describeAsMermaid } from '../graph/describe-mermaid.ts'
import { describeAsText } from '../graph/describe-text.ts'
import { planJob } from '../graph/plan.ts'
import { graphWarnings } from '../graph/warnings.ts'
import { buildJob } from './build-job.ts'
import { defineJob, isJob } from './job.ts'
import { map, value } from './state.ts'
import { type } from './types.ts'

const order = { id: 'a', amount: 5 }

/** One of everything. */
const job = defineJob('everything', { params: { limit: 3 } }, (env, { limit }) => {
  env.checkpointing.interval = '1s'
  env.restart.strategy = { kind: 'fixed-delay', attempts: 3, delay: '10s' }
  const orders = env.fromCollection([order], { uid: 'orders', name: 'order list' })
  const checked = orders
    .keyBy((o) => o.id)
    .process({
      emits: type<string>(),
      sides: { small: type<number>(), late: type<number>() },
      state: { z: value<number>({ version: 2, migrate: Number }), a: map<string, number>() },
      onError: 'side',
      onElement: (o, ctx) => (o.amount > limit ? ctx.emit(o.id) : ctx.emitTo('small', o.amount)),
      onEventTimer: () => {},
    })
    .uid('check')
    .parallelism(2)
    .maxParallelism(64)
  checked.side.small
    .map((n) => n)
    .partition((n, partitions) => n % partitions)
    .sinkTo(discard<unknown>())
    .uid('small')
    .name('small ones')
  checked.failures
    .map((failure) => failure.error.message)
    .chain('never')
    .sinkTo(discard<unknown>())
  const rules = env.fromCollection([{ limit: 1 }]).broadcast({ rules: map<string, number>() })
  checked
    .union(orders.map((o) => o.id))
    .connect(rules)
    .process({ onElement: () => {}, onBroadcast: () => {} })
})

test('the graph of one of everything', () => {
  const { graph, functions } = buildJob(job)
  assert.deepEqual(
    graph.operators.map(({ id, kind, name, uid, parallelism, states, sides }) => [
      id,
      kind,
      name,
      uid,
      parallelism,
      states.map((s) => s.name),
      sides,
    ]),
    [
      [0, 'source', 'order list', 'orders', 1, [], []],
      [1, 'keyed-process', 'check', 'check', 2, ['a', 'z'], ['late', 'small']],
      [2, 'map', 'map', undefined, undefined, [], []],
      [3, 'sink', 'small ones', 'small', undefined, [], []],
      [4, 'map', 'map', undefined, undefined, [], []],
      [5, 'sink', 'discard sink', undefined, undefined, [], []],
      [6, 'source', 'collection source', undefined, 1, [], []],
      [7, 'map', 'map', undefined, undefined, [], []],
      [8, 'broadcast-process', 'process', undefined, undefined, ['rules'], []],
    ],
  )
  assert.deepEqual(
    graph.edges.map(({ from, output, to, input, partitioning, chosen }) => [from, output.kind, to, input, partitioning, chosen === true]),
    [
      [0, 'main', 1, 0, 'hash', true],
      [1, 'side', 2, 0, 'forward', false],
      [2, 'main', 3, 0, 'custom', true],
      [1, 'failures', 4, 0, 'forward', false],
      [4, 'main', 5, 0, 'forward', false],
      [0, 'main', 7, 0, 'forward', false],
      [1, 'main', 8, 0, 'forward', false],
      [7, 'main', 8, 0, 'forward', false],
      [6, 'main', 8, 1, 'broadcast', true],
    ],
  )
  assert.deepEqual(graph.operators[1], {
    id: 1,
    kind: 'keyed-process',
    name: 'check',
    uid: 'check',
    stateId: 'check',
    parallelism: 2,
    maxParallelism: 64,
    chaining: 'always',
    states: [
      { name: 'a', kind: 'map', version: 1 },
      { name: 'z', kind: 'value', version: 2 },
    ],
    timers: true,
    sides: ['late', 'small'],
    onError: 'side',
  })
  assert.deepEqual(graph.operators[8]!.states, [{ name: 'rules', kind: 'broadcast', version: 1 }])
  assert.deepEqual(graph.settings, {
    checkpointing: { interval: '1s' },
    restart: { strategy: 'fixed-delay', fixedDelay: { attempts: 3, delay: '10s' } },
  })
  assert.deepEqual(
    [...functions.operators.keys()],
    graph.operators.map((operator) => operator.id),
  )
  assert.deepEqual(
    [...functions.operators.values()].map((each) => each.kind),
    graph.operators.map((operator) => operator.kind),
  )
  assert.equal(functions.keySelectors.get(0)!(order), 'a')
  assert.deepEqual([...functions.keySelectors.keys()], [0])
  assert.deepEqual([...functions.partitioners.keys()], [2])
  assert.equal(functions.partitioners.get(2)!(7, 4), 3)
})

test('the graph is plain frozen data', () => {
  const { graph } = buildJob(job)
  assert.deepEqual(JSON.parse(JSON.stringify(structuredClone(graph))), JSON.parse(JSON.stringify(graph)))
  const frozen = (data: unknown): boolean =>
    typeof data !== 'object' || data === null || (Object.isFrozen(data) && Object.values(data).every(frozen))
  assert.ok(frozen(graph))
})

test('a rebuilt job has the same graph, ids and fingerprint', () => {
  const [first, second] = [buildJob(job), buildJob(job)]
  assert.deepEqual(second.graph, first.graph)
  assert.notEqual(second.functions, first.functions)
  const plans = [first, second].map(({ graph }) => planJob(graph, { parallelism: 3 }))
  assert.equal(plans[1]!.fingerprint, plans[0]!.fingerprint)
  assert.equal(planJob(buildJob(job, { params: { limit: 9 } }).graph, { parallelism: 3 }).fingerprint, plans[0]!.fingerprint)
})

test('derived ids are those of this release for ever: state is stored under them', () => {
  const derived = buildJob(job)
    .graph.operators.filter((operator) => operator.uid === undefined)
    .map((operator) => operator.stateId)
  assert.deepEqual(derived, [
    'auto-fdbea19f8400a4d5',
    'auto-fd8f223c2fe1f27b',
    'auto-e78fe00169a65ccf',
    'auto-06cc9f36ada5ce88',
    'auto-2bef07b428769cac',
    'auto-61ecdaefc858e767',
  ])
})

test('settings are frozen with the job, a job is recognised', () => {
  let settings: object | undefined
  buildJob(
    defineJob('frozen', (env) => {
      settings = env.checkpointing
      env.fromCollection([1]).sinkTo(discard())
    }),
  )
  assert.ok(Object.isFrozen(settings))
  assert.ok(isJob(job))
  for (const other of [undefined, null, 5, () => {}, { name: 'job' }]) assert.ok(!isJob(other))
})

test('two mappings of a connected stream emit, also from promises', async () => {
  const { functions } = buildJob(
    defineJob('co-map', (env) => {
      env
        .fromCollection([1])
        .connect(env.fromCollection(['a']))
        .map(
          (n) => n * 2,
          async (s) => `${s}!`,
        )
        .sinkTo(discard<unknown>())
    }),
  )
  const operator = functions.operators.get(2)!
  assert.equal(operator.kind, 'co-process')
  const { fn } = operator as { readonly fn: { onLeft(v: unknown, ctx: unknown): unknown; onRight(v: unknown, ctx: unknown): unknown } }
  const emitted: unknown[] = []
  const ctx = { emit: (v: unknown): void => void emitted.push(v) }
  assert.equal(fn.onLeft(4, ctx), undefined)
  await fn.onRight('b', ctx)
  assert.deepEqual(emitted, [8, 'b!'])
  assert.equal(fn.onRight.constructor.name, 'AsyncFunction')
})

test('warnings: derived ids of state, output and failures that nobody reads', () => {
  const { graph } = buildJob(job)
  assert.deepEqual(
    graphWarnings(graph, 'filesystem').map(({ code, operator }) => [code, operator]),
    [
      ['UID_DERIVED', 6],
      ['UID_DERIVED', 8],
    ],
  )
  const unread = buildJob(
    defineJob('unread', (env) => {
      env
        .fromCollection([1], { uid: 'in' })
        .process({ emits: type<number>(), onError: 'side', onElement: () => {} })
        .sinkTo(discard())
      env.fromCollection([1], { uid: 'unused' })
    }),
  )
  assert.deepEqual(
    graphWarnings(unread.graph, 'filesystem').map((warning) => warning.code),
    ['FAILURES_UNREAD', 'OUTPUT_UNUSED'],
  )
})

const texts: readonly (readonly string[])[] = [
  ['  0  source "order list", uid orders', '       collection: replayable, bounded'],
  [
    'Task 1: 2 subtasks, 64 key groups',
    '  1  keyed-process, uid check',
    '       from 0: hash',
    '       state: a (map), z (value, version 2)',
    '       timers',
    '       side outputs: late, small',
    '       failures go to a side output',
    '  2  map "map", derived id auto-fdbea19f8400a4d5',
    '       from 1, side output small: chained',
  ],
  ['  3  sink "small ones", uid small', '       from 2: custom', '       discard: delivery none'],
  ['  4  map "map", derived id auto-fd8f223c2fe1f27b', '       from 1, failures: forward'],
  ['       from 1: forward', '       from 7: forward', '       from 6: broadcast', '       state: rules (broadcast)'],
  [
    'End-to-end guarantee: none',
    '  order list to small ones: none. "small ones" promises nothing: after a failure results may be missing or repeated.',
  ],
]

const drawings: readonly (readonly string[])[] = [
  ['  subgraph t0["task 0 × 1"]', '    o0(["order list<br/>uid orders"])', '  end'],
  ['  subgraph t1["task 1 × 2"]', '    o1["check<br/>a: map<br/>z: value"]', '    o2["map"]', '  end'],
  ['    o3[("small ones<br/>uid small")]'],
  ['  o0 -->|"hash"| o1', '  o1 -->|"side small"| o2', '  o2 -->|"custom"| o3', '  o1 -->|"failures, forward"| o4'],
]

test('the description as text, Mermaid and JSON', () => {
  const plan = planJob(buildJob(job).graph, { parallelism: 2 })
  const description = describeJob(plan, { interval: 1000, mode: 'exactly-once', storage: 'filesystem' })
  assert.deepEqual(JSON.parse(JSON.stringify(description)), description)
  const text = describeAsText(description)
  assert.ok(text.startsWith(`Job everything, fingerprint ${plan.fingerprint.slice(0, 16)}\nParameters: limit = 3\n\nTask 0: 1 subtask\n`))
  for (const lines of texts) assert.ok(text.includes(`\n${lines.join('\n')}\n`), `${lines.join('\n')}\n--- is not in\n${text}`)
  const mermaid = describeAsMermaid(description)
  for (const lines of drawings) assert.ok(mermaid.includes(`\n${lines.join('\n')}\n`), `${lines.join('\n')}\n--- is not in\n${mermaid}`)
})

test('names cannot break out of a Mermaid label', () => {
  const hostile = defineJob('hostile', (env) => {
    env.fromCollection([1]).name('"] --> x["<script>#quot;`').sinkTo(discard())
  })
  const mermaid = describeAsMermaid(
    describeJob(planJob(buildJob(hostile).graph, { parallelism: 1 }), { interval: undefined, mode: 'exactly-once', storage: 'memory' }),
  )
  assert.match(mermaid, /o0\(\["#34;#93; --#62; x#91;#34;#60;script#62;#35;quot#59;#96;"\]\)/)
})
