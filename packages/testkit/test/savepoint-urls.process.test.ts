// Savepoints at URLs, as in folders: taken, moved, copied, looked into, restored and disposed of, over WebHDFS.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { MillraceError } from '@millrace/core'
import {
  defineJob,
  discard,
  generator,
  openSavepoint,
  reducing,
  removeSavepoint,
  startJob,
  type,
  value,
  writeSavepoint,
  type EngineOptionInput,
  type Job,
  type RunningJob,
} from '@millrace/engine'
import { FakeHdfs } from './fake-hdfs.ts'

const hdfs = new FakeHdfs()
const folder = mkdtempSync(join(tmpdir(), 'millrace-urls-'))
let root = ''
before(async () => {
  await hdfs.start()
  root = `webhdfs://${hdfs.url.slice('http://'.length)}`
})
after(() => {
  hdfs.stop()
  rmSync(folder, { recursive: true })
})

function job(name: string, wrong: number[] = []): Job {
  return defineJob(name, (env) => {
    env
      .fromSource(generator({ generate: (n) => n, ratePerSecond: 500 }), { uid: 'numbers' })
      .keyBy(() => 'all')
      .process({
        emits: type<number>(),
        state: { count: reducing<number>((a, b) => a + b), ballast: value<string>() },
        onElement(n, ctx) {
          if ((ctx.state.count.get() ?? 0) !== n) wrong.push(n)
          ctx.state.count.add(1)
          // Too much to be kept in the metadata.
          ctx.state.ballast.set('x'.repeat(30_000))
        },
      })
      .uid('count')
      .sinkTo(discard())
  })
}

