import assert from 'node:assert/strict'
import { test } from 'node:test'
import { discard } from '../connectors/discard.ts'
import { generator } from '../connectors/generator/generator.ts'
import { planJob } from '../graph/plan.ts'
import { requireUids } from '../graph/warnings.ts'
import { buildJob } from './build-job.ts'
import type { Environment } from './environment.ts'
import { defineJob } from './job.ts'
import { raw, rawKeyed, splitList } from './operator-state.ts'
import { aggregating, map, value } from './state.ts'
import type { StreamView } from './stream.ts'
import { type } from './types.ts'
import { watermarks } from './watermarks.ts'

/** What the types refuse, written as someone who does not compile with types would. */
interface Loose {
  [call: string]: (...args: unknown[]) => Loose
}
interface LooseEnvironment extends Omit<Environment, 'restart'> {
  readonly checkpointing: Environment['checkpointing'] & { intervall?: unknown; [option: string]: unknown }
  readonly restart: { strategy?: unknown }
}

const noop = (): void => {}
type Building = Pick<Environment, 'fromCollection'>
const numbers = (env: Building): StreamView<number> => env.fromCollection([1, 2, 3])
const loose = (env: Building): Loose => numbers(env) as unknown as Loose
const keyed = (env: Building): Loose => loose(env)['keyBy']!((n: unknown) => n)

let foreign: StreamView<number> | undefined
let late: Environment | undefined
buildJob(
  defineJob('other', (env) => {
    late = env
    foreign = numbers(env)
    foreign.sinkTo(discard())
  }),
)

type Mistake = readonly [what: string, code: string, message: RegExp, build: (env: LooseEnvironment) => unknown]

