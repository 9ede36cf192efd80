// Local paths as `file:` URLs, wherever code names a checkpoint, a savepoint, or a folder for them.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import {
  defineJob,
  discard,
  execute,
  generator,
  openSavepoint,
  removeSavepoint,
  startJob,
  writeSavepoint,
  type ExecuteOptions,
} from '../index.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-file-urls-'))
after(() => rmSync(folder, { recursive: true }))
const urlOf = (...names: string[]): string => pathToFileURL(join(folder, ...names)).href

const job = defineJob('counts', (env) => {
  env.checkpointing.storage = { dir: urlOf('a place') }
  env
    .fromSource(generator({ generate: (n) => n, ratePerSecond: 1_000 }), { uid: 'numbers' })
    .keyBy((n) => n % 3)
    .count()
    .uid('count')
    .sinkTo(discard())
})

const options: ExecuteOptions = { options: { stateDir: urlOf('state'), checkpointing: { interval: '20ms' } } }

/** Runs until there is a checkpoint, and stops with a savepoint there. */
async function savepointIn(dir: string, restore: string): Promise<string> {
  const checkpointed = Promise.withResolvers<void>()
  const running = startJob(job, {
    ...options,
    restore,
    onEvent: ({ kind }) => {
      if (kind === 'checkpoint-completed' || kind === 'ended') checkpointed.resolve()
    },
  })
  await checkpointed.promise
  const savepoint = await running.stop({ savepoint: { dir } })
  return savepoint!.path!
}

describe('file URLs', () => {
  it('are paths for checkpoints, restores and savepoints', async () => {
    const first = await savepointIn(urlOf('savepoints'), 'none')
    assert.ok(first.startsWith(join(folder, 'savepoints')), first)
    assert.ok(existsSync(join(folder, 'a place', 'counts')))
    assert.ok(existsSync(join(folder, 'state', 'counts')))
    const second = await savepointIn(urlOf('savepoints'), pathToFileURL(first).href)
    const { path } = await writeSavepoint(urlOf('copy'), { from: pathToFileURL(second).href })
    assert.equal(path, join(folder, 'copy'))
    assert.equal((await openSavepoint(urlOf('copy'))).path, path)
    assert.equal(await removeSavepoint(urlOf('copy')), path)
    assert.ok(!existsSync(path))
  })

  it('that name no path of this machine are refused', async () => {
    for (const url of ['file://host/data', 'file:data', 'file://']) {
      const refused = { code: 'CHECKPOINT_URL_INVALID', message: /absolute path of this machine/ }
      await assert.rejects(async () => await execute(job, { ...options, restore: url }), refused)
      await assert.rejects(openSavepoint(url), refused)
      await assert.rejects(removeSavepoint(url), refused)
      const dir = { options: { ...options.options, checkpointing: { dir: url } } }
      await assert.rejects(async () => await execute(job, dir), {
        code: 'OPTION_INVALID',
        message: /checkpointing\.dir must be a path like .*file:/,
      })
    }
  })
})