type Checkpointing = NonNullable<EngineOptionInput['checkpointing']>
const options = (checkpointing: Checkpointing = {}): EngineOptionInput => ({
  stateDir: join(folder, 'state'),
  checkpointing: { storage: 'filesystem', interval: '20ms', ...checkpointing, hdfs: { user: 'someone' } },
})

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 5) {
    assert.ok(waited < 20_000)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
const completed = (running: RunningJob): number => running.checkpoints().counts.completed
const keysUnder = (url: string): string[] => [...hdfs.files.keys()].filter((key) => key.startsWith(`${url.slice(root.length + 1)}/`))
const hasCode =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof MillraceError && error.code === code

/** Starts from there, and sees that nothing is lost and nothing there twice. */
async function goesOnFrom(path: string, name: string): Promise<void> {
  const wrong: number[] = []
  const running = startJob(job(name, wrong), { restore: path, options: options() })
  await until(() => completed(running) > 1)
  await running.stop()
  const result = await running.done
  assert.equal(result.state, 'stopped', result.state === 'failed' ? String(result.failure.error) : '')
  assert.deepEqual(wrong, [])
}

void describe('a savepoint at a URL', () => {
  for (const [what, checkpointing] of [
    ['a folder', (): Checkpointing => ({})],
    ['a store of objects', (): Checkpointing => ({ dir: `${root}/checkpoints` })],
  ] as const) {
    it(`is taken by a job that keeps its checkpoints in ${what}, also as its last, and is whole by itself`, async () => {
      const name = what.replaceAll(' ', '-')
      const running = startJob(job(name), { options: options(checkpointing()) })
      await until(() => completed(running) > 1)
      const first = (await running.savepoint({ dir: `${root}/savepoints` })).path!
      assert.match(first, /^webhdfs:\/\/.*\/savepoints\/savepoint-/)
      const last = (await running.stop({ savepoint: { dir: `${root}/savepoints/` } }))!.path!
      for (const key of hdfs.files.keys()) if (key.startsWith('checkpoints/')) hdfs.files.delete(key)
      rmSync(join(folder, 'state', name), { recursive: true, force: true })
      await goesOnFrom(first, `${name}-first`)
      await goesOnFrom(`${last}/_metadata`, `${name}-last`)
    })
  }

  it('is moved, copied to a folder and back; is disposed of', async () => {
    const running = startJob(job('moved'), { options: options() })
    await until(() => completed(running) > 0)
    const url = (await running.stop({ savepoint: { dir: `${root}/from` } }))!.path!
    const keys = keysUnder(url)
    assert.ok(keys.length > 1)
    for (const key of keys) {
      const name = key.slice(url.length - root.length)
      const file = join(folder, 'copy', name)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, hdfs.files.get(key)!)
      hdfs.files.set(`to/elsewhere/${name}`, hdfs.files.get(key)!)
      hdfs.files.delete(key)
    }
    await goesOnFrom(`${root}/to/elsewhere`, 'moved-elsewhere')
    await goesOnFrom(join(folder, 'copy'), 'moved-to-a-folder')
    const local = startJob(job('local'), { options: options() })
    await until(() => completed(local) > 0)
    const path = (await local.stop({ savepoint: { dir: join(folder, 'savepoints') } }))!.path!
    for (const name of readdirSync(path, { recursive: true }) as string[])
      if (statSync(join(path, name)).isFile()) hdfs.files.set(`uploaded/${name}`, readFileSync(join(path, name)))
    await goesOnFrom(`${root}/uploaded`, 'uploaded')
    const access = { options: options() }
    assert.equal(await removeSavepoint(`${root}/uploaded`, access), `${root}/uploaded`)
    assert.deepEqual(keysUnder(`${root}/uploaded`), [])
    await assert.rejects(removeSavepoint(`${root}/uploaded`, access), hasCode('CHECKPOINT_NOT_FOUND'))
  })

  it('is read and written without a job, from place to place', async () => {
    const access = { options: options() }
    const local = join(folder, 'copy')
    const written = await writeSavepoint(`${root}/written`, { from: local, ...access })
    const read = async (path: string): Promise<unknown[]> => {
      const entries: unknown[] = []
      for await (const entry of (await openSavepoint(path, access)).entries()) entries.push(entry)
      return entries
    }
    assert.deepEqual(await read(written.path), await read(local))
    await goesOnFrom(written.path, 'written')
    await assert.rejects(writeSavepoint(`${root}/written`, { from: local, ...access }), hasCode('SAVEPOINT_PLACE_TAKEN'))
  })

  it('that cannot be written fails, leaves nothing, and the job goes on', async () => {
    const running = startJob(job('failing'), { options: options() })
    await until(() => completed(running) > 0)
    const forbidding = createServer((_, response) => {
      response.writeHead(403).end(JSON.stringify({ RemoteException: { exception: 'AccessControlException', message: 'not you' } }))
    })
    await new Promise<void>((resolve) => forbidding.listen(0, '127.0.0.1', resolve))
    const { port } = forbidding.address() as { readonly port: number }
    await assert.rejects(running.savepoint({ dir: `webhdfs://127.0.0.1:${port}/x` }), /SAVEPOINT_FAILED|refuses access/)
    forbidding.close()
    const before = completed(running)
    await until(() => completed(running) > before)
    await running.stop()
    await assert.rejects(openSavepoint(`${root}/nowhere`, { options: options() }), hasCode('CHECKPOINT_NOT_FOUND'))
    hdfs.files.set('half/_metadata', Buffer.from('millrace-checkpoint 1 100 00000000\n{'))
    await assert.rejects(openSavepoint(`${root}/half`, { options: options() }), hasCode('CHECKPOINT_DAMAGED'))
    hdfs.files.set('given-up/_metadata', Buffer.alloc(0))
    await assert.rejects(openSavepoint(`${root}/given-up`, { options: options() }), hasCode('CHECKPOINT_NOT_FOUND'))
  })

  it('claimed at a URL is removed by the job that goes on from it', async () => {
    const running = startJob(job('claimed'), {
      restore: `${root}/written`,
      options: options({ claimMode: 'claim', dir: `${root}/claiming` }),
    })
    await until(() => completed(running) > 1)
    await running.stop()
    assert.deepEqual(keysUnder(`${root}/written`), [])
  })

  // option: checkpointing.inlineThreshold
  it('inlineThreshold decides which state files have an object of their own', async () => {
    const objects = async (inlineThreshold: string): Promise<number> => {
      const name = `inline-${inlineThreshold}`
      const running = startJob(job(name), { options: options({ dir: `${root}/inline`, inlineThreshold: inlineThreshold as '1MiB' }) })
      await until(() => completed(running) > 1)
      await running.stop()
      return keysUnder(`${root}/inline/${name}/shared`).length
    }
    assert.equal(await objects('1MiB'), 0)
    assert.ok((await objects('20KiB')) > 0)
  })

  // option: checkpointing.fileMerging.enabled, option: checkpointing.fileMerging.maxFileSize
  it('fileMerging puts the state files of a checkpoint into objects up to a size', async () => {
    const objects = async (name: string, fileMerging: NonNullable<Checkpointing['fileMerging']>): Promise<boolean> => {
      const running = startJob(job(name), { options: options({ dir: `${root}/merging`, inlineThreshold: '1KiB', fileMerging }) })
      await until(() => completed(running) > 1)
      const savepoint = (await running.stop({ savepoint: { dir: `${root}/merging-savepoints` } }))!.path!
      const { lastCheckpoint } = await running.done
      await goesOnFrom(lastCheckpoint!.path!, `${name}-elsewhere`)
      const names = keysUnder(`${root}/merging/${name}/shared`)
      for (const key of hdfs.files.keys()) if (key.startsWith('merging/')) hdfs.files.delete(key)
      await goesOnFrom(savepoint, `${name}-savepoint`)
      assert.ok(names.length > 0)
      return names.every((key) => key.endsWith('-merged-0'))
    }
    assert.equal(await objects('apart', { enabled: false }), false)
    assert.equal(await objects('merged', { enabled: true }), true)
    // Its state takes 30 KB.
    assert.equal(await objects('large', { enabled: true, maxFileSize: '16KiB' }), false)
  })
})
