// What `millrace plan` says of a restore, and what the restore then does.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import type { MillraceError } from '@millrace/core'
import {
  buildJob,
  defineJob,
  discard,
  generator,
  list,
  map,
  planJob,
  reportRestore,
  splitList,
  startJob,
  unionList,
  value,
  type Job,
  type ListState,
  type MapState,
  type OperatorStateDeclarations,
  type RunningJob,
  type StateCodec,
  type StateDeclarations,
  type ValueState,
} from '../index.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-restore-report-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const KEYS = 7

interface Version {
  readonly state?: StateDeclarations
  readonly operatorState?: OperatorStateDeclarations
  readonly broadcast?: StateDeclarations
}

type Handle = Partial<ValueState<unknown> & ListState<unknown> & MapState<string, unknown>>

/** Something in every state. */
function fill(handles: object, n: number): void {
  for (const handle of Object.values(handles) as Handle[]) {
    if ('entries' in handle) handle.set!('a', n)
    else if ('add' in handle) handle.add(n)
    else (handle as ValueState<unknown>).set(n)
  }
}

function jobOf({ state = {}, operatorState = {}, broadcast = {} }: Version): Job {
  return defineJob('versions', (env) => {
    const numbers = (uid: string): ReturnType<typeof env.fromSource<number>> =>
      env.fromSource(generator<number>({ generate: (n) => n, ratePerSecond: 2_000 }), { uid })
    numbers('numbers')
      .keyBy((n) => n % KEYS)
      .connect(numbers('rules').broadcast(broadcast))
      .process({
        state,
        operatorState,
        onElement(n, ctx) {
          fill(ctx.state, n)
          fill(ctx.operatorState, n)
        },
        onBroadcast: (n, ctx) => fill(ctx.broadcast, n),
      })
      .uid('states')
      .sinkTo(discard())
  })
}

const options = {
  stateDir: join(folder, 'state'),
  restart: { strategy: 'none' },
  checkpointing: { storage: 'filesystem', interval: 5 },
} as const

async function untilCheckpoints(running: RunningJob): Promise<void> {
  const deadline = performance.now() + 10_000
  const turn = (): Promise<unknown> => Promise.race([running.done, new Promise((resolve) => setTimeout(resolve, 2))])
  while (running.checkpoints().counts.completed < 2 && (await turn()) === undefined) assert.ok(performance.now() < deadline)
}

const savepoints = new Map<Version, string>()

async function savepointOf(version: Version): Promise<string> {
  const known = savepoints.get(version)
  if (known !== undefined) return known
  const running = startJob(jobOf(version), { options, restore: 'none' })
  await untilCheckpoints(running)
  const { path } = (await running.stop({ savepoint: { dir: join(folder, 'savepoints') } }))!
  savepoints.set(version, path!)
  return path!
}

/** The code that the restore is refused with; undefined where the job runs. */
async function restore(version: Version, path: string): Promise<unknown> {
  const running = startJob(jobOf(version), { options, restore: path })
  await untilCheckpoints(running)
  await running.cancel()
  const result = await running.done
  return result.state === 'failed' ? (result.failure.error as MillraceError).code : undefined
}

const codec: StateCodec<unknown> = {
  encode: (given) => Buffer.from(JSON.stringify(given)),
  decode: (bytes) => JSON.parse(Buffer.from(bytes).toString()) as unknown,
}

const states = { v: value(), l: list(), m: map<string, unknown>() } satisfies StateDeclarations
const statesOf = (more: object): StateDeclarations => ({ v: value(more), l: list(more), m: map<string, unknown>(more) })
const plain = { state: states, operatorState: { split: splitList(), union: unionList() }, broadcast: { rules: map<string, number>() } }
const coded = {
  state: statesOf({ codec }),
  operatorState: { split: splitList({ codec }) },
  broadcast: { rules: map<string, unknown>({ codec }) },
}
const migrated = { version: 2, migrate: (old: unknown) => old }

/** What changes, from what, and the outcome of each state that is not simply restored. */
const changes: readonly [what: string, from: Version, to: Version, expected: object][] = [
  ['nothing', plain, plain, {}],
  ['a state is new', plain, { ...plain, state: { ...states, more: value() } }, { more: 'empty' }],
  ['versions are raised', plain, { ...plain, state: statesOf(migrated) }, { v: 'migrated', l: 'migrated', m: 'migrated' }],
  ['a codec is added', plain, { ...plain, ...coded, operatorState: { ...plain.operatorState, ...coded.operatorState } }, {}],
  [
    'a codec is added with a version and no way there',
    plain,
    { ...plain, state: statesOf({ codec, version: 2 }) },
    { v: 'refused', l: 'refused', m: 'refused' },
  ],
  [
    'the same of an operator list',
    plain,
    { ...plain, operatorState: { ...plain.operatorState, split: splitList({ codec, version: 2 }) } },
    { split: 'refused' },
  ],
  [
    'the same of broadcast state',
    plain,
    { ...plain, broadcast: { rules: map<string, unknown>({ codec, version: 2 }) } },
    { rules: 'refused' },
  ],
  [
    'a codec reads its older versions',
    coded,
    { ...coded, state: statesOf({ codec, version: 2 }) },
    { v: 'migrated', l: 'migrated', m: 'migrated' },
  ],
  ['a codec is gone', coded, { ...coded, state: states }, { v: 'refused', l: 'refused', m: 'refused' }],
  ['the codec of broadcast state is gone', coded, { ...coded, broadcast: plain.broadcast }, { rules: 'refused' }],
  ['broadcast state is of another kind', plain, { ...plain, broadcast: { rules: value() } }, { rules: 'refused' }],
  ['broadcast state is gone', plain, { ...plain, broadcast: {} }, { rules: 'lost' }],
  ['lists of the operator change places', plain, { ...plain, operatorState: { split: unionList(), union: splitList() } }, {}],
  [
    'a list of the operator is a list of keys',
    plain,
    { ...plain, operatorState: { union: unionList() }, state: { ...states, split: list() } },
    { split: 'refused' },
  ],
]

describe('what a restore would do', () => {
  for (const [what, from, to, expected] of changes) {
    it(`${what}: the restore does what was said`, async () => {
      const path = await savepointOf(from)
      const built = buildJob(jobOf(to))
      const plan = planJob(built.graph, { parallelism: 1 })
      const { fates, restorable } = await reportRestore(path, built, plan)
      const found = fates.filter(({ operator, outcome }) => operator === 'states' && outcome !== 'restored')
      assert.deepEqual(Object.fromEntries(found.map(({ state, outcome }) => [state, outcome])), expected)
      const code = await restore(to, path)
      assert.equal(code === undefined, restorable, String(code))
    })
  }
})
