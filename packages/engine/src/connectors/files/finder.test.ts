import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import { DiskError, nodeDisk, type Disk, type FileStat } from '@millrace/core'
import { findFiles } from './finder.ts'

/** The folder `in`, of which the system lists these names, and finds only some of them. */
function folder(listed: readonly string[], there: readonly string[]): Disk {
  const stat = (path: string): Promise<Partial<FileStat>> => {
    if (path === 'in') return Promise.resolve({ kind: 'directory' })
    if (there.some((name) => path === `in/${name}`)) return Promise.resolve({ kind: 'file' })
    return Promise.reject(new DiskError('not-found', 'stat', path))
  }
  return { list: () => Promise.resolve(listed), stat } as Partial<Disk> as Disk
}

void test('a file whose name is not UTF-8 cannot be opened, and is not left out without a word', async () => {
  for (const path of ['in', 'in/*.txt', 'in/**']) {
    await assert.rejects(findFiles(folder(['a.txt', 'caf\uFFFD.txt'], ['a.txt']), path), {
      code: 'FILES_UNREADABLE',
      message: /in\/caf\uFFFD\.txt cannot be read: its name is not UTF-8/,
    })
    // One that has this character in its name, and one that went meanwhile.
    const found = await findFiles(folder(['a.txt', 'b\uFFFD.txt', 'gone.txt'], ['a.txt', 'b\uFFFD.txt']), path)
    assert.deepEqual(
      found?.map((file) => file.path),
      ['in/a.txt', 'in/b\uFFFD.txt'],
    )
  }
})

void test('links that lead back to a folder above them end, and so does what lies deep', { timeout: 60_000 }, async (context) => {
  const top = mkdtempSync(join(tmpdir(), 'millrace-finder-'))
  context.after(() => rmSync(top, { recursive: true }))
  const deep = join(top, 'logs', ...Array.from({ length: 40 }, () => 'd'))
  mkdirSync(deep, { recursive: true })
  for (const folder of [join(top, 'logs'), deep]) writeFileSync(join(folder, 'a.log'), 'a\n')
  // As many ways as there are words of three letters: to try them all takes for ever.
  for (const name of ['Back', 'here', 'up']) symlinkSync(join(top, 'logs'), join(top, 'logs', name))
  const found = await findFiles(nodeDisk, join(top, '**', '*.log'))
  assert.deepEqual(
    found?.map(({ path }) => path),
    [join(top, 'logs', 'a.log'), join(deep, 'a.log')],
  )
})

void test('braces may hold folders', async (context) => {
  const top = mkdtempSync(join(tmpdir(), 'millrace-finder-'))
  context.after(() => rmSync(top, { recursive: true }))
  for (const folder of ['2026/01', '2026/02', 'old']) {
    mkdirSync(join(top, folder), { recursive: true })
    writeFileSync(join(top, folder, 'a.log'), 'a\n')
  }
  const found = async (pattern: string): Promise<readonly string[] | undefined> =>
    (await findFiles(nodeDisk, join(top, pattern)))?.map(({ path }) => relative(top, path))
  assert.deepEqual(await found('{2026/01,old}/*.log'), ['2026/01/a.log', 'old/a.log'])
  assert.deepEqual(await found('{2026/{01,02},old,gone}/a.log'), ['2026/01/a.log', '2026/02/a.log', 'old/a.log'])
  assert.deepEqual(await found('{2026/02/a.log,old,old/*}'), ['2026/02/a.log', 'old/a.log'])
  assert.deepEqual(await found('2026/{01,02}/{a,b}.{log,txt}'), ['2026/01/a.log', '2026/02/a.log'])
  for (const nothing of ['{2026/01}/a.log', '{2026/01/a.log', '{gone/a,gone/b}/*']) assert.deepEqual(await found(nothing), [])
})
