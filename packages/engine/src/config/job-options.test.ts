import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { resolveOptions } from '@millrace/core'
import { buildJob } from '../api/build-job.ts'
import type { Environment } from '../api/environment.ts'
import { defineJob } from '../api/job.ts'
import { discard } from '../connectors/discard.ts'
import { jobOptions } from './job-options.ts'
import { engineOptionTable, type ResolvedEngineOptions } from './options.ts'

type Settings = (env: Environment) => void

/** What a job sets, over a configuration file and flags. */
function resolved(set: Settings, file: object = {}, flags: { readonly [key: string]: string } = {}): ResolvedEngineOptions {
  const { graph } = buildJob(
    defineJob('job', (env) => {
      set(env)
      env.fromCollection([1]).sinkTo(discard())
    }),
  )
  const below = resolveOptions(engineOptionTable, { file: { path: 'millrace.yaml', content: file }, flags })
  return jobOptions(below, graph.settings)
}

const held = ({ values, origins }: ResolvedEngineOptions): readonly unknown[] => [
  values.state.backend,
  origins['state.backend'],
  values.checkpointing.storage,
  origins['checkpointing.storage'],
]

describe('the state backend and the storage of a job', () => {
  it('are what its code says, before flags and millrace.yaml', () => {
    const rocksdb: Settings = (env) => (env.checkpointing.backend = 'rocksdb')
    assert.deepEqual(held(resolved(rocksdb)), ['rocksdb', 'the job', 'filesystem', 'the default'])
    const others = [{ state: { backend: 'memory' } }, { 'state.backend': 'heap' }] as const
    assert.deepEqual(held(resolved(rocksdb, ...others)), ['rocksdb', 'the job', 'filesystem', 'the default'])
    const open: Settings = () => {}
    assert.deepEqual(held(resolved(open, {}, { 'state.backend': 'rocksdb' })), ['rocksdb', '--backend', 'filesystem', 'the default'])
    assert.equal(resolved(rocksdb, { state: { cacheSize: '1MiB' } }).values.state.cacheSize, 2 ** 20)
  })

  it('a backend that is the name of a storage is the heap, and that storage', () => {
    const inMemory: Settings = (env) => (env.checkpointing.backend = 'memory')
    assert.deepEqual(held(resolved(inMemory)), ['heap', 'the job', 'memory', 'the job'])
    const file = { state: { backend: 'filesystem' } }
    assert.deepEqual(held(resolved(() => {}, file)), ['heap', 'millrace.yaml', 'filesystem', 'millrace.yaml'])
    const settled = resolved(() => {}, file)
    assert.equal(jobOptions(settled, undefined).values.checkpointing.storage, 'filesystem')
  })

  it('a storage that is not what the backend is called is refused', () => {
    const onDisk: Settings = (env) => (env.checkpointing.storage = { dir: '/data' })
    assert.throws(() => resolved(onDisk, { state: { backend: 'memory' } }), {
      code: 'CHECKPOINT_STORAGE_CONFLICT',
      message: /state\.backend is memory \(by millrace\.yaml\).*checkpointing\.storage is filesystem \(by the job\)/,
    })
    const both: Settings = (env) => Object.assign(env.checkpointing, { backend: 'memory', storage: 'filesystem' })
    assert.throws(() => resolved(both), { code: 'CHECKPOINT_STORAGE_CONFLICT' })
    const same: Settings = (env) => Object.assign(env.checkpointing, { backend: 'memory', storage: 'memory' })
    assert.deepEqual(held(resolved(same)), ['heap', 'the job', 'memory', 'the job'])
  })

  it('what its code contradicts itself in is refused as it is built', () => {
    const contradictions = [
      [{ unaligned: true, mode: 'at-least-once' }, 'CHECKPOINT_UNALIGNED_CONFLICT'],
      [{ unaligned: true, maxConcurrent: 2 }, 'CHECKPOINT_UNALIGNED_CONFLICT'],
      [{ backend: 'rocksdb', asynchronous: false }, 'STATE_BACKEND_SYNCHRONOUS'],
      [{ memory: { maxStateSize: '11MiB' } }, 'CHECKPOINT_MEMORY_LIMITS_CONFLICT'],
    ] as const
    for (const [checkpointing, code] of contradictions) {
      assert.throws(() => resolved((env) => Object.assign(env.checkpointing, checkpointing)), { code })
    }
  })

  it('a folder in the place of the storage is the file system, there', () => {
    const onDisk: Settings = (env) => (env.checkpointing.storage = { dir: '/data' })
    const options = resolved(onDisk, { checkpointing: { storage: 'memory', dir: '/elsewhere' } })
    assert.deepEqual(held(options), ['heap', 'the default', 'filesystem', 'the job'])
    assert.equal(options.values.checkpointing.dir, '/data')
    for (const storage of [{}, { dir: 5 }, { dir: '/data', interval: '5s' }, ['/data']]) {
      const wrong: Settings = (env) => Object.assign(env.checkpointing, { storage })
      assert.throws(() => resolved(wrong), { code: 'ARGUMENT_INVALID', message: /env\.checkpointing.*\{ dir \}/ })
    }
    const twice: Settings = (env) => Object.assign(env.checkpointing, { storage: { dir: '/data' }, dir: '/other' })
    assert.throws(() => resolved(twice), { code: 'ARGUMENT_INVALID', message: /without env\.checkpointing\.dir/ })
    const neither: Settings = (env) => Object.assign(env.checkpointing, { backend: 'disk' })
    assert.throws(() => resolved(neither), { code: 'OPTION_INVALID', message: /the job: state\.backend must be one of heap, rocksdb/ })
  })
})
