import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { nodeDisk } from '../io/node/disk.ts'
import { readConfigFile } from './file.ts'

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-config-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

function read(content: string | Uint8Array): Promise<unknown> {
  return inFolder(async (folder) => {
    const path = join(folder, 'millrace.yaml')
    await writeFile(path, content)
    return (await readConfigFile(nodeDisk, path, false))?.content
  })
}

void test('YAML is read as plain data', async () => {
  assert.deepEqual(await read('parallelism: 2\ncheckpointing:\n  interval: 5s # often\n'), {
    parallelism: 2,
    checkpointing: { interval: '5s' },
  })
  assert.equal(await read(''), null)
})

void test('what is merged into a mapping is in it', async () => {
  const content = 'broker: &same\n  port: 1\n  host: here\nclient:\n  <<: *same\n  port: 2\n'
  assert.deepEqual(await read(content), { broker: { port: 1, host: 'here' }, client: { port: 2, host: 'here' } })
})

void test('a missing file is fine only where it may be missing', () =>
  inFolder(async (folder) => {
    assert.equal(await readConfigFile(nodeDisk, join(folder, 'none.yaml'), true), undefined)
    await assert.rejects(readConfigFile(nodeDisk, join(folder, 'none.yaml'), false), {
      code: 'CONFIG_FILE_UNREADABLE',
      message: /none\.yaml cannot be read: there is no such file \[/,
    })
    await assert.rejects(readConfigFile(nodeDisk, folder, true), { code: 'CONFIG_FILE_UNREADABLE' })
  }))

void test('what is no YAML, no text, or no configuration is refused', async () => {
  await assert.rejects(read('a: [1'), { code: 'CONFIG_FILE_MALFORMED', message: /millrace\.yaml.*line 1/s })
  await assert.rejects(read(Uint8Array.of(0x61, 0xff)), { code: 'CONFIG_FILE_UNREADABLE' })
  await assert.rejects(read('#'.repeat(2 ** 21)), { code: 'CONFIG_FILE_UNREADABLE', message: /larger than/ })
  const bomb = [
    'a: &a [x, x, x, x, x, x, x, x, x, x]',
    ...Array.from('bcdefghi', (name, i) => `${name}: &${name} [${`*${'abcdefgh'[i]}, `.repeat(9)}]`),
  ]
  await assert.rejects(read(bomb.join('\n')), { code: 'CONFIG_FILE_MALFORMED' })
})
