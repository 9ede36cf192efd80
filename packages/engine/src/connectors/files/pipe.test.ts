import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { constants } from 'node:fs'
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { collect } from '../../runtime/execute.ts'
import { files } from './files.ts'

async function lines(path: string, follow: boolean): Promise<string[]> {
  const found: string[] = []
  for await (const line of collect((env) => env.fromSource(files({ path, follow }), { uid: 'lines' }))) found.push(line)
  return found
}

void test('a pipe is refused by its name, whoever holds it open, and left out of a folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-pipe-'))
  const pipe = join(folder, 'pipe')
  execFileSync('sh', ['-c', 'mkfifo "$0"', pipe])
  await writeFile(join(folder, 'file'), 'a\n')
  // Held open, so that a reader that opens it all the same does not wait for ever.
  const held = await open(pipe, constants.O_RDWR | constants.O_NONBLOCK)
  try {
    await assert.rejects(lines(pipe, false), { code: 'FILES_PIPE', who: 'user' })
    await assert.rejects(lines(pipe, true), { code: 'FILES_PIPE', who: 'user' })
    assert.deepEqual(await lines(folder, false), ['a'])
    assert.deepEqual(await lines('/dev/null', false), [])
  } finally {
    await held.close()
    await rm(folder, { recursive: true })
  }
})
