// What `millrace plan` says of a checkpoint whose rows are all in the database, and what the restore then does.
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
  planJob,
  reportRestore,
  startJob,
  value,
  type ExecuteOptions,
  type Job,
  type JobEvent,
  type StateCodec,
  type StateDeclarations,
  type ValueState,
} from '../index.ts'
import { rocksdbPackage } from '../state/rocksdb/rocksdb-binding.ts'
import { findSnapshot, snapshotPorts } from './snapshot-place.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-restore-report-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const KEYS = 100

/** Each key is written once, so that its row is soon left alone. */
function jobOf(state: StateDeclarations): Job {
  return defineJob('in-database', (env) => {
    env
      .fromSource(generator<number>({ generate: (n) => n, ratePerSecond: 2_000 }), { uid: 'numbers' })
      .filter((n) => n < KEYS)
      .keyBy((n) => n)
      .process({
        state,
        onElement(n, ctx) {
          const { v } = ctx.state as { v?: ValueState<number> }
          v?.set(n)
        },
      })
      .uid('states')
      .sinkTo(discard())
  })
}

const optionsOf = (place: string, backend: 'heap' | 'rocksdb'): NonNullable<ExecuteOptions['options']> => ({
  stateDir: join(folder, place),
  restart: { strategy: 'none' },
  state: { backend },
  checkpointing: { storage: 'filesystem', interval: 5, retainOnCancel: true },
})

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 20_000; !(await condition()); await new Promise((resolve) => setTimeout(resolve, 5)))
    assert.ok(performance.now() < end)
}

/** A checkpoint of nothing but the database. */
async function checkpointOf(place: string, state: StateDeclarations): Promise<string> {
  let newest: string | undefined
  const onEvent = (event: JobEvent): void => {
    if (event.kind === 'checkpoint-completed') newest = event.checkpoint.path
  }
  const running = startJob(jobOf(state), { options: optionsOf(place, 'rocksdb'), onEvent })
  // One that was looked at may be gone meanwhile, as a newer one is there.
  await until(async () => newest !== undefined && (await isInDatabase(newest).catch(() => false)))
  await running.stop()
  const { path } = (await running.done).lastCheckpoint!
  assert.ok(await isInDatabase(path!))
  return path!
}

async function isInDatabase(path: string): Promise<boolean> {
  const { metadata } = await findSnapshot(path, snapshotPorts())
  const [subtask] = metadata.operators.find(({ stateId }) => stateId === 'states')!.subtasks
  return subtask!.keyed.length === 0 && subtask!.database?.rows === KEYS
}

const codec: StateCodec<unknown> = {
  encode: (given) => Buffer.from(JSON.stringify(given)),
  decode: (bytes) => JSON.parse(Buffer.from(bytes).toString()) as unknown,
}

const plain = { v: value() }
const coded = { v: value({ codec }) }
const changes = [
  ['nothing', plain, plain, 'rocksdb', { v: 'restored' }],
  ['a state is gone', plain, {}, 'rocksdb', { v: 'lost' }],
  ['a state is of another kind', plain, { v: list() }, 'rocksdb', { v: 'refused' }],
  ['a version has no way there', plain, { v: value({ version: 2 }) }, 'rocksdb', { v: 'refused' }],
  ['a version is raised', plain, { v: value({ version: 2, migrate: (old) => old }) }, 'rocksdb', { v: 'migrated' }],
  ['a codec is gone', coded, plain, 'rocksdb', { v: 'refused' }],
  ['the backend', plain, plain, 'heap', { undefined: 'refused' }],
] as const

/** The one that the repository installs. */
const skip = rocksdbPackage() === '@harperfast/rocksdb-js-linux-x64-glibc' ? false : `no binding is installed for ${rocksdbPackage()}`

describe('what a restore would do with rows in a database', { skip }, () => {
  const checkpoints = new Map<StateDeclarations, string>()
  for (const [what, from, to, backend, expected] of changes) {
    it(`${what}: the restore does what was said`, async () => {
      const path = checkpoints.get(from) ?? (await checkpointOf(`from-${what}`, from))
      checkpoints.set(from, path)
      const built = buildJob(jobOf(to))
      const options = optionsOf(`to-${what}`, backend)
      const { fates, restorable } = await reportRestore(path, built, planJob(built.graph, { parallelism: 1 }), { options })
      const found = fates.filter(({ operator }) => operator === 'states')
      assert.deepEqual(Object.fromEntries(found.map(({ state, outcome }) => [String(state), outcome])), expected)
      const running = startJob(jobOf(to), { options, restore: path })
      let isOver = false
      void running.done.then(() => (isOver = true))
      await until(() => isOver || running.checkpoints().counts.completed > 0)
      await running.cancel()
      const result = await running.done
      assert.equal(result.state !== 'failed', restorable, result.state === 'failed' ? (result.failure.error as MillraceError).code : '')
    })
  }
})