const mistakes: readonly Mistake[] = [
  ['no sink', 'JOB_EMPTY', /"?mistake"? has no sink/, (env) => numbers(env).map((n) => n)],
  ['nothing at all', 'JOB_EMPTY', /no sink/, noop],
  ['async build', 'JOB_BUILD_ASYNC', /must be synchronous/, async (env) => numbers(env).sinkTo(discard())],
  [
    'a build that throws',
    'JOB_BUILD_THROWS',
    /build function of job mistake threw: no such region/,
    () => {
      throw new Error('no such region')
    },
  ],
  ['after the build', 'JOB_BUILT', /fromSource was called after/, () => late!.fromCollection([1])],

  [
    'a capacity of nothing',
    'ARGUMENT_INVALID',
    /process: capacity must be a whole number from 1 to 1000000, and is 0/,
    (env) => loose(env)['process']!({ onElement: noop, capacity: 0 }),
  ],
  [
    'a capacity as a text',
    'ARGUMENT_INVALID',
    /capacity must be .* and is '10'/,
    (env) => loose(env)['process']!({ onElement: noop, capacity: '10' }),
  ],
  [
    'broadcast state that is to change later',
    'ARGUMENT_INVALID',
    /onBroadcast must be no async function/,
    (env) => {
      const rules = numbers(env).broadcast({ rules: map<string, number>() })
      return (numbers(env).connect(rules) as unknown as Loose)['process']!({ onElement: noop, onBroadcast: async () => {} })
    },
  ],
  [
    'an option of state that there is not',
    'STATE_INVALID',
    /"last" of "?process"? is declared with the option tll, which there is not; did you mean ttl\?/,
    (env) => keyed(env)['process']!({ state: { last: value({ tll: '1h' } as never) }, onElement: noop }),
  ],
  [
    'a ttl that is no duration',
    'STATE_INVALID',
    /"last" of "?process"? is declared with a ttl of soon/,
    (env) => keyed(env)['process']!({ state: { last: value({ ttl: 'soon' as never }) }, onElement: noop }),
  ],
  [
    'a schema that is none',
    'STATE_INVALID',
    /"last" of "?process"? is declared with a schema/,
    (env) => keyed(env)['process']!({ state: { last: value({ schema: {} as never }) }, onElement: noop }),
  ],
  [
    'a ttl of broadcast state',
    'STATE_INVALID',
    /"rule" of "?process"? has a ttl, which broadcast state cannot have/,
    (env) =>
      numbers(env)
        .connect(numbers(env).broadcast({ rule: value<number>({ ttl: 5 }) }))
        .process({ onElement: noop, onBroadcast: noop }),
  ],
  [
    'operator state that is declared per key',
    'STATE_INVALID',
    /"last" of "?process"? must be declared with splitList/,
    (env) => loose(env)['process']!({ operatorState: { last: value() }, onElement: noop }),
  ],
  [
    'operator state with a ttl',
    'STATE_INVALID',
    /"last" of "?process"? has a ttl, which only keyed state has/,
    (env) => loose(env)['process']!({ operatorState: { last: splitList({ ttl: 5 } as never) }, onElement: noop }),
  ],
  [
    'raw state without restore',
    'STATE_INVALID',
    /"raw" of "?process"? needs the function restore/,
    (env) => loose(env)['process']!({ operatorState: { raw: raw({ create: noop, snapshot: noop } as never) }, onElement: noop }),
  ],
  [
    'keyed raw state without keys',
    'STATE_NOT_KEYED',
    /keyed raw state "raw"/,
    (env) => loose(env)['process']!({ operatorState: { raw: rawKeyed({ create: noop, snapshot: noop, restore: noop }) }, onElement: noop }),
  ],
  [
    'a name for two states',
    'STATE_INVALID',
    /"last" of "?process"? is declared both per key and for the operator/,
    (env) => keyed(env)['process']!({ state: { last: value() }, operatorState: { last: splitList() }, onElement: noop }),
  ],

  [
    'uid twice',
    'UID_DUPLICATE',
    /"a" is used twice: by "map".*mistakes\.table\.test\.ts:\d+.* and by "map"/,
    (env) =>
      [1, 2].map(() =>
        numbers(env)
          .map((n) => n)
          .uid('a'),
      ),
  ],
  [
    'uid of a source and a sink',
    'UID_DUPLICATE',
    /"a" is used twice/,
    (env) => env.fromCollection([1], { uid: 'a' }).sinkTo(discard()).uid('a'),
  ],
  [
    'uid of a derived id',
    'UID_RESERVED',
    /does not begin with "auto-"/,
    (env) =>
      numbers(env)
        .map((n) => n)
        .uid('auto-0123'),
  ],
  [
    'empty uid',
    'NAME_INVALID',
    /uid '' must be 1 to 255/,
    (env) =>
      numbers(env)
        .map((n) => n)
        .uid(''),
  ],
  [
    'uid of a union',
    'NOT_AN_OPERATOR',
    /\.uid\(\) was called on a union/,
    (env) => (numbers(env).union(numbers(env)) as unknown as Loose)['uid']!('a'),
  ],
  ['uid of a partitioning', 'NOT_AN_OPERATOR', /on a partitioning/, (env) => loose(env)['partition']!('shuffle')['uid']!('a')],
  [
    'parallelism of a union',
    'NOT_AN_OPERATOR',
    /\.parallelism\(\)/,
    (env) => (numbers(env).union(numbers(env)) as unknown as Loose)['parallelism']!(2),
  ],
  [
    'name with a line feed',
    'NAME_INVALID',
    /name 'a\\nb'/,
    (env) =>
      numbers(env)
        .map((n) => n)
        .name('a\nb'),
  ],
  [
    'name of 256 characters',
    'NAME_INVALID',
    /1 to 255/,
    (env) =>
      numbers(env)
        .map((n) => n)
        .name('a'.repeat(256)),
  ],

  [
    'parallelism 0',
    'ARGUMENT_INVALID',
    /parallelism: .* whole number from 1 to 32768, and is 0/,
    (env) =>
      numbers(env)
        .map((n) => n)
        .parallelism(0),
  ],
  [
    'parallelism 1.5',
    'ARGUMENT_INVALID',
    /and is 1\.5/,
    (env) =>
      numbers(env)
        .map((n) => n)
        .parallelism(1.5),
  ],
  ['parallelism of a source', 'ARGUMENT_INVALID', /and is -1/, (env) => env.fromCollection([1], { parallelism: -1 })],
  [
    'maxParallelism 32769',
    'ARGUMENT_INVALID',
    /maxParallelism: /,
    (env) =>
      numbers(env)
        .map((n) => n)
        .maxParallelism(32_769),
  ],
  [
    'parallelism above max',
    'PARALLELISM_ABOVE_MAX',
    /parallelism 8 of "map".*maxParallelism 4/,
    (env) =>
      numbers(env)
        .map((n) => n)
        .maxParallelism(4)
        .parallelism(8)
        .sinkTo(discard()),
  ],
  [
    'chained as what',
    'ARGUMENT_INVALID',
    /one of always, never, start/,
    (env) =>
      numbers(env)
        .map((n) => n)
        .chain('sometimes' as never),
  ],
  ['no such partitioning', 'ARGUMENT_INVALID', /one of forward, rebalance/, (env) => numbers(env).partition('robin' as never)],

  [
    'state without keyBy',
    'STATE_NOT_KEYED',
    /process declares state, .* call keyBy first/,
    (env) => loose(env)['process']!({ state: { a: value() }, onElement: noop }),
  ],
  [
    'timer without keyBy',
    'STATE_NOT_KEYED',
    /declares onEventTimer/,
    (env) => loose(env)['process']!({ onEventTimer: noop, onElement: noop }),
  ],
  [
    'state of unkeyed inputs',
    'STATE_NOT_KEYED',
    /state/,
    (env) => loose(env)['connect']!(numbers(env))['process']!({ state: { a: value() }, onLeft: noop, onRight: noop }),
  ],
  [
    'state that is none',
    'STATE_INVALID',
    /state "a" of process must be declared with value\(\)/,
    (env) => keyed(env)['process']!({ state: { a: 0 }, onElement: noop }),
  ],
  [
    'state that is no object',
    'ARGUMENT_INVALID',
    /an object of declarations/,
    (env) => keyed(env)['process']!({ state: 1, onElement: noop }),
  ],
  [
    'state without a name',
    'STATE_INVALID',
    /state "" .* must have a name/,
    (env) => keyed(env)['process']!({ state: { '': value() }, onElement: noop }),
  ],
  [
    'version 0',
    'STATE_INVALID',
    /whole version of 1 or more, and has 0/,
    (env) => keyed(env)['process']!({ state: { a: value({ version: 0 }) }, onElement: noop }),
  ],
  [
    'migrate that is none',
    'STATE_INVALID',
    /a function as migrate/,
    (env) => keyed(env)['process']!({ state: { a: value({ migrate: 1 as never }) }, onElement: noop }),
  ],
  [
    'half an aggregate',
    'STATE_INVALID',
    /needs the function result/,
    (env) => keyed(env)['process']!({ state: { a: aggregating({ create: noop, add: noop } as never) }, onElement: noop }),
  ],
  ['broadcast state that is none', 'STATE_INVALID', /state "a" of broadcast/, (env) => loose(env)['broadcast']!({ a: 0 })],
  [
    'the same state per key and for the broadcast',
    'STATE_INVALID',
    /declared both per key and for the broadcast/,
    (env) =>
      keyed(env)['connect']!(loose(env)['broadcast']!({ a: map() }))['process']!({
        state: { a: value() },
        onElement: noop,
        onBroadcast: noop,
      }),
  ],

  ['no onElement', 'ARGUMENT_INVALID', /process: onElement must be a function, and is undefined/, (env) => loose(env)['process']!({})],
  ['no onRight', 'ARGUMENT_INVALID', /onRight/, (env) => loose(env)['connect']!(numbers(env))['process']!({ onLeft: noop })],
  ['no function object', 'ARGUMENT_INVALID', /must be an object/, (env) => loose(env)['process']!(undefined)],
  ['open that is none', 'ARGUMENT_INVALID', /open must be a function/, (env) => loose(env)['process']!({ onElement: noop, open: 1 })],
  [
    'onError that is none',
    'ARGUMENT_INVALID',
    /onError must be one of fail, side/,
    (env) => loose(env)['process']!({ onElement: noop, onError: 'skip' }),
  ],
  [
    'a member that is nearly one',
    'ARGUMENT_INVALID',
    /process: a member must be one of .*, and is onEventTimers; did you mean onEventTimer\?/,
    (env) => keyed(env)['process']!({ onElement: noop, onEventTimers: noop }),
  ],
  ['map without function', 'ARGUMENT_INVALID', /map: its argument must be a function/, (env) => loose(env)['map']!('n * 2')],
  ['flatMap without function', 'ARGUMENT_INVALID', /flatMap: /, (env) => loose(env)['flatMap']!()],
  [
    'keyBy of a field name',
    'ARGUMENT_INVALID',
    /keyBy: the key selector must be a function, and is 'id'/,
    (env) => loose(env)['keyBy']!('id'),
  ],
  ['reduce without function', 'ARGUMENT_INVALID', /reduce: /, (env) => keyed(env)['reduce']!()],
  ['half an aggregate', 'ARGUMENT_INVALID', /aggregate: result/, (env) => keyed(env)['aggregate']!({ create: noop, add: noop })],

  [
    'side output undeclared',
    'SIDE_UNDECLARED',
    /declares no side output "lates"; did you mean "late"\?/,
    (env) => (numbers(env).process({ sides: { late: type<number>() }, onElement: noop }).side as unknown as { lates: unknown }).lates,
  ],
  [
    'failures undeclared',
    'FAILURES_OFF',
    /declare onError: 'side'/,
    (env) => (numbers(env).process({ onElement: noop }) as unknown as { failures: unknown }).failures,
  ],

  ['union with itself', 'UNION_REPEATED', /the output of "collection source".* is in it twice/, (env) => ((s) => s.union(s))(numbers(env))],
  ['union with itself, repartitioned', 'UNION_REPEATED', /twice/, (env) => ((s) => s.union(s.partition('shuffle')))(numbers(env))],
  ['union of a foreign stream', 'STREAM_FOREIGN', /union: .* another environment/, (env) => numbers(env).union(foreign!)],
  ['union of no stream', 'ARGUMENT_INVALID', /union: its argument must be a stream/, (env) => loose(env)['union']!([1])],
  ['connect of a foreign stream', 'STREAM_FOREIGN', /connect/, (env) => numbers(env).connect(foreign!)],
  ['connect of keyed and unkeyed', 'CONNECT_MIXED', /key both, or neither/, (env) => keyed(env)['connect']!(numbers(env))],
  ['connect of unkeyed and keyed', 'CONNECT_MIXED', /key both, or neither/, (env) => loose(env)['connect']!(keyed(env))],

  [
    'an option of a source that there is not',
    'ARGUMENT_INVALID',
    /fromSource: an option must be one of uid, name, watermarks, parallelism, and is uidd; did you mean uid\?/,
    (env) => env.fromCollection([1], { uidd: 'a' } as never),
  ],
  [
    'a uid where options belong',
    'ARGUMENT_INVALID',
    /fromSource: .* an object of options, and is 'a'/,
    (env) => env.fromSource(generator({ generate: (n) => n }), 'a' as never),
  ],
  ['a sink that is none', 'ARGUMENT_INVALID', /sinkTo: its argument must be a sink/, (env) => loose(env)['sinkTo']!(() => {})],
  [
    'a delay of watermarks that is no duration',
    'ARGUMENT_INVALID',
    /watermarks\.boundedOutOfOrderness: the first argument must be a duration like '5s', and is 'late'/,
    (env) => env.fromCollection([1], { watermarks: watermarks.boundedOutOfOrderness('late' as '5s', Number) }),
  ],
  [
    'a time to idleness that is no duration',
    'ARGUMENT_INVALID',
    /watermarks\.monotonous: idleAfter must be a duration like '5s', and is -1/,
    (env) => env.fromCollection([1], { watermarks: watermarks.monotonous(Number, { idleAfter: -1 }) }),
  ],
  [
    'an option of watermarks that there is not',
    'ARGUMENT_INVALID',
    /watermarks\.monotonous: an option must be one of idleAfter, and is idlAfter; did you mean idleAfter\?/,
    (env) => env.fromCollection([1], { watermarks: watermarks.monotonous(Number, { idlAfter: '1m' } as never) }),
  ],
  [
    'arguments of watermarks the other way round, as in Flink',
    'ARGUMENT_INVALID',
    /watermarks\.boundedOutOfOrderness: the first argument must be a duration/,
    (env) => env.fromCollection([1], { watermarks: watermarks.boundedOutOfOrderness(Number as never, '5s' as never) }),
  ],
  [
    'a generator of watermarks that is none',
    'ARGUMENT_INVALID',
    /watermarks\.custom: generator must be a function, and is undefined/,
    (env) => env.fromCollection([1], { watermarks: watermarks.custom({ timestamp: Number } as never) }),
  ],
  ['a source that is none', 'ARGUMENT_INVALID', /fromSource: its argument must be a source/, (env) => env.fromSource([1] as never)],
  ['a collection that is none', 'ARGUMENT_INVALID', /fromCollection: /, (env) => env.fromCollection(5 as never)],

  [
    'unknown setting',
    'OPTION_UNKNOWN',
    /the job: there is no option "checkpointing\.intervall"; did you mean "checkpointing\.interval"/,
    (env) => void (env.checkpointing.intervall = '1s'),
  ],
  [
    'a number where settings belong',
    'ARGUMENT_INVALID',
    /env\.checkpointing: it must be set option by option \(env\.checkpointing\.interval = '1s'\), and is 5/,
    (env) => void ((env as { checkpointing: unknown }).checkpointing = 5),
  ],
  [
    'a strategy where settings belong',
    'ARGUMENT_INVALID',
    /env\.restart: it must be set option by option \(env\.restart\.strategy = 'none'\), and is 'none'/,
    (env) => void ((env as { restart: unknown }).restart = 'none'),
  ],
  [
    'setting without a unit',
    'OPTION_INVALID',
    /checkpointing\.interval must be a duration/,
    (env) => void (env.checkpointing.interval = '10' as never),
  ],
  [
    'option of the environment that a job does not set',
    'ARGUMENT_INVALID',
    /env\.paralelism: it must be left out: a job sets env\.checkpointing and env\.restart; other options come from flags.*2/,
    (env) => void ((env as unknown as Record<string, unknown>)['paralelism'] = 2),
  ],
  ['setting out of range', 'OPTION_INVALID', /checkpointing\.numRetained/, (env) => void (env.checkpointing.numRetained = 0)],
  [
    'unknown restart strategy',
    'OPTION_INVALID',
    /restart\.strategy must be one of/,
    (env) => void (env.restart.strategy = { kind: 'forever' }),
  ],
  [
    "another strategy's option",
    'OPTION_UNKNOWN',
    /restart\.fixedDelay\.multiplier/,
    (env) => void (env.restart.strategy = { kind: 'fixed-delay', multiplier: 2 }),
  ],
]

