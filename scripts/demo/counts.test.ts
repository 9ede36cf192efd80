import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { differences, PublishedCounts, recount, tooMany } from './counts.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-counts-'))
after(() => rmSync(folder, { recursive: true }))

let numFolders = 0
function published(...files: readonly string[]): PublishedCounts {
  const counts = new PublishedCounts(mkdtempSync(join(folder, String(numFolders++))))
  for (const [index, text] of files.entries()) writeFileSync(join(counts.folder, `part-${index}`), text)
  writeFileSync(join(counts.folder, '.unpublished'), '/a 99\n')
  counts.refresh()
  return counts
}

void test('counts that go from 1 to the last, each once, are right in any order of files', () => {
  const counts = published('/a 3\n/b 1\n', '/a 1\n/a 2\n')
  counts.refresh()
  assert.deepEqual(counts.problems(), [])
  assert.deepEqual(
    [...counts.last()],
    [
      ['/a', 3],
      ['/b', 1],
    ],
  )
  assert.equal(counts.numLines, 4)
})

void test('what is lost, twice or too much is found', () => {
  assert.deepEqual(published('/a 1\n/a 3\n').problems(), ['/a: 3 stands where 2 should'])
  assert.deepEqual(published('/a 1\n/a 2\n', '/a 2\n').problems(), ['/a 2 is written twice'])
  assert.deepEqual(published('/a 2\n').problems(), ['/a: 2 stands where 1 should'])
  assert.deepEqual(published('/a x\n').problems(), ['/a: NaN stands where 1 should'])
  const line = '::1 - - [01/Jan/2026:00:00:00 +0000] "GET /a?b HTTP/1.1" 200 1'
  const expected = recount([line, 'no request', line])
  assert.deepEqual(differences(published('/a 1\n').last(), expected), ['/a ends at 1 instead of 2'])
  assert.deepEqual(differences(new Map(), expected), ['/a ends at 0 instead of 2'])
  assert.deepEqual(tooMany(published('/a 1\n/b 1\n').last(), expected), ['/b is counted 1 times and was asked for 0 times'])
})
