import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { runInThisContext } from 'node:vm'
import { nodeClock, nodeDisk, nodeNetwork, nodeRandom, resolveOptions } from '@millrace/core'
import { buildJob, type BuiltJob } from '../../api/build-job.ts'
import type { Environment } from '../../api/environment.ts'
import { defineJob } from '../../api/job.ts'
import { engineOptionTable } from '../../config/options.ts'
import { discard } from '../../connectors/discard.ts'
import { startLocalJob } from '../start-job.ts'
import { writeCapsule, type CrashFacts } from './capsule.ts'
import { replayCrash } from './replay.ts'

/** Runs a job until it fails, and then what it failed on again, as its capsule does. Answers what that throws. */
async function failingAgain(build: (env: Environment) => void): Promise<unknown> {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-capsule-'))
  try {
    const job = defineJob('fails', build)
    const built = (): BuiltJob => buildJob(job)
    const options = { dir, limit: 1, modulePath: join(dir, 'job.ts'), params: {}, now: () => 0 }
    let path: string | undefined
    const settings = { parallelism: 2, checkpointing: { storage: 'memory' }, restart: { strategy: 'none' } } as const
    const running = startLocalJob({
      first: built(),
      build: built,
      settings: resolveOptions(engineOptionTable, { code: settings }),
      restore: 'none',
      ports: {
        clock: nodeClock,
        disk: nodeDisk,
        network: nodeNetwork,
        random: nodeRandom,
        capsule: async (error, subtasks) => {
          const written = await writeCapsule(error, subtasks, options)
          path = written?.path
          return written
        },
      },
      onEvent: () => {},
    })
    assert.equal((await running.done).state, 'failed')
    const program = await readFile(path!, 'utf8')
    const facts = /^await replayCrash\(job, (\{.*\})\)$/ms.exec(program)![1]!
    return await replayCrash(job, runInThisContext(`(${facts})`) as CrashFacts).then(
      () => undefined,
      (error: unknown) => error,
    )
  } finally {
    await rm(dir, { recursive: true })
  }
}

const doubled = (n: number): { readonly double: number } => ({ double: n * 2 })
const refuse = ({ double }: { readonly double: number }): number => {
  if (double === 6) throw new Error(`${double} has no place`)
  return 0
}

test('a key selector that failed on what an operator put out is asked about that again, and the operator is not', async () => {
  const error = await failingAgain((env) => void env.fromCollection([1, 2, 3]).map(doubled).keyBy(refuse).count().sinkTo(discard()))
  assert.match(String(error), /6 has no place/)
})

test('of what a source put out there is a capsule too', async () => {
  const missing = ({ double }: { readonly double?: number }): number => double!
  const error = await failingAgain(
    (env) =>
      void env
        .fromCollection([{ double: 1 }, {}])
        .keyBy(missing)
        .count()
        .sinkTo(discard()),
  )
  assert.equal((error as { readonly code?: string }).code, 'KEY_UNDEFINED')
})

test('a partitioner is asked again for as many channels as there were', async () => {
  const build =
    (choose: (record: { readonly double: number }, channels: number) => number) =>
    (env: Environment): void =>
      void env
        .fromCollection([1, 2, 3])
        .map(doubled)
        .partition(choose)
        .filter(() => true)
        .sinkTo(discard())
  assert.match(String(await failingAgain(build(refuse))), /6 has no place/)
  const error = await failingAgain(build(({ double }, channels) => (double === 4 ? channels : 0)))
  assert.match(String(error), /answered 2; it must answer a whole number from 0 to 1/)
})