test('mistakes are errors at build, with code and words that say what to do', () => {
  for (const [what, code, message, build] of mistakes) {
    const job = defineJob('mistake', (env) => build(env) as void)
    assert.throws(
      () => buildJob(job),
      (error: Error & { code?: string; who?: string }) => {
        assert.equal(error.code, code, `${what}: ${error.stack}`)
        assert.match(error.message, message, what)
        assert.doesNotMatch(error.message, /\{\w+\}/, `${what}: a detail is missing`)
        return error.who === 'user'
      },
    )
  }
})

test('jobs and their names', () => {
  for (const name of ['', ' a', 'a/b', '..', 'a\n', '-a', 'a'.repeat(129), undefined, 5]) {
    assert.throws(() => defineJob(name as string, noop), { code: 'JOB_NAME_INVALID' }, String(name))
  }
  assert.throws(() => (defineJob as (build: unknown) => unknown)(noop), { message: /^the job name \[Function: noop\] must be/ })
  for (const name of ['a', 'order-alerts', 'Zugriffe 2026.v1_b', 'é']) assert.equal(defineJob(name, noop).name, name)
  assert.throws(() => defineJob('a', undefined as never), { code: 'ARGUMENT_INVALID' })
  assert.throws(() => defineJob('a', { param: { limit: 1 } } as never, noop), {
    message: /an option must be one of params, and is param; did you mean params/,
  })
  assert.throws(() => buildJob({} as never), { code: 'JOB_INVALID' })
  assert.throws(() => buildJob((() => {}) as never), { code: 'JOB_INVALID' })
})

test('what build throws of its own accord is the cause of ours', () => {
  const own = new Error('own')
  assert.throws(
    () =>
      buildJob(
        defineJob('throws', () => {
          throw own
        }),
      ),
    { code: 'JOB_BUILD_THROWS', cause: own },
  )
})

test('explicit forward between parallelisms known only to the plan', () => {
  const { graph } = buildJob(
    defineJob('forward', (env) =>
      numbers(env)
        .partition('forward')
        .map((n) => n)
        .name('double')
        .sinkTo(discard()),
    ),
  )
  assert.throws(() => planJob(graph, { parallelism: 2 }), /from "collection source" \(1 subtask\) to "double" \(2 subtasks\)/)
})

test('requireUids names every stateful operator without one', () => {
  const build = (uids: boolean) =>
    buildJob(
      defineJob('uids', (env) => {
        const counts = env
          .fromCollection(['a'], uids ? { uid: 'words' } : {})
          .map((word) => word.length)
          .keyBy((n) => n)
          .count()
        if (uids) counts.uid('counts')
        counts.sinkTo(discard())
      }),
    ).graph
  assert.throws(() => requireUids(build(false)), { code: 'UID_MISSING', message: /"collection source", "count"/ })
  requireUids(build(true))
})
