import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Log } from '../log.ts'
import { lockDirectory } from './directory-lock.ts'

const holder = `
  const { lockDirectory } = await import(${JSON.stringify(join(import.meta.dirname, 'directory-lock.ts'))})
  await lockDirectory(process.argv[1])
  console.log('held')
  setInterval(() => undefined, 1000)
`

test('one broker at a time has a directory: a second one is refused, in this process and another, until the first has gone', async (context) => {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-lock-'))
  const log = await Log.start({ dir })
  await assert.rejects(Log.start({ dir }), { code: 'BROKER_DIRECTORY_LOCKED' })
  await log.close()

  const child = spawn(process.execPath, ['--conditions=@millrace/source', '--input-type=module', '-e', holder, dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  context.after(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  await assert.rejects(Log.start({ dir }), (error: { readonly code?: string; readonly who?: string; readonly message: string }) => {
    assert.deepEqual([error.code, error.who], ['BROKER_DIRECTORY_LOCKED', 'operator'])
    // Not every system, and not every file system, tells who it is.
    assert.match(error.message, new RegExp(`by another broker(, process ${child.pid})?; .*Stop that one`))
    assert.equal((error as Error).cause, undefined, 'what the database says helps nobody')
    return true
  })
  child.kill('SIGKILL')
  await once(child, 'exit')
  const release = await lockDirectory(dir)
  await assert.rejects(lockDirectory(dir), { code: 'BROKER_DIRECTORY_LOCKED' })
  release()
  ;(await lockDirectory(dir))()
  await rm(dir, { recursive: true })
})
