import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { placeOf, readPairList, readPairs, resolveSettings } from './settings.ts'
import type { CommandIo } from './terminal.ts'

void test('pairs are read as they are given, a name at most once where the last would win', () => {
  assert.deepEqual(readPairs('--config', ['a=1', 'b=x=y', 'c=']), { a: '1', b: 'x=y', c: '' })
  assert.deepEqual(readPairList('--header', ['a=1', 'a=2']), [
    ['a', '1'],
    ['a', '2'],
  ])
  assert.throws(() => readPairs('millrace config', ['a=1', 'b=2', 'a=3']), {
    code: 'CLI_PAIR_TWICE',
    message: /millrace config is given a twice/,
  })
  for (const text of ['a', '=1', '']) assert.throws(() => readPairs('--config', [text]), { code: 'CLI_PAIR_MALFORMED' })
})

void test('a folder that is named by a variable which is not set is none', () => {
  const io = { cwd: '/jobs' } as CommandIo
  assert.equal(placeOf(io, 'here'), '/jobs/here')
  assert.equal(placeOf(io, 's3://bucket/there'), 's3://bucket/there')
  assert.throws(() => placeOf(io, ''), { code: 'CLI_ARGUMENT', message: /must be named/ })
})

void test('a file of options under the other usual ending is not passed over', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'millrace-settings-'))
  const io = { cwd, environment: {} } as CommandIo
  writeFileSync(join(cwd, 'millrace.yml'), 'parallelism: 3\n')
  try {
    await assert.rejects(resolveSettings(io, {}), {
      code: 'CLI_CONFIG_NAME',
      message: /^millrace\.yml is not read: call it millrace\.yaml/,
    })
    assert.equal((await resolveSettings(io, { config: 'millrace.yml' })).values.parallelism, 3)
    renameSync(join(cwd, 'millrace.yml'), join(cwd, 'millrace.yaml'))
    assert.equal((await resolveSettings(io, {})).values.parallelism, 3)
  } finally {
    rmSync(cwd, { recursive: true })
  }
})
